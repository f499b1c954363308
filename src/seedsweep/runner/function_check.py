"""Checks a call of a user's function by its source, before anything is imported."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from seedsweep.config.functions import OFFERED, TARGET
from seedsweep.config.overrides import override
from seedsweep.errors import UserError, did_you_mean
from seedsweep.trials.python_modules import find_module, modules_beside
from seedsweep.trials.source_code import definitions, imported_from, split_target

if TYPE_CHECKING:
    from collections.abc import Collection

    from seedsweep.config.functions import Function
    from seedsweep.trials.python_modules import Module


def check_function(called: Function, wanted: Collection[str]) -> None:
    """Check that a function exists and takes its arguments.

    Args:
        called: the function, with its arguments.
        wanted: the groups of `OFFERED` that are in use.

    Raises:
        UserError: there is no such function, or it takes other arguments.
    """
    module = _module_of(called)
    function = _function(module, called.target.rpartition(".")[2], f"{called.group}.{TARGET}")
    if function is None:
        return  # made by a call, or not written in Python: what it takes shows when it is called
    parameters = function.args
    takes_any = parameters.kwarg is not None
    is_method = function.name == "__init__"
    names = [item.arg for item in (*parameters.args, *parameters.kwonlyargs)][is_method:]
    for name in called.required:
        if name not in names and not takes_any:
            raise UserError(
                f"{called.target} has no parameter '{name}'",
                where=f"{module.path.name}, line {function.lineno}",
                fix=f"def {function.name}({'self, ' * is_method}input_shape, classes, …)",
            )
    _check_given(called, [name for name in names if name not in called.required], takes_any=takes_any)
    _check_missing(called, function)
    for group, name in OFFERED.items():
        if group in wanted and name not in names and not takes_any:
            off = "reg=none" if group == "reg" else "data.augment's settings at 0"
            raise UserError(
                f"{called.target} has no parameter '{name}', so that {group} would change nothing",
                where=group,
                fix=f"{off}, or a parameter {name} that {function.name} uses",
            )


def _module_of(called: Function) -> Module:
    try:
        return split_target(called.target)[0]
    except LookupError as error:
        missing = str(error.args[0])
        close = did_you_mean(missing, modules_beside())
        what = f"no module '{missing}'" + (f"; did you mean '{close}'?" if close else "")
        function = called.target.rpartition(".")[2]
        file = f"{missing.replace('.', '/')}.py"
        fix = (
            override(f"{called.group}.{TARGET}", f"{close}.{function}")
            if close
            else f"a file {file} in this directory, with def {function}"
        )
        raise UserError(what, where=f"{called.group}.{TARGET}", fix=fix) from error
    except SyntaxError as error:
        raise UserError(
            f"{error.msg}", where=f"{error.filename}, line {error.lineno}", fix="correct that line"
        ) from error


def _function(module: Module, name: str, setting: str) -> ast.FunctionDef | None:
    """Return the definition of a function, or of a class's `__init__`; None if it is not plainly written there.

    Raises:
        UserError: the module has no such name.
    """
    known = definitions(module)
    if name not in known:
        can_have_others = any(
            isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
            for node in module.tree.body
        )
        if can_have_others or not module.is_own or "__getattr__" in known:
            return None
        functions = [other for other, where in known.items() if isinstance(where[-1], ast.FunctionDef | ast.ClassDef)]
        close = did_you_mean(name, functions)
        has = f"it has {', '.join(functions)}" if functions else "it has none"
        raise UserError(
            f"{module.path.name} has no function '{name}'; " + (f"did you mean '{close}'?" if close else has),
            where=setting,
            fix=override(setting, f"{module.name}.{close or next(iter(functions), name)}"),
        )
    statement = known[name][-1]
    if isinstance(statement, ast.ImportFrom):
        alias = next(alias for alias in statement.names if (alias.asname or alias.name) == name)
        source = find_module(imported_from(module, statement))
        return _function(source, alias.name, setting) if source and source.name != module.name else None
    if isinstance(statement, ast.ClassDef):
        inner = [node for node in statement.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
        return inner[-1] if inner else None
    return statement if isinstance(statement, ast.FunctionDef) and not statement.decorator_list else None


def _check_given(called: Function, names: list[str], *, takes_any: bool) -> None:
    for name, value in called.keywords:
        if name not in names and not takes_any:
            close = did_you_mean(name, names)
            raise UserError(
                f"{called.target} has no parameter '{name}'" + (f"; did you mean '{close}'?" if close else ""),
                where=f"{called.group}.{name}",
                fix=override(f"{called.group}.{close}", value) if close else f"one of {', '.join(names) or 'none'}",
            )


def _check_missing(called: Function, function: ast.FunctionDef) -> None:
    arguments = function.args
    positional = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    keyword = [
        item for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    ]
    given = {*called.required, *OFFERED.values(), "self", *dict(called.keywords)}
    for item in (*positional, *keyword):
        if item.arg not in given:
            raise UserError(
                f"{called.target} needs a value for its parameter '{item.arg}'",
                where=f"{called.group}.{item.arg}",
                fix=f"{called.group}.{item.arg}=VALUE",
            )
