"""One trial from its config to its run: reuse, training, tracking."""
