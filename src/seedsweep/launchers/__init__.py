"""Where trials run: slots, worker processes, and what they report. The only package that imports Pebble."""
