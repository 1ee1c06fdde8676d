"""Definitions of storage pools and volumes."""
