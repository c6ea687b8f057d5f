"""From an object of the API server, or of a YAML file, to the resource."""

from typing import Any

from pydantic import ValidationError

from internvl_operator.api.v1alpha1 import InternVLDeployment


class InvalidSpecError(ValueError):
    """The resource has wrong fields; the message names them and says what to write instead."""


def parse(body: dict[str, Any]) -> InternVLDeployment:
    """Return the resource in an object of the API server or of a YAML file.

    Raises:
        InvalidSpecError: a field is unknown, missing or wrong.

    Example:
        >>> parse({"metadata": {"name": "captions"}, "spec": {"size": "2B"}}).spec.replicas
        1
        >>> parse({"metadata": {"name": "captions"}, "spec": {"size": "2B", "flavour": "vanilla"}})
        Traceback (most recent call last):
        internvl_operator.api.parsing.InvalidSpecError: spec.flavour: Extra inputs are not permitted
    """
    try:
        return InternVLDeployment.model_validate(body)
    except ValidationError as error:
        problems = (
            f"{_path(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}".removeprefix(": ")
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        )
        raise InvalidSpecError("; ".join(problems)) from None


def _path(location: tuple[int | str, ...]) -> str:
    """Return a field's path as the API server writes it: ``spec.engine.extraArgs[0]``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")
