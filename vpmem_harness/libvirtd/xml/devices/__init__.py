"""Device elements of domain XML: parsing, addresses, aliases, validation."""
