"""Complete the window that was left open."""

from datetime import UTC, datetime, timedelta

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.core.kind import Extent
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig


def resolve(config: RateConfig, extent: Extent) -> RateConfig:
    """Widen the extent to whole UTC days where the window is open."""
    exposure = config.exposure or "window"
    if config.start is not None and config.end is not None:
        return config.model_copy(update={"exposure": exposure})
    if extent.first is None or extent.last is None:
        raise InsufficientData(
            "There are no events yet.", hint="Upload events, or give start and end."
        )
    start = config.start or _midnight(extent.first)
    end = config.end or _midnight(extent.last) + timedelta(days=1)
    if start >= end:
        raise InsufficientData(
            f"No event lies in the window: the data reach from {extent.first:%Y-%m-%d} "
            f"to {extent.last:%Y-%m-%d}, the window from {start:%Y-%m-%d} to {end:%Y-%m-%d}.",
            hint="Choose a window that overlaps the data; the end is exclusive.",
        )
    return config.model_copy(update={"start": start, "end": end, "exposure": exposure})


def _midnight(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
