"""URIs of databases and artifacts, turned into paths of this machine and back.

A URI is not a path: MLflow percent-encodes its default database URI and SQLAlchemy decodes it, so that a directory
"my exp" stands as `sqlite:////…/my%20exp/mlflow.db`. Every reader and writer asks here.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from seedsweep.config.overrides import override
from seedsweep.errors import UserError

WHERE = "tracking.uri"
# Options of a URI that Python's driver for SQLite has and that leave a database on the disk.
_OPTIONS = ("timeout", "cached_statements", "isolation_level")
_SQLITE = re.compile(r"sqlite(?:\+\w+)?://(?:/(?P<path>[^?]*)(?:\?(?P<options>.*))?)?")


def sqlite_file(uri: str) -> Path | None:
    """Return the absolute path of the SQLite database that a URI names, or None where it names a server.

    Raises:
        UserError: it is a SQLite URI that names no file.

    Example:
        >>> sqlite_file("sqlite:////home/ada/my%20exp/mlflow.db")
        PosixPath('/home/ada/my exp/mlflow.db')
    """
    if not uri.startswith("sqlite"):
        return None
    parts = _SQLITE.fullmatch(uri)
    if parts is None:
        raise UserError(f"cannot read the URI {uri}", where=WHERE, fix="tracking.uri=sqlite:///mlflow.db")
    path, options = unquote(parts["path"] or ""), parts["options"]
    if path in ("", ":memory:"):
        what = f"{uri} is a database in memory, which is gone when the command ends"
        raise UserError(what, where=WHERE, fix="tracking.uri=sqlite:///mlflow.db")
    is_known = options is None or all(part.partition("=")[0] in _OPTIONS for part in options.split("&"))
    if path.startswith("file:") or not is_known:
        meant = path.removeprefix("file:") if path.startswith("file:") else f"{path}?{options}"
        what = f"{uri} has options that a store cannot have; a question mark in a file's name is written %3F"
        raise UserError(what, where=WHERE, fix=override(WHERE, _uri(meant)))
    return Path(path).absolute()


def sqlite_uri(file: Path) -> str:
    """Return the URI of a SQLite database.

    Example:
        >>> sqlite_uri(Path("/home/ada/my exp/100 %.db"))
        'sqlite:////home/ada/my exp/100 %25.db'
    """
    return _uri(str(file.absolute()))


def _uri(path: str) -> str:
    # No more than what would be read otherwise: MLflow makes a database's parent directory without decoding its URI.
    return "sqlite:///" + path.replace("%", "%25").replace("?", "%3F")


def local_path(uri: str) -> Path | None:
    """Return where artifacts with this URI are on this machine, or None where a server keeps them.

    MLflow decodes a location without a scheme too.
    """
    if uri.startswith("/"):
        return Path(url2pathname(uri))
    parts = urlsplit(uri)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None
