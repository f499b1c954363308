"""Train one trial, or with -m a sweep: python sweep.py -m model=conv3,conv4 opt=sgd,adam."""

from pathlib import Path

from seedsweep.cli.sweep_command import main

if __name__ == "__main__":
    main(Path(__file__).parent / "conf")
