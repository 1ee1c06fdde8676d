"""Backend with real Nova and Placement (extra ``nova``)."""
