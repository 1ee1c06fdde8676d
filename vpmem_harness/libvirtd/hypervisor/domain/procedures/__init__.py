"""Procedure groups for domains, one module per group."""
