"""What contributors type: nox -s lint, tests, docs, full, bench."""

import nox

nox.options.sessions = ["lint", "tests"]
# The environment that is active is used: TensorFlow is large.
nox.options.default_venv_backend = "none"


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style, types, import contracts and spelling."""
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports")
    session.run("codespell")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; further arguments go to pytest: nox -s tests -- tests/reporting."""
    session.run("pytest", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site in site/; a broken link is an error."""
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def full(session: nox.Session) -> None:
    """Run the long forms of the tests, one after another."""
    session.run("pytest", "--full", "-n0", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what a launch costs a job."""
    session.run("python", "bench/overhead.py", *session.posargs)
