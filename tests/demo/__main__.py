"""`python -m tests.demo`: fifteen models on a local Kubernetes, a change and a deletion; nothing stays running."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from tests.cluster.apiserver.kubectl import KubectlError
from tests.cluster.processes import ProcessError
from tests.cluster.programs.binaries import MissingBinariesError
from tests.demo.story import OPERATOR, ROOT, DemoError, tell
from tests.demo.watch import WatchError

LOG_LINES = 20


def main() -> int:
    """Play the demo and give the exit code: 0 all shown, 1 not."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    started = time.monotonic()
    directory = _new_directory()
    try:
        tell(directory)
    except KeyboardInterrupt:
        return _failed("Interrupted.", directory)
    except (MissingBinariesError, ProcessError) as error:  # which quote the log that matters
        return _failed(str(error))
    except (DemoError, KubectlError, WatchError) as error:
        return _failed(str(error), directory)
    shutil.rmtree(directory)
    print(f"Done in {time.monotonic() - started:.0f} s.")
    return 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _new_directory() -> Path:
    local = ROOT / ".local"
    local.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="demo-", dir=local))


def _failed(reason: str, directory: Path | None = None) -> int:
    """Say why, with the end of the operator's log when the cluster's directory is given."""
    print(f"\n{reason}", file=sys.stderr)
    log = directory and directory / "logs" / f"{OPERATOR}.log"
    if log and log.exists():
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        print("\n".join([f"The end of {log}:", *lines]), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
