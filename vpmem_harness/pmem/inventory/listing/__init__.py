"""Copies of hosts from what ndctl and daxctl list of them."""
