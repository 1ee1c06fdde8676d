"""Random operations and faults over a fleet, and what must hold whatever happens."""
