"""Network filters and their bindings as XML."""
