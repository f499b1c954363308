"""The code that a user's function depends on, found without running it, and its identity.

Counted are the definitions that the function reaches, in its own module and in others of the user, and what those
modules do when they are imported. Comments, docstrings and layout are not counted. Of installed packages the
version counts.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from seedsweep.trials.python_modules import find_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from seedsweep.trials.python_modules import Module

# With these a function can reach any definition of its module by a name that no reader can know.
_DYNAMIC = {"globals", "locals", "vars", "eval", "exec", "getattr", "setattr"}
# Their versions are part of each trial's identity already.
_COUNTED = {"keras", "tensorflow", "jax", "torch", "numpy", "seedsweep"}


@dataclass(frozen=True)
class SourceCode:
    """The code of a function.

    Attributes:
        sha256: of all of it, as 16 hexadecimal digits.
        parts: module name, or package name → the identity of what of it counts.
        files: module name → file, of the user's modules.
    """

    sha256: str
    parts: Mapping[str, str]
    files: Mapping[str, Path]


def code_of(*targets: str) -> SourceCode:
    """Return the code that functions depend on.

    Args:
        targets: the functions' dotted paths.

    Raises:
        LookupError: there is no such module.
        SyntaxError: a file is not Python.
    """
    reached = _Reached()
    for target in targets:
        reached.visit(*split_target(target))
    parts = {**reached.module_digests(), **reached.versions()}
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    return SourceCode(digest, parts, {module.name: module.path for module in reached.modules.values()})


def split_target(target: str) -> tuple[Module, str]:
    """Return the module of a dotted path, and the name in it.

    Raises:
        LookupError: there is no such module.
    """
    above, _, name = target.rpartition(".")
    module = find_module(above)
    if module is None:
        raise LookupError(above)
    return module, name


def definitions(module: Module) -> dict[str, list[ast.stmt]]:
    """Return the statements that define each name of a module at its top level."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in module.tree.body:
        for name in _defined(statement):
            found.setdefault(name, []).append(statement)
    return found


def imported_from(module: Module, statement: ast.ImportFrom) -> str:
    """Return the absolute name of the module that a statement imports from."""
    if not statement.level:
        return statement.module or ""
    parts = module.package.split(".")
    base = parts[: len(parts) - statement.level + 1]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def plain(node: Any) -> Any:
    """Return a syntax tree as plain data, without docstrings and without what only some versions of Python fill in."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value is not None and value != []}
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
        fields["body"] = node.body[1:]
    return [type(node).__name__, {name: plain(value) for name, value in fields.items()}]


def _defined(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement defines if it does nothing else."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
        case ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name for alias in names if alias.name != "*")
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case _:
            pass


def _is_definition(statement: ast.stmt) -> bool:
    """Tell whether a statement matters only to those who use the names that it defines."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return all(alias.name != "*" for alias in statement.names)
    is_called = any(
        isinstance(node, ast.Call) or getattr(node, "decorator_list", []) for node in _run_at_import(statement)
    )
    return any(_defined(statement)) and not is_called


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what of a statement runs when its module is imported: not the bodies of functions."""
    yield node
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for name, value in ast.iter_fields(node):
        if is_function and name == "body":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _run_at_import(child)


def _is_skipped(statement: ast.stmt) -> bool:
    """Tell whether a statement does nothing when its module is imported."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'"


class _Reached:
    """What is reached from the names that were visited."""

    def __init__(self) -> None:
        self.modules: dict[str, Module] = {}
        self._statements: dict[str, set[int]] = {}
        self._installed: set[str] = set()
        self._visited: set[tuple[str, str | None]] = set()

    def visit(self, module: Module, name: str | None) -> None:
        """Reach a name of a module, or all of the module."""
        if (module.name, name) in self._visited:
            return
        self._visited.add((module.name, name))
        if not module.is_own:
            self._installed.add(module.name.partition(".")[0])
            return
        self._enter(module)
        if name is None:
            self._follow(module, module.tree.body)
        elif name in (known := definitions(module)):
            self._follow(module, known[name], name)
        elif child := find_module(f"{module.name}.{name}") if module.is_package else None:
            self.visit(child, None)
        else:  # defined within a block, by a star import or by `__getattr__`
            self.visit(module, None)

    def module_digests(self) -> dict[str, str]:
        """Return the identity of what is reached of each of the user's modules."""
        return {
            name: _digest([plain(module.tree.body[place]) for place in sorted(self._statements[name])])
            for name, module in self.modules.items()
        }

    def versions(self) -> dict[str, str]:
        """Return the versions of the installed packages that no trial's identity has yet."""
        return {
            name: _version(name)
            for name in sorted(self._installed)
            if name not in _COUNTED and name not in sys.stdlib_module_names
        }

    def _enter(self, module: Module) -> None:
        """Reach what a module, and each package above it, does when it is imported."""
        if module.name in self.modules:
            return
        self.modules[module.name] = module
        self._statements[module.name] = set()
        if "." in module.name and (above := find_module(module.name.rpartition(".")[0])):
            self._enter(above)
        for statement in module.tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                for imported in _imported(module, statement):
                    if imported.is_own:
                        self._enter(imported)
        self._follow(module, [statement for statement in module.tree.body if not _is_definition(statement)])

    def _follow(self, module: Module, statements: Iterable[ast.stmt], name: str | None = None) -> None:
        """Reach statements at the top of a module, and what they use; of an import only one name, if it is given."""
        known = definitions(module)
        for statement in statements:
            if _is_skipped(statement):
                continue
            self._statements[module.name].add(module.tree.body.index(statement))
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    self._import(module, node, name if node is statement else None)
                elif isinstance(node, ast.Name) and node.id in known:
                    self.visit(module, node.id)
                elif isinstance(node, ast.Name) and node.id in _DYNAMIC:
                    self.visit(module, None)

    def _import(self, module: Module, statement: ast.Import | ast.ImportFrom, name: str | None) -> None:
        for alias in statement.names:
            if name not in (None, alias.asname or alias.name.partition(".")[0]):
                continue
            source, wanted = alias.name, None
            if isinstance(statement, ast.ImportFrom):
                source, wanted = imported_from(module, statement), alias.name if alias.name != "*" else None
            if found := find_module(source):
                self.visit(found, wanted)
            else:
                self._installed.add(source.partition(".")[0])


def _imported(module: Module, statement: ast.Import | ast.ImportFrom) -> Iterator[Module]:
    """Yield the modules that an import statement runs, as far as they are written in Python."""
    for alias in statement.names:
        names = [alias.name]
        if isinstance(statement, ast.ImportFrom):
            source = imported_from(module, statement)
            names = [source, f"{source}.{alias.name}"]
        yield from (found for name in names if (found := find_module(name)))


def _digest(nodes: list[Any]) -> str:
    return hashlib.sha256(json.dumps(nodes).encode()).hexdigest()[:16]


def _version(package: str) -> str:
    """Return the version of the distribution that brings a package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        named = metadata.packages_distributions().get(package, [])
        return ", ".join(f"{name} {metadata.version(name)}" for name in sorted(set(named))) or "unknown"
