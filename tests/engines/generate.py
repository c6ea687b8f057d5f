"""Write the engine catalogue's data from the released packages.

``python -m tests.engines.generate [VERSION...]``
"""

import json
import sys
from pathlib import Path

from internvl_operator.catalog import engines
from tests.engines.parse import ask

DATA = Path(engines.__file__).with_name("engine_data")


def engine_data(version: str) -> str:
    """Return the data file of one release: JSON with one flag a line.

    Raises:
        ReleaseUnavailableError: the release is not cached and cannot be fetched.
    """
    answer = ask(version)
    lines = [f'  "{name}": {json.dumps(answer[name])},' for name in ("underscores", "max_batch_sizes")]
    flags = [f'    "{name}": {json.dumps(flag)}' for name, flag in answer["flags"].items()]
    return "\n".join(["{", *lines, '  "flags": {', ",\n".join(flags), "  }", "}", ""])


def main(versions: list[str]) -> None:
    """Write the data files of the given releases, by default of every supported one."""
    for version in versions or engines.SUPPORTED_VERSIONS:
        (DATA / f"{version}.json").write_text(engine_data(version))
        print(version)


if __name__ == "__main__":
    main(sys.argv[1:])
