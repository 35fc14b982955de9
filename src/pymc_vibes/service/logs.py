"""How every process of ours writes its log: to standard error, one line per event.

People get columns, machines JSON (`VIBES_LOG_FORMAT=json`). Secrets never get there: what is a
secret by its name or looks like a token is masked.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from pymc_vibes.settings import Settings

_SECRET_NAME = re.compile(r"secret|token|password|authorization|cookie|api_?key", re.IGNORECASE)
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]*\.[\w-]*")
MASK = "[hidden]"

type Log = structlog.typing.FilteringBoundLogger


def redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask values that are secrets by name or look like a token."""
    for name, value in event.items():
        if _SECRET_NAME.search(name):
            event[name] = MASK
        elif isinstance(value, str):
            event[name] = _TOKEN.sub(MASK, value)
    return event


def make_log(settings: Settings, *, quiet: bool = False) -> Log:
    """Make the logger of one app, to standard error."""
    level = logging.ERROR if quiet else logging.getLevelNamesMapping()[settings.log_level.upper()]
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[*processors(), redact, renderer(settings)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        service="pymc-vibes",
    )
    return log


def processors() -> list[structlog.typing.Processor]:
    """Give the steps that every entry goes through."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]


def renderer(settings: Settings) -> structlog.typing.Processor:
    """Give the last step: JSON for machines, columns for people."""
    if settings.log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def log_like_us(settings: Settings) -> None:
    """Send what other libraries and the standard logger say through the same steps as ours."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*processors(), structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                renderer(settings),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
