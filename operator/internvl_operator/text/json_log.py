"""Log lines as JSON, one object a line, for collectors that index fields."""

import json
import logging
from datetime import UTC, datetime

_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON: time, level, logger, message, what the caller gave as ``extra``, and a traceback.

    Example:
        >>> record = logging.makeLogRecord({"msg": "planned", "levelname": "INFO", "name": "internvl", "reason": "OK"})
        >>> json.loads(JsonFormatter().format(record))["reason"]
        'OK'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record in one line."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {key: value for key, value in vars(record).items() if key not in _OF_EVERY_RECORD}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str, ensure_ascii=False)
