"""Structured logs: one JSON object a line on stderr, each with the request it belongs to."""

import json
import logging
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.orjson import OrjsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def log_settings(level: str) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`."""
    stderr = {"handlers": ["stderr"], "level": level.upper(), "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": RequestId}},
        "formatters": {
            "json": {
                "()": Line,
                "fmt": "{asctime}{levelname}{name}{message}",
                "style": "{",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
            }
        },
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


class Line(OrjsonFormatter):
    """Writes a record as JSON in ASCII, in which there is no other line end that some would see."""

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Return the line."""
        line = super().jsonify_log_record(log_data)
        return line if line.isascii() else json.dumps(log_data, default=self.json_default)
