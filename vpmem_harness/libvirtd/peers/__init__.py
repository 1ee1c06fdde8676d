"""Connections of a daemon to other daemons."""
