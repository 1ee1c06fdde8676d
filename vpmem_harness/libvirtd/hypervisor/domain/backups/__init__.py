"""Backups of domains."""
