"""Copies of hosts from listings of ndctl and daxctl."""
