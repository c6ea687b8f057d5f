"""How a verb ends: with an exit code, and for an expected error with one line on the standard error."""

import sys
from collections.abc import Callable

from internvl_operator.printable import printable

NOT_READY = 1
USAGE_ERROR = 2
NO_PLAN = 3
INTERRUPTED = 130


def exit_code_of(verb: str, work: Callable[[], int], failures: tuple[type[Exception], ...] = ()) -> int:
    """Do a verb's work and return its exit code.

    A ``ValueError`` or ``OSError`` is wrong usage; Ctrl-C ends the verb without a traceback.

    Args:
        verb: the verb's name, with which the line begins.
        work: returns the exit code of a verb that meets no error.
        failures: errors that end this verb with NOT_READY: nothing is wrong with how it was called.
    """
    try:
        return work()
    except BrokenPipeError:
        # No error of the verb: who reads its output has seen enough, which is dealt with for all verbs at once.
        raise
    except failures as error:
        return failed(verb, error, NOT_READY)
    except (ValueError, OSError) as error:
        return failed(verb, error, USAGE_ERROR)
    except KeyboardInterrupt:
        return INTERRUPTED


def failed(verb: str, why: object, code: int) -> int:
    """Print why a verb failed, and return the exit code."""
    print(printable(f"internvl {verb}: {why}"), file=sys.stderr)
    return code
