"""Facts read out of a release's own sources: its routes, its metrics, its tiling."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def declared_routes(package: Path) -> dict[tuple[str, str], bool]:
    """Return method and path of each route, and whether its decorator asks for a key."""
    files = [*package.glob("serve/openai/**/*.py"), *package.glob("serve/anthropic/**/*.py")]
    return {route: keyed for file in files for route, keyed in _routes_in(ast.parse(file.read_text()))}


def _routes_in(module: ast.Module) -> Iterator[tuple[tuple[str, str], bool]]:
    for node in ast.walk(module):
        for decorator in getattr(node, "decorator_list", []):
            match decorator:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="router" | "app"), attr="get" | "post" as method),
                    args=[ast.Constant(value=str(path)), *_],
                ):
                    yield (method.upper(), path), "check_api_key" in ast.unparse(decorator)


def declared_metrics(package: Path) -> set[str]:
    """Return the names of the metrics, none where the release has no metrics."""
    loggers = package / "metrics/loggers.py"
    return set(re.findall(r"name='(lmdeploy:\w+)'", loggers.read_text())) if loggers.exists() else set()


def tiling(package: Path) -> Callable[..., int]:
    """Return a function of width, height, limits and thumbnail: the release's own number of tiles."""
    module = ast.parse((package / "vl/model/internvl.py").read_text())
    names = ("find_closest_aspect_ratio", "dynamic_preprocess")
    functions: list[ast.stmt] = [
        node for node in module.body if isinstance(node, ast.FunctionDef) and node.name in names
    ]
    scope: dict[str, Any] = {}
    exec(compile(ast.Module(functions, []), "internvl.py", "exec"), scope)

    def tiles(width: int, height: int, min_tiles: int, max_tiles: int, thumbnail: bool) -> int:
        return len(scope["dynamic_preprocess"](_Image(width, height), min_tiles, max_tiles, 448, thumbnail))

    return tiles


class _Image:
    """As much of an image as the tiling touches."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)

    def resize(self, size: tuple[int, int]) -> "_Image":
        return _Image(*size)

    def crop(self, box: tuple[int, int, int, int]) -> "_Image":
        return _Image(box[2] - box[0], box[3] - box[1])
