"""What a trial is: its settings, identity, names and record, and who owns its directory. Standard library only."""
