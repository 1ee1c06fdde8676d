"""Network filters of a host, and their bindings to the interfaces of guests."""
