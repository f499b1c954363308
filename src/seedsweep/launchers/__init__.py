"""Where trials run: slots, worker processes, and what they report. The only room that imports Pebble."""
