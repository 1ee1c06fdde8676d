"""Domain XML: parse, complete, validate, format."""
