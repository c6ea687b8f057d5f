"""The command line of ``lmdeploy serve api_server``, from the operator's catalogue of its flags."""

import argparse
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from internvl_operator.catalog.engine import Engine, Flag
from internvl_operator.catalog.models import Backend

_CONVERSIONS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {"str": str, "int": int, "float": float, "json": json.loads, "custom": str}
)

_DEFAULT_PORT = 23333


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments that the stub acts upon; it reads and checks the others as LMDeploy does, and ignores them.

    Attributes:
        model_path: where the model's files are.
        model_name: under which the model is served; by default the path as it was typed.
        session_len: tokens of a session; None: what the model's configuration says.
        max_batch_size: requests that run at the same time; None: the release's default.
        api_keys: the accepted keys; empty: none is asked for.
        max_concurrent_requests: requests of any kind that are answered at the same time.
    """

    model_path: str
    model_name: str
    server_name: str
    server_port: int
    backend: Backend
    session_len: int | None
    max_batch_size: int | None
    max_concurrent_requests: int | None
    api_keys: tuple[str, ...]
    allowed_media_domains: frozenset[str]
    trust_remote_code: bool
    allow_terminate_by_client: bool
    enable_abort_handling: bool
    disable_fastapi_docs: bool
    metrics: bool
    ssl: bool


def parse(argv: Sequence[str], engine: Engine) -> Arguments:
    """Read the command line that follows ``lmdeploy``.

    Raises:
        SystemExit: with status 2, as LMDeploy ends when the release does not know a flag or reads no such value.
    """
    arguments = list(argv)
    if engine.accepts_underscores:
        arguments = _join_keys(_dashes(argument) for argument in arguments)
    given = vars(_parser(engine).parse_args(arguments))
    backend = Backend(given["backend"])
    return Arguments(
        model_path=given["model_path"],
        model_name=given["model_name"] or given["model_path"],
        server_name=given["server_name"],
        server_port=given["server_port"] or _DEFAULT_PORT,
        backend=backend,
        session_len=given["session_len"],
        max_batch_size=given["max_batch_size"],
        max_concurrent_requests=given.get("max_concurrent_requests"),
        api_keys=tuple(key for key in given["api_keys"] or () if key),
        allowed_media_domains=frozenset(map(str.lower, given.get("allowed_media_domains") or ())),
        trust_remote_code=given.get("trust_remote_code", True),
        allow_terminate_by_client=given.get("allow_terminate_by_client", False),
        enable_abort_handling=given.get("enable_abort_handling", False),
        disable_fastapi_docs=given.get("disable_fastapi_docs", False),
        metrics=_has_metrics(engine, backend, given),
        ssl=given["ssl"],
    )


def _has_metrics(engine: Engine, backend: Backend, given: Mapping[str, Any]) -> bool:
    wanted = given.get("enable_metrics", True) and not given.get("disable_metrics", False)
    return wanted and backend in engine.metrics_backends


def _parser(engine: Engine) -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="lmdeploy", description=f"A stub of LMDeploy {engine.version}.")
    serve = root.add_subparsers(required=True, metavar="serve").add_parser("serve")
    server = serve.add_subparsers(required=True, metavar="api_server").add_parser("api_server")
    server.add_argument("model_path")
    for flag in engine.flags.values():
        _add(server, flag)
    return root


def _add(parser: argparse.ArgumentParser, flag: Flag) -> None:
    if flag.type == "flag":
        parser.add_argument(flag.name, action="store_true")
        return
    parser.add_argument(
        flag.name,
        type=_CONVERSIONS[flag.type],
        nargs=flag.nargs,
        choices=flag.choices or None,
        default=flag.default,
    )


def _dashes(argument: str) -> str:
    """Write dashes for the underscores of a flag, up to the point before a JSON key."""
    flag = re.match(r"--[^.=]*", argument)
    return flag[0].replace("_", "-") + argument[flag.end() :] if flag else argument


def _join_keys(arguments: Iterable[str]) -> list[str]:
    """Replace ``--flag.key value`` by ``--flag {"key": value}``, as many keys as the flag has."""
    joined: list[str] = []
    values: dict[str, dict[str, Any]] = {}
    remaining = iter(arguments)
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if not (name.startswith("--") and "." in name):
            joined.append(argument)
            continue
        flag, *keys = name.split(".")
        _put(values.setdefault(flag, {}), keys, value if equals else next(remaining, ""))
    for flag, content in values.items():
        joined += [flag, json.dumps(content)]
    return joined


def _put(target: dict[str, Any], keys: Sequence[str], value: str) -> None:
    for key in keys[:-1]:
        target = target.setdefault(key, {})
    try:
        target[keys[-1]] = json.loads(value)
    except json.JSONDecodeError:
        target[keys[-1]] = value
