"""Simulated libvirt hosts with persistent memory, for tests."""
