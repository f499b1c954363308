"""What to try next: a space of settings, and KerasTuner's algorithms asked and told from outside.

The only package that imports KerasTuner, and only in a process of its own. Not here: training what was proposed.
"""
