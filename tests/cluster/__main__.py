"""`python -m tests.cluster`: a local cluster from the shell, started, stopped and left running."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.cluster.apiserver.kubectl import KubectlError
from tests.cluster.detached import StateDirectory, Wanted, down, supervise, up
from tests.cluster.processes import ProcessError
from tests.cluster.programs.binaries import MissingBinariesError, locate
from tests.cluster.programs.versions import END_TO_END_PROGRAMS, NODE_PROGRAMS, RELEASE_OF, TRAFFIC_PROGRAMS


def main(arguments: list[str]) -> int:
    """Run one verb and give the exit code."""
    options = _parser().parse_args(arguments)
    try:
        match options.verb:
            case "binaries":
                for name, path in locate(_runnable()).items():
                    print(f"{name}\t{path}")
            case "path":
                print(locate([options.program])[options.program])
            case "up":
                supervisor = [sys.executable, "-m", "tests.cluster", "supervise", *arguments[1:]]
                up(_state_directory(options), supervisor)
            case "supervise":
                supervise(_state_directory(options), _wanted(options))
            case "down":
                down(_state_directory(options))
    except (MissingBinariesError, ProcessError, KubectlError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _runnable() -> list[str]:
    """The programs of `make test` that this system can run: a node's are for Linux alone."""
    elsewhere = END_TO_END_PROGRAMS + TRAFFIC_PROGRAMS + (() if sys.platform == "linux" else NODE_PROGRAMS)
    return [name for name in RELEASE_OF if name not in elsewhere]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser(
        "binaries", help="print the paths of the programs, downloading or building what is missing"
    )
    path = verbs.add_parser(
        "path", help="print the path of one program, downloaded or built if it is missing"
    )
    path.add_argument("program", choices=RELEASE_OF, metavar="PROGRAM")
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument("--state-dir", type=Path, default=Path(".local/cluster"), help="default: %(default)s")
    wanted = argparse.ArgumentParser(add_help=False)
    wanted.add_argument("--nodes", type=int, default=3, help="simulated GPU nodes (default: %(default)s)")
    wanted.add_argument("--crds", type=Path, nargs="+", default=[], metavar="FILE", help="to apply")
    wanted.add_argument("--run", default="", metavar="COMMAND", help="to keep running, with KUBECONFIG set")
    wanted.add_argument(
        "--run-as", default="admin", metavar="USER", help="of KUBECONFIG (default: %(default)s)"
    )
    wanted.add_argument("--ready-url", default="", metavar="URL", help="answers 200 when COMMAND is ready")
    verbs.add_parser(
        "up",
        parents=[state, wanted],
        help="start a cluster, leave it running, print the export of KUBECONFIG",
    )
    verbs.add_parser("supervise", parents=[state, wanted], help="the same in the foreground, until Ctrl-C")
    verbs.add_parser("down", parents=[state], help="stop the cluster that `up` left running")
    return parser


def _state_directory(options: argparse.Namespace) -> StateDirectory:
    return StateDirectory(options.state_dir.absolute())


def _wanted(options: argparse.Namespace) -> Wanted:
    return Wanted(
        nodes=options.nodes,
        crds=options.crds,
        command=options.run,
        command_user=options.run_as,
        ready_url=options.ready_url,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
