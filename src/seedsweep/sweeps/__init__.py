"""Sweeps from their plan to their table: grids and searches."""
