"""Real Nova and Placement on the simulated hosts (extra ``nova``)."""
