"""Clouds and servers: boot, resize, migrate and delete servers, and wait for their states."""
