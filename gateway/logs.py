"""Structured logs: one JSON object a line on stderr, each with the request it belongs to."""

import logging
from contextvars import ContextVar
from typing import Any

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
                "()": "pythonjsonlogger.json.JsonFormatter",
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
