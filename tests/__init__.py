"""The tests: ``unit`` mirrors the package, ``functional`` drives it, ``conformance`` compares."""
