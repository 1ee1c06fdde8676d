"""Domain XML: parse, check, complete, print."""
