"""Logs: one line per block at INFO, peers at DEBUG; JSON lines for machines, text for people.

Line shape: an ISO 8601 UTC time, a level, a logger (``node``, ``peers``, ``verify`` …), an event in
words, and named values. Keys and passwords are never logged.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal, cast

import structlog

Format = Literal["auto", "json", "text"]
Level = Literal["debug", "info", "warning", "error"]


def configure(level: Level = "info", style: Format = "auto") -> None:
    """Set up logging of the whole process, libraries included, to standard error.

    ``auto`` writes text to a terminal and JSON lines to anything else.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    as_text = sys.stderr.isatty() if style == "auto" else style == "text"
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
        if as_text
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.getLevelNamesMapping()[level.upper()])
    for library in ("uvicorn", "uvicorn.access", "uvicorn.error", "asyncio", "httpx"):
        logging.getLogger(library).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A named logger."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(name))
