"""Does nothing as the first process of a pod or of a node, but reaps what others leave behind; ends by SIGTERM."""

import os
import signal

SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}


def pause() -> None:
    """Return when SIGTERM or SIGINT comes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    while signal.sigwait(SIGNALS) is signal.SIGCHLD:
        reap()


def reap() -> None:
    """Take the exit status of every child that has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    pause()
