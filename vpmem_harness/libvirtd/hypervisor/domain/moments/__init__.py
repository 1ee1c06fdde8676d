"""What snapshots and checkpoints of domains have in common."""
