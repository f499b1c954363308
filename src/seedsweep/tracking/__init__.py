"""Runs in, runs out. The only room that imports MLflow, and MLflow is the only store."""
