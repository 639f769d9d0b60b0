"""The program's own log: constant messages with fields, as text or JSON lines on stderr."""

import logging
import sys
from typing import Any

import orjson

from fairlead.core.record import format_time

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")


class Log:
    """A named log. The message is constant; what varies goes into fields: `log.warning("file unreadable", path=path)`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"fairlead.{name}")

    def debug(self, message: str, **fields: object) -> None:
        """Log what helps to find a fault."""
        self._logger.debug(message, extra={"fields": fields})

    def info(self, message: str, **fields: object) -> None:
        """Log what an operator expects to see."""
        self._logger.info(message, extra={"fields": fields})

    def warning(self, message: str, **fields: object) -> None:
        """Log a degradation that the program lives with."""
        self._logger.warning(message, extra={"fields": fields})

    def error(self, message: str, **fields: object) -> None:
        """Log what somebody must mend."""
        self._logger.error(message, extra={"fields": fields})

    def exception(self, message: str, **fields: object) -> None:
        """Log an error that should not be, with its traceback."""
        self._logger.exception(message, extra={"fields": fields})


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        pairs = "".join(f" {key}={_quote(value)}" for key, value in fields.items())
        line = f"{format_time(int(record.created * 1e9))} {record.levelname:<7} {record.getMessage()}{pairs}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _quote(value: object) -> str:
    text = str(value)
    plain = text and all(c.isprintable() and c not in ' "=' for c in text)
    return text if plain else orjson.dumps(text).decode()


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "@timestamp": format_time(int(record.created * 1e9)),
            "log.level": record.levelname.lower(),
            "log.logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error.stack_trace"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def set_up(level: str, output: str) -> None:
    """Send this process's log to stderr; `level` is one of LEVELS, `output` one of FORMATS."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if output == "json" else _TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
