"""Sweeps over neural-network architectures with fixed seeds, and a table that can be trusted."""
