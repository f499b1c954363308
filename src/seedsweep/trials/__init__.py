"""What a trial is: its settings, its identity, its names, its record and who owns its directory. Pure: standard library only."""
