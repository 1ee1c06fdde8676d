"""For tests in Nova's own tree: helpers under Nova's names, and a mixin for its base classes."""
