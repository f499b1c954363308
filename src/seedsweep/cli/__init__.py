"""The command lines: sweep.py's, and `python -m seedsweep`."""
