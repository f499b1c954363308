"""Composed configs, checked and frozen. Not here: composing them, which Hydra does."""
