"""The text of a watch, event by event, in which no error is the end of the process.

Kopf gives up, and with it the process, at an error event other than 410 and at half an event. The API server sends
the first when etcd loses its leader, and connections end at any byte.
"""

from collections.abc import AsyncIterator

_ERROR = b'{"type":"ERROR"'
_EXPIRED = b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410}}\n'


async def whole_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield whole lines; an error event is the last, and always one of an expired version."""
    pending: list[bytes] = []
    async for chunk in chunks:
        lines, newline, rest = chunk.rpartition(b"\n")
        if not newline:
            pending.append(chunk)
            continue
        complete = b"".join((*pending, lines, newline))
        pending = [rest]
        before, error = _before_error(complete)
        if before:
            yield before
        if error:
            yield _EXPIRED
            return


def _before_error(lines: bytes) -> tuple[bytes, bool]:
    if lines.startswith(_ERROR):
        return b"", True
    before, error, _ = lines.partition(b"\n" + _ERROR)
    return (before + b"\n", True) if error else (lines, False)
