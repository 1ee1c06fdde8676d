"""A fleet: simulated hosts, and a cloud on them, with a control socket."""
