"""Values as a user types them: in an override, and in a shell."""

from __future__ import annotations

import re
import shlex

# Texts that Hydra's grammar for overrides takes without quotes, and those that it takes for something else.
_PLAIN = re.compile(r"[A-Za-z_/][\w./:@%+-]*")
_NO_TEXT = ("null", "true", "false", "nan", "inf")
# What a shell gives a meaning within double quotes.
_EXPANDED = re.compile(r'["$`\\!]')


def format_override(value: object) -> str:
    """Return a value as it would be typed on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ",".join(format_override(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def quoted(text: str) -> str:
    """Return a text as a quoted value of Hydra's override grammar that resolves to itself."""
    # Backslashes count only before a quote, before an interpolation, and at the end, where a quote follows.
    text = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    text = re.sub(r"(\\*)'", r"\1\1\\'", text)
    return "'" + re.sub(r"(\\+)$", r"\1\1", text) + "'"


def override(key: str, value: object) -> str:
    """Return an override as it is typed in a shell.

    Example:
        >>> print(override("data.path", "my exp/mine.npz"))
        "data.path='my exp/mine.npz'"
    """
    text = format_override(value)
    if isinstance(value, str) and (not _PLAIN.fullmatch(text) or text.lower() in _NO_TEXT):
        text = quoted(text)
    return shell_word(f"{key}={text}")


def shell_word(text: str) -> str:
    """Return a text quoted for a shell, in double quotes where those read better."""
    return f'"{text}"' if "'" in text and not _EXPANDED.search(text) else shlex.quote(text)
