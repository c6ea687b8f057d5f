"""How a verb ends: with an exit code, and for an expected error with one line on the standard error."""

import sys
from collections.abc import Callable

NOT_READY = 1
USAGE_ERROR = 2
NO_PLAN = 3
INTERRUPTED = 130


def exit_code_of(
    verb: str,
    work: Callable[[], int],
    failures: tuple[type[Exception], ...] = (),
    failure_code: int = NOT_READY,
) -> int:
    """Do a verb's work and return its exit code.

    A ``ValueError`` or ``OSError`` is wrong usage; Ctrl-C ends the verb without a traceback.

    Args:
        verb: the verb's name, with which the line begins.
        work: returns the exit code of a verb that meets no error.
        failures: errors that are not the fault of how this verb was called.
        failure_code: the exit code of these errors; USAGE_ERROR for a verb whose NOT_READY means something else.

    Example:
        >>> exit_code_of("chat", lambda: 0)
        0
    """
    try:
        return work()
    except BrokenPipeError:
        # No error of the verb: who reads its output has seen enough, which is dealt with for all verbs at once.
        raise
    except failures as error:
        return failed(verb, error, failure_code)
    except (ValueError, OSError) as error:
        return failed(verb, error, USAGE_ERROR)
    except KeyboardInterrupt:
        return INTERRUPTED


def failed(verb: str, why: object, code: int) -> int:
    """Print why a verb failed, and return the exit code."""
    print(f"internvl {verb}: {why}", file=sys.stderr)
    return code
