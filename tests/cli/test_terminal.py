"""What a person sees in a terminal, through a real pseudo-terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

from rich.cells import cell_len


def in_terminal(command, directory, width):
    """The lines that a command shows in a terminal, without colours."""
    mine, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        command, cwd=directory, stdin=other, stdout=other, stderr=other, env={**environment, "TERM": "xterm-256color"}
    )
    os.close(other)
    shown = b""
    while True:
        try:
            chunk = os.read(mine, 65536)
        except OSError:  # the terminal's other side is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(mine)
    assert process.wait(timeout=60) == 0, shown.decode()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).splitlines()


def test_a_table_has_the_width_of_the_terminal(sweep):
    """And is Markdown where it is piped."""
    run = sweep([1, 2], EPOCH_SECONDS=0)
    assert run.run() == 0, run.output
    command = [sys.executable, "-m", "seedsweep", "table"]
    lines = in_terminal([*command, "--explain"], run.directory, 50)
    header = next(line for line in lines if line.startswith("Variant"))
    assert "Seconds" not in header
    assert max(map(cell_len, lines)) <= 50
    assert not any(line.startswith("|") for line in lines)
    assert any(line.startswith("± is the standard deviation over seeds.") for line in lines)
    piped = subprocess.run(command, cwd=run.directory, capture_output=True, text=True, check=True).stdout
    assert piped.startswith("# ")
