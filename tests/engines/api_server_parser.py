"""Run a release's own ``lmdeploy serve api_server`` argument parser, without installing the release.

A program of its own (``python -I -S api_server_parser.py SOURCES``): it imports another project's code, so it
runs in a process apart and sees the standard library alone. Third-party packages that the imports name
(torch, transformers, pydantic, ...) are replaced by stand-ins, which no argument needs to be parsed.

It reads a JSON array of argument lists from standard input and writes one JSON object: the parser's flags,
and for each list its error message, or null when the parser accepts it.
"""

import argparse
import ast
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import inspect
import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

TYPES: dict[Any, str] = {None: "str", str: "str", int: "int", float: "float", json.loads: "json"}


class _StandIn(MagicMock):
    """Stands for any object of a third-party package: callable, iterable, and usable as a base class."""

    def __mro_entries__(self, bases: tuple[type, ...]) -> tuple[type, ...]:
        return ()


class _StandInModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        return _StandIn(name=name)


class _StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder on the path: whatever nobody else finds is a stand-in, unless Python's own."""

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top in sys.stdlib_module_names or top.startswith("_"):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandInModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """A stand-in has no code to run."""


def _import_serve(sources: Path) -> Any:
    """Import ``lmdeploy.cli.serve`` alone: the packages above it would import the whole engine."""
    sys.meta_path.append(_StandInFinder())
    for name in ("lmdeploy", "lmdeploy.cli"):
        package = ModuleType(name)
        package.__path__ = [str(sources / name.replace(".", "/"))]
        sys.modules[name] = package
    return importlib.import_module("lmdeploy.cli.serve").SubCliServe


def _flag_type(action: argparse.Action) -> str:
    if isinstance(action, argparse._StoreTrueAction):
        return "flag"
    if not isinstance(action, argparse._StoreAction):
        raise TypeError(f"{action.option_strings}: unexpected {type(action).__name__}")
    return TYPES.get(action.type, "custom")


def _flag(action: argparse.Action, group: str) -> dict[str, Any]:
    described = {
        "type": _flag_type(action),
        "group": group,
        "nargs": action.nargs if action.nargs != 0 else None,
        "choices": list(action.choices) if action.choices else None,
        "default": action.default if action.default is not False else None,
    }
    return {key: value for key, value in described.items() if value is not None}


def _group(action: argparse.Action, parser: argparse.ArgumentParser, read: str) -> str:
    """Which configuration the flag reaches; ``unused`` when the command never reads an engine flag."""
    titles = {group.title for group in parser._action_groups if action in group._group_actions}
    pytorch, turbomind = "PyTorch engine arguments" in titles, "TurboMind engine arguments" in titles
    if not (pytorch or turbomind):
        return "server"
    if f"args.{action.dest}" not in read and f"'{action.dest}'" not in read:
        return "unused"
    return "engine" if pytorch and turbomind else "pytorch" if pytorch else "turbomind"


def _max_batch_sizes(sources: Path) -> dict[str, int]:
    """Return the default batch size by a part of the device's name, read from ``get_max_batch_size``."""
    for node in ast.walk(ast.parse((sources / "lmdeploy/utils.py").read_text())):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "max_batch_size_map":
            sizes: dict[str, int] = ast.literal_eval(node.value)
            return sizes
    return {}


def _error(parser: argparse.ArgumentParser, arguments: list[str]) -> str | None:
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr):
        try:
            parser.parse_args(arguments)
        except SystemExit:
            return stderr.getvalue().strip().splitlines()[-1]
    return None


def main() -> None:
    """Answer for the release whose sources the first argument names."""
    sources = Path(sys.argv[1])
    serve = _import_serve(sources)
    serve.add_parser_api_server()
    parser = serve.subparsers.choices["api_server"]
    read = inspect.getsource(serve.api_server)
    options = [a for a in parser._actions if a.option_strings and not isinstance(a, argparse._HelpAction)]
    answer = {
        "underscores": _error(parser, ["model", "--server_port=1"]) is None,
        "max_batch_sizes": _max_batch_sizes(sources),
        "flags": {a.option_strings[0]: _flag(a, _group(a, parser, read)) for a in options},
        "errors": [_error(parser, arguments) for arguments in json.load(sys.stdin)],
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
