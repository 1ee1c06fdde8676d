"""Faults by name: what can fail on a host, when, and with which effect."""
