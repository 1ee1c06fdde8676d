"""Inventories: what persistent memory a host has, given, random or recorded."""
