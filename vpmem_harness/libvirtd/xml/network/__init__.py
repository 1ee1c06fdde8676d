"""Definitions of virtual networks."""
