"""The answer about rates over time: where each began, where it ended, how fast it wanders."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Claim, Estimate, Summary, Table, Tone
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.poisson_cohorts.estimates import estimates_from
from pymc_vibes.kinds.poisson_cohorts.piecewise import Paths, paths_of
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.tracks import (
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
    claims = [_claim(paths, i, config) for i in shown]
    others = [(paths.cohort(i), claims[row].tone) for row, i in enumerate(shown) if row]
    return Summary(
        headline=_sentence(paths, shown[0], claims[0], config) + _of_others(others),
        estimates=tuple(one for i in shown for one in _estimates(paths, i, config)),
        claims=(claims[0],),  # of the others, the table says as much
        findings=findings_over_time(paths.tracks),
        tables=(_ends(paths, shown, config), *(_table(paths, i, config) for i in shown)),
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


def _of_others(others: list[tuple[str, Tone]]) -> str:
    """Say which of the other cohorts rose or fell, and of how many that is open."""
    from pymc_vibes.stats.decide import join

    if not others:
        return ""
    moved = [
        f"{_named([name for name, tone in others if tone == wanted])} {way}"
        for wanted, way in (("higher", "rose"), ("lower", "fell"))
        if any(tone == wanted for _, tone in others)
    ]
    still = sum(tone not in {"higher", "lower"} for _, tone in others)
    if still:
        moved.append(f"it is open for {'the other' if moved else 'all of the other'} {still:,}")
    text = join(moved)
    # a cohort's name keeps its own first letter
    return f" {text[:1].upper()}{text[1:]}." if moved[0].startswith("it is") else f" {text}."


def _named(names: list[str]) -> str:
    from pymc_vibes.stats.decide import join

    return join([*names[:3], f"{len(names) - 3:,} more"] if len(names) > 4 else names)


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
        [f"{cohort}, drift per period"],
        found.sigma,
        level=config.level,
        unit="log rate",
    )
    return (*ends, *speed)


def _ends(paths: Paths, shown: list[int], config: RateConfig) -> Table:
    """Give every cohort's rate at both ends of the window, and the chance that it rose."""
    per = f"events per {config.per}"
    rows = []
    for index in shown:
        first, last, speed = _estimates(paths, index, config)
        rows.append(
            (
                paths.cohort(index),
                *_with_interval(first),
                *_with_interval(last),
                float(paths.found[index].rise),
                speed.median,
                int(paths.tracks.counts[paths.places[index]].sum()),
            )
        )
    return Table(
        name="ends",
        title=f"First and last period, medians: rate of {paths.tracks.event}",
        columns=(
            "cohort", "first", "first low", "first high", "last", "last low", "last high",
            "chance of a rise", "drift per period", "count",
        ),
        units=("", per, per, per, per, per, per, "", "log rate", "events"),
        rows=tuple(rows),
    )  # fmt: skip


def _with_interval(end: Estimate) -> tuple[float | None, ...]:
    (tailed,) = (interval for interval in end.intervals if interval.kind == "eti")
    return end.median, tailed.low, tailed.high


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


def _title(paths: Paths, index: int, config: RateConfig) -> str:
    from pymc_vibes.stats.decide import chance
    from pymc_vibes.stats.describe import plain

    claim, middle = _claim(paths, index, config), paths.found[index].rates.quantile(0.5)
    way = "rose" if "rose" in claim.text else "fell"
    subject = f"{paths.tracks.event} of {paths.cohort(index)}"
    ends = f"{plain(middle[0])} per {config.per} at first, {plain(middle[-1])} at last"
    return f"{subject}: {ends} (chance that it {way} {chance(claim.probability)})"


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
            _title(paths, index, config),
            f"The rate of {paths.tracks.event} of {paths.cohort(index)} in every period of the "
            f"window, its median with a band. {said}",
        ),
    )
