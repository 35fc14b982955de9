"""How every process of ours writes its log: to standard error, one line per event.

People get columns, machines JSON (`VIBES_LOG_FORMAT=json`). Secrets never get there: those of the
settings are masked wherever they stand, and what is one by its name or looks like a token.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from pymc_vibes.service.secrets import Redactor
from pymc_vibes.settings import Settings

SERVICE = "pymc-vibes"

type Log = structlog.typing.FilteringBoundLogger


def make_log(settings: Settings, *, quiet: bool = False) -> Log:
    """Make the logger of one app, to standard error."""
    level = logging.ERROR if quiet else logging.getLevelNamesMapping()[settings.log_level.upper()]
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[*processors(), without_secrets(settings), renderer(settings)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    return log


def processors() -> list[structlog.typing.Processor]:
    """Give the steps that every entry goes through."""
    return [
        structlog.contextvars.merge_contextvars,
        _of_service,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]


def _of_service(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Name the service, so that a collector of many logs knows whose line it is."""
    return {**event, "service": SERVICE}


def without_secrets(settings: Settings) -> structlog.typing.Processor:
    """Give the step that takes secrets out of an entry."""
    redactor = Redactor(settings)

    def redact(
        _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        cleaned: dict[str, Any] = redactor.value(dict(event))
        return cleaned

    return redact


def renderer(settings: Settings) -> structlog.typing.Processor:
    """Give the last step: JSON for machines, columns for people."""
    if settings.log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _without_colors(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Leave out what the web server says a second time, in colors."""
    event.pop("color_message", None)
    return event


def log_like_us(settings: Settings) -> None:
    """Send what other libraries and the standard logger say through the same steps as ours."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*processors(), structlog.stdlib.ExtraAdder(), _without_colors],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_secrets(settings),
                renderer(settings),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    # it tells again and again where it found its keys
    logging.getLogger("botocore.credentials").setLevel(logging.WARNING)
