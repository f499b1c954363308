"""What a trial is: its settings, its identity, its names and its record. Pure: standard library only."""
