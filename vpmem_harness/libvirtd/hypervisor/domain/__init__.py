"""Domains: their state, their processes, and the rules that change them."""
