"""`python -m seedsweep`; see `cli.table_command`."""

from seedsweep.cli.table_command import main

if __name__ == "__main__":
    main()
