"""How Foldin logs: one event a line, as JSON for machines or coloured for people, to standard error."""

import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor

# Control characters, and what else could move the cursor of a terminal or feign a line of its own.
_ESCAPED = {
    code: f"\\u{code:04x}" for code in [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F)]
}


def configure_logging(log_format: Literal["json", "console"]) -> None:
    """Send every log line, the libraries' too, through one format.

    Parameters
    ----------
    log_format : str
        ``json`` or ``console``.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    to_line: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the richer ones show variables, passwords among them
        )
    )
    finish: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    finish += [structlog.processors.format_exc_info if log_format == "json" else _escape]
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*finish, to_line])
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.INFO
    for name in ("alembic", "numba", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of each request that is not HTTP
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def get_logger() -> structlog.stdlib.BoundLogger:
    """Make a logger.

    Returns
    -------
    BoundLogger
        Structlog's.
    """
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger


def request_line_writer(log_format: Literal["json", "console"]) -> Callable[[dict[str, object]], None] | None:
    """Say how each request is logged: as JSON in a few microseconds, and for people not at all.

    Parameters
    ----------
    log_format : str
        ``json`` or ``console``.

    Returns
    -------
    callable or None
        Takes fields that hold no text from outside.
    """
    return _write_request if log_format == "json" else None


def _write_request(fields: dict[str, object]) -> None:
    line = {"event": "request", "level": "info", "timestamp": datetime.now(UTC), **fields}
    os.write(sys.stderr.fileno(), orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))


def _escape(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {name: value.translate(_ESCAPED) if isinstance(value, str) else value for name, value in event.items()}
