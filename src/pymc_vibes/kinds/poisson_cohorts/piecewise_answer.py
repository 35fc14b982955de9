"""The answer about rates over time: where each began, where it ended, how fast it wanders."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Claim, Estimate, Summary, Table
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.poisson_cohorts.estimates import estimates_from
from pymc_vibes.kinds.poisson_cohorts.piecewise import Paths, paths_of
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.tracks import (
    a_period,
    context_over_time,
    findings_over_time,
    rate_over_time,
)

if TYPE_CHECKING:
    from pymc_vibes.core.figure import Figure

_MODEL = "piecewise: one rate per period, alike in neighboring periods"


def summarize_piecewise(
    posterior: Posterior, config: RateConfig, only: int | None = None
) -> Summary:
    """Say where rates stand now, and whether they rose; `only` is the one cohort asked about."""
    paths = paths_of(posterior)
    shown = list(range(len(paths.places))) if only is None else [only]
    claims = tuple(_claim(paths, i, config) for i in shown)
    sentences = [_sentence(paths, i, claim, config) for i, claim in zip(shown, claims, strict=True)]
    more = f" {len(shown) - 1} more cohorts follow below." if len(shown) > 1 else ""
    return Summary(
        headline=sentences[0] + more,
        estimates=tuple(one for i in shown for one in _estimates(paths, i, config)),
        claims=claims,
        findings=findings_over_time(paths.tracks),
        tables=tuple(_table(paths, i, config) for i in shown),
        context=context_over_time(paths.tracks, config, _MODEL)
        | {"prior": f"speed half-normal with scale {config.speed:g} (log per root of a period)"},
    )


def _claim(paths: Paths, index: int, config: RateConfig) -> Claim:
    """Claim that a rate rose or fell from the first to the last period."""
    from pymc_vibes.stats.decide import decide

    rise = paths.found[index].rise
    way = "rose" if rise >= 0.5 else "fell"
    event, cohort = paths.tracks.event, paths.cohort(index)
    return Claim(
        text=f"The rate of {event} of {cohort} {way} between the first and the last period.",
        probability=max(rise, 1 - rise),
        tone=decide(rise, config.level),
    )


def _sentence(paths: Paths, index: int, claim: Claim, config: RateConfig) -> str:
    from pymc_vibes.stats.decide import chance
    from pymc_vibes.stats.describe import plain

    rates, tracks = paths.found[index].rates, paths.tracks
    middle = rates.quantile(0.5)
    first, last = plain(middle[0]), plain(middle[-1])
    ends = f"about {first} per {config.per} at first and {last} at last"
    event, cohort = tracks.event, paths.cohort(index)
    if claim.tone == "undecided":
        return (
            f"It is open whether the rate of {event} of {cohort} rose or fell over the window: "
            f"{ends} (chance that it {'rose' if 'rose' in claim.text else 'fell'} "
            f"{chance(claim.probability)})."
        )
    way = "rose" if claim.tone == "higher" else "fell"
    return (
        f"The rate of {event} of {cohort} {way} over the window ({chance(claim.probability)} "
        f"chance): {ends}."
    )


def _estimates(paths: Paths, index: int, config: RateConfig) -> tuple[Estimate, ...]:
    """Give the rates of the first and the last period, and the speed."""
    found, cohort = paths.found[index], paths.cohort(index)
    last = len(paths.tracks.starts) - 1
    labels = [f"{cohort}, {word} period" for word in ("first", "last")]
    ends = estimates_from(
        "rate",
        labels,
        found.rates.take([0, last]),
        level=config.level,
        unit=f"events per {config.per}",
    )
    speed = estimates_from(
        "speed",
        [f"{cohort}, typical change of the log rate in {a_period(paths.tracks)}"],
        found.sigma,
        level=config.level,
        unit="",
    )
    return (*ends, *speed)


def _table(paths: Paths, index: int, config: RateConfig) -> Table:
    import numpy as np

    tracks, place = paths.tracks, paths.places[index]
    rates, tail = paths.found[index].rates, (1 - config.level) / 2
    counts, exposure = tracks.counts[place], tracks.exposure[place]
    raw = [
        k / t if t > 0 else None for k, t in zip(counts.tolist(), exposure.tolist(), strict=True)
    ]
    mean = rates.mean()
    per = f"events per {config.per}"
    columns = (
        [tracks.when(period) for period in range(len(counts))],
        counts.astype(int).tolist(),
        exposure.tolist(),
        raw,
        [float(x) if np.isfinite(x) else None for x in mean],
        rates.quantile(0.5).tolist(),
        rates.quantile(tail).tolist(),
        rates.quantile(1 - tail).tolist(),
    )
    return Table(
        name=f"periods_{index + 1}",
        title=f"{paths.cohort(index)}: rate of {tracks.event} in every period",
        columns=("from", "count", "exposure", "raw", "mean", "median", "eti low", "eti high"),
        units=("", "events", config.pers, per, per, per, per, per),
        rows=tuple(zip(*columns, strict=True)),
    )


def piecewise_figures(
    posterior: Posterior, config: RateConfig, only: int | None = None
) -> "tuple[Figure, ...]":
    """Draw every cohort's rate over time with its band."""
    paths = paths_of(posterior)
    shown = range(len(paths.places)) if only is None else [only]
    return tuple(_figure(paths, i, config) for i in shown)


def _figure(paths: Paths, index: int, config: RateConfig) -> "Figure":
    rates, tail = paths.found[index].rates, (1 - config.level) / 2
    said = _sentence(paths, index, _claim(paths, index, config), config)
    return rate_over_time(
        paths.tracks,
        paths.places[index],
        (rates.quantile(0.5), rates.quantile(tail), rates.quantile(1 - tail)),
        config,
        words=(
            f"rate_{index + 1}",
            said.removesuffix("."),
            f"The rate of {paths.tracks.event} of {paths.cohort(index)} in every period of the "
            f"window, its median with a band. {said}",
        ),
        at=[],
    )
