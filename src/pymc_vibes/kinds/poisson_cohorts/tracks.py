"""Cells over time: the counts of every followed cohort in every period of the window."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Finding
from pymc_vibes.core.errors import EntityNotFound, InsufficientData
from pymc_vibes.core.instant import show
from pymc_vibes.kinds.poisson_cohorts.findings import exposure_words
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.view import constants_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from pymc_vibes.core.figure import Figure


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracks:
    """Counts and exposures `(cohorts, periods)` of one event, most frequent cohort first."""

    event: str
    cohorts: tuple[str, ...]
    counts: "np.ndarray"
    exposure: "np.ndarray"
    starts: tuple[datetime, ...]
    """When each period begins."""
    period: str
    """How long a period is, in words."""
    total: int
    """Cohorts there are; fewer may be followed."""

    def when(self, period: int) -> str:
        """Say when a period begins."""
        return show(self.starts[period])

    @property
    def is_cut(self) -> bool:
        """Whether some cohorts are not followed."""
        return self.total > len(self.cohorts)


def a_period(tracks: Tracks) -> str:
    """Name the length of a period with its article."""
    return tracks.period if tracks.period == "four weeks" else f"one {tracks.period}"


def tracks_of(cells: "pa.Table", config: RateConfig) -> Tracks:
    """Arrange the cells; raises `EntityNotFound` for a cohort never seen."""
    import numpy as np

    if cells.num_rows == 0 and config.cohort is not None:
        raise EntityNotFound(f"There is no cohort {config.cohort[:80]!r} in the data.")
    name, seconds, periods = config.periods
    ordered = cells.sort_by([("cohort", "ascending"), ("period", "ascending")])
    counts = ordered["k"].to_numpy().astype(float).reshape(-1, periods)
    exposure = ordered["exposure"].to_numpy().reshape(-1, periods)
    cohorts = ordered["cohort"].to_pylist()[::periods]
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    start, _ = config.window
    return Tracks(
        event=str(ordered["event"][0].as_py()),
        cohorts=tuple(cohorts[i] for i in order),
        counts=counts[order],
        exposure=exposure[order],
        starts=tuple(start + timedelta(seconds=seconds * i) for i in range(periods)),
        period={"four-weeks": "four weeks"}.get(name, name),
        total=int(ordered["cohorts"][0].as_py()),
    )


def usable(tracks: Tracks) -> "np.ndarray":
    """Say which cohorts can be asked: those with an event, and exposure in two periods."""
    enough: np.ndarray = (tracks.counts.sum(axis=1) > 0) & ((tracks.exposure > 0).sum(axis=1) > 1)
    if not enough.any():
        raise InsufficientData(
            f"No cohort has an event {tracks.event!r} and 2 periods with exposure.",
            hint="Choose a longer window, or a shorter period.",
        )
    return enough


def constants_over_time(tracks: Tracks, config: RateConfig) -> dict[str, object]:
    """Give what a posterior over time remembers of its settings."""
    return constants_of(config) | {"event": tracks.event, "period": tracks.period}


def context_over_time(tracks: Tracks, config: RateConfig, model: str) -> dict[str, object]:
    """Say what the numbers refer to."""
    start, end = config.window
    return {
        "window": f"{show(start)} until {show(end)} (exclusive)",
        "start": start.isoformat(),
        "end": end.isoformat(),
        "unit": config.per,
        "exposure": config.exposure or "window",
        "exposure_in_words": exposure_words(config),
        "model": config.model,
        "model_in_words": model,
        "periods": f"{len(tracks.starts)} periods of {a_period(tracks)}, all equally long",
        "event": tracks.event,
        "cohorts": tracks.total,
        "level": config.level,
    }


def findings_over_time(tracks: Tracks) -> tuple[Finding, ...]:
    """Say which cohorts are missing from the answer."""
    findings = []
    if tracks.is_cut and len(tracks.cohorts) > 1:
        text = (
            f"The {len(tracks.cohorts)} most frequent of {tracks.total:,} cohorts are followed; "
            "set cohort to follow another one."
        )
        findings.append(Finding(code="cohorts-cut", severity="note", text=text))
    if silent := int((~usable(tracks)).sum()):
        which = "cohort has" if silent == 1 else "cohorts have"
        text = f"{silent:,} {which} no event, or exposure in one period only, and no answer."
        findings.append(Finding(code="no-answer", severity="note", text=text))
    return tuple(findings)


def rate_over_time(
    tracks: Tracks,
    place: int,
    bands: "tuple[np.ndarray, np.ndarray, np.ndarray]",
    config: RateConfig,
    *,
    words: tuple[str, str, str],
    moment: tuple[str, datetime] | None = None,
) -> "Figure":
    """Draw the rate of one cohort with its band, and the raw rate of every period behind it.

    `bands` are middle, low and high of every period; `words` are name, title and alternative text.
    """
    import numpy as np

    from pymc_vibes.stats import chart_time

    exposure = tracks.exposure[place]
    seen = exposure > 0
    name, title, alt = words
    return chart_time.rate_over_time(
        name,
        title,
        alt,
        bands=bands,
        raw=np.where(seen, tracks.counts[place], np.nan) / np.where(seen, exposure, 1.0),
        at=tracks.starts,
        x_label="beginning of the period",
        y_label=f"events per {config.per}",
        level=config.level,
        moment=moment,
        note=f"Every period is {a_period(tracks)} long.",
    )
