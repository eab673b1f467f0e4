"""Structured logs: one JSON object a line on stderr, each with the request it belongs to."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def log_settings(level: str) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`.

    From then on records do not tell which line, thread and process made them: no line here shows
    it, and to find it out takes a third of the time (docs.python.org, Logging HOWTO, Optimization).
    """
    logging._srcfile = None  # noqa: SLF001 - as the HOWTO has it
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    stderr = {"handlers": ["stderr"], "level": level.upper(), "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": RequestId}},
        "formatters": {"json": {"()": Line}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "filters": ["request_id"],
            }
        },
        "root": stderr,
        "loggers": {
            "gunicorn.error": stderr,
            "uvicorn.error": {"level": "WARNING"},
            "alembic": {"level": "WARNING"},
            # connexion repeats what clients send, and warns of what the document means to say
            "connexion": {"level": "CRITICAL"},
        },
    }


class RequestId(logging.Filter):
    """Adds the id of the request being served, if one is."""

    def filter(self, record: logging.LogRecord) -> bool:
        if (value := request_id.get()) is not None:
            record.request_id = value
        return True


_COMMON = frozenset(logging.makeLogRecord({}).__dict__) | {"message"}
"""What every record has; anything else was given as `extra`, or by the filter."""


class Line(logging.Formatter):
    """Writes a record as JSON in ASCII, in which there is no other line end that some would see."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((k, v) for k, v in record.__dict__.items() if k not in _COMMON)
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        try:
            text = orjson.dumps(line, default=str)
        except orjson.JSONEncodeError:  # text that UTF-8 does not have
            return json.dumps(line, default=str)
        return text.decode() if text.isascii() else json.dumps(line, default=str)
