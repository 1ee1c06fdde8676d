"""Persistent memory: regions, namespaces, sizes, and ndctl, daxctl and daxio."""
