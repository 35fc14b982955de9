"""The answer about changes: which rates changed, when, and by what factor."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Claim, Estimate, Finding, Summary, Table
from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes.kinds.poisson_cohorts.change import Changes, changes_of
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.tracks import (
    context_over_time,
    findings_over_time,
    rate_over_time,
)

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.core.figure import Figure

LISTED = 200
FACTORS = 25  # cohorts with a factor: each takes a few hundredths of a second
ESTIMATES = 10
DRAWN = 6
_PATHS = 2000
"""Draws of a rate over time for a picture: its band is then right to about a fiftieth of an sd."""
_MODEL = "change point: each cohort has one rate, or one before and another one after some moment"


def summarize_change(posterior: Posterior, config: RateConfig, only: int | None = None) -> Summary:
    """Say which rates changed; `only` is the one cohort that is asked about."""
    changes = changes_of(posterior)
    shown = list(range(len(changes))) if only is None else [only]
    sure = [i for i in shown if is_sure(changes, i, config)]
    return Summary(
        headline=_headline(changes, shown, sure, config),
        estimates=tuple(factor_estimate(changes, i, config) for i in (sure or shown)[:ESTIMATES]),
        claims=(_claim(changes, shown[0], config),),  # of the others, the table says as much
        findings=(
            *_clusters(posterior),
            *_false_alarms(changes, shown, sure, config),
            *findings_over_time(changes.tracks),
        ),
        tables=(_table(changes, shown, config),),
        context=context_over_time(changes.tracks, config, _MODEL)
        | {"prior": f"chance of a change {config.change_chance:g}, wherever and up or down alike"},
    )


def is_sure(changes: Changes, index: int, config: RateConfig) -> bool:
    """Whether a change may be claimed: by the rule that decides everything else."""
    return changes.chances[index] >= 1 - (1 - config.level) / 2


def sentence(changes: Changes, index: int, config: RateConfig) -> str:
    """Say of one cohort whether its rate changed, when and by what factor."""
    from pymc_vibes.stats.decide import chance
    from pymc_vibes.stats.describe import plain

    cohort, event = changes.cohort(index), changes.tracks.event
    probability = chance(changes.chances[index])
    if not is_sure(changes, index, config):
        return (
            f"No clear sign of a change in the rate of {event} of {cohort} "
            f"(chance of a change {probability})."
        )
    point = changes.point(index)
    low, high = point.factor.interval(config.level)
    return (
        f"The rate of {event} of {cohort} changed ({probability} chance), most likely about "
        f"{changes.tracks.when(point.likeliest)}, by a factor of "
        f"{plain(point.factor.quantile(0.5))} ({100 * config.level:g} % interval "
        f"{plain(low)} to {plain(high)})."
    )


def factor_estimate(changes: Changes, index: int, config: RateConfig) -> Estimate:
    """Give the factor of one cohort, given that there was a change."""
    from pymc_vibes.stats.describe import contrast_estimate

    label = f"{changes.cohort(index)}, after over before"
    factor = changes.point(index).factor
    return contrast_estimate("factor", label, factor, level=config.level, unit="times")


def _headline(changes: Changes, shown: list[int], sure: list[int], config: RateConfig) -> str:
    from pymc_vibes.stats.decide import chance, join

    first = sentence(changes, shown[0], config)
    event = changes.tracks.event
    if len(shown) == 1:
        return first
    if not sure:
        return (
            f"No clear sign of a change in the rate of {event} of any of {len(shown):,} cohorts; "
            f"the likeliest is {changes.cohort(0)} (chance {chance(changes.chances[0])})."
        )
    if len(sure) == 1:
        return f"{first} No clear sign of a change in the other {len(shown) - 1:,}."
    others = [changes.cohort(i) for i in sure[1:4]]
    named = join(others) if len(sure) <= 4 else f"{', '.join(others)} and {len(sure) - 4:,} more"
    return f"{first} So did {named}; {len(sure):,} of {len(shown):,} cohorts changed."


def _claim(changes: Changes, index: int, config: RateConfig) -> Claim:
    tone = "none"
    probability = changes.chances[index]
    text = f"The rate of {changes.tracks.event} of {changes.cohort(index)} changed."
    if is_sure(changes, index, config):
        factor = changes.point(index).factor
        tone = "higher" if factor.greater >= 0.5 else "lower"
        return Claim(text=text, probability=probability, tone=tone)
    return Claim(text=text, probability=probability, tone="undecided")


def _clusters(posterior: Posterior) -> tuple[Finding, ...]:
    """Say that counts vary too much for the changes to be taken at face value."""
    if posterior.diagnostics.verdict == "good":
        return ()
    text = (
        f"{posterior.diagnostics.reasons[0][:1].upper()}{posterior.diagnostics.reasons[0][1:]}. "
        "Such clusters look like changes: the chances of a change are too high, and the factors "
        "too certain. Longer periods, or the kind entity-rates, take the clusters into account."
    )
    return (Finding(code="overdispersed", severity="warning", text=text),)


def _false_alarms(
    changes: Changes, shown: list[int], sure: list[int], config: RateConfig
) -> tuple[Finding, ...]:
    """Say what many looks do to the chance of a false alarm."""
    from pymc_vibes.stats.describe import plain

    if len(shown) < 2:
        return ()
    bar = 100 * (1 - (1 - config.level) / 2)
    text = f"Every chance is of one cohort, for itself, and a change is claimed from {bar:g} % on."
    if sure:
        wrong = sum(1 - changes.chances[i] for i in sure)
        said = "fewer than 0.001" if wrong < 0.001 else f"about {plain(wrong, 2)}"
        text += (
            f" Of the changes claimed here ({len(sure):,}) {said} are expected to be false "
            "alarms, if changes are as frequent as the prior says "
            f"({100 * config.change_chance:g} %)."
        )
    return (Finding(code="many-cohorts", severity="note", text=text),)


def _table(changes: Changes, shown: list[int], config: RateConfig) -> Table:
    return Table(
        name="changes",
        title="Changes, likeliest first",
        columns=(
            "cohort",
            "chance of a change",
            "factor",
            "factor low",
            "factor high",
            "likeliest",
            "not before",
            "not after",
            "count",
        ),
        units=("", "", "times", "times", "times", "", "", "", "events"),
        rows=tuple(
            _row(changes, index, config, with_factor=row < FACTORS)
            for row, index in enumerate(shown[:LISTED])
        ),
        total=len(shown),
    )


def _row(
    changes: Changes, index: int, config: RateConfig, *, with_factor: bool
) -> tuple[str | float | None, ...]:
    point, tracks = changes.point(index), changes.tracks
    first, last = point.interval(config.level)
    numbers: tuple[float | None, ...] = (None, None, None)
    if with_factor:
        numbers = (point.factor.quantile(0.5), *point.factor.interval(config.level))
    return (
        changes.cohort(index),
        changes.chances[index],
        *numbers,
        *(tracks.when(boundary) for boundary in (point.likeliest, first, last)),
        int(tracks.counts[changes.places[index]].sum()),
    )


def change_figures(
    posterior: Posterior, config: RateConfig, only: int | None = None
) -> "tuple[Figure, ...]":
    """Draw the rates that changed, each with its band; the likeliest where none is sure.

    When and by what factor is drawn of the likeliest change that is claimed, and of the one cohort
    that is asked about.
    """
    changes = changes_of(posterior)
    if only is not None:
        return (_figure(changes, only, config), *_when_and_how(changes, only, config))
    sure = [i for i in range(len(changes)) if is_sure(changes, i, config)]
    first = _when_and_how(changes, sure[0], config) if sure else ()
    drawn = [_figure(changes, i, config) for i in (sure or [0])[:DRAWN]]
    return (drawn[0], *first, *drawn[1:])


def _when_and_how(changes: Changes, index: int, config: RateConfig) -> "tuple[Figure, Figure]":
    from pymc_vibes.stats.chart_time import factor_of_change, time_of_change
    from pymc_vibes.stats.describe import plain

    point, tracks = changes.point(index), changes.tracks
    subject = f"{tracks.event} of {changes.cohort(index)}"
    first, last = (tracks.when(period) for period in point.interval(config.level))
    mass = f"{100 * config.level:g} %"
    low, high = point.factor.interval(config.level)
    factor = f"{plain(point.factor.quantile(0.5))} ({mass} interval {plain(low)} to {plain(high)})"
    moment = tracks.when(point.likeliest)
    return (
        time_of_change(
            f"when_{index + 1}",
            f"{subject}: if the rate changed, then most likely about {moment}",
            f"The chance of every moment of a change in the rate of {subject}, given that there "
            f"was one: most likely {moment}, with {mass} from {first} to {last}.",
            found=point,
            at=tracks.starts,
            x_label="first period of the new rate",
        ),
        factor_of_change(
            f"factor_{index + 1}",
            f"{subject}: if the rate changed, then by a factor of about {factor}",
            f"Posterior density of the rate of {subject} after a change over the rate before, "
            f"given that there was one: about {factor}.",
            found=point,
            level=config.level,
        ),
    )


def _figure(changes: Changes, index: int, config: RateConfig) -> "Figure":
    point, cohort = changes.point(index), changes.cohort(index)
    moment = changes.tracks.starts[point.likeliest]
    said = sentence(changes, index, config)
    is_claimed = is_sure(changes, index, config)
    return rate_over_time(
        changes.tracks,
        changes.places[index],
        _bands(changes, index, config),
        config,
        words=(
            f"change_{index + 1}",
            _title(changes, index, config),
            f"The rate of {changes.tracks.event} of {cohort} in every period of the window, with "
            f"a band, averaged over whether and when it changed. {said}",
        ),
        moment=("likeliest moment of the change", moment) if is_claimed else None,
    )


def _title(changes: Changes, index: int, config: RateConfig) -> str:
    from pymc_vibes.stats.decide import chance
    from pymc_vibes.stats.describe import plain

    subject = f"{changes.tracks.event} of {changes.cohort(index)}"
    if not is_sure(changes, index, config):
        return f"{subject}: no clear change (chance {chance(changes.chances[index])})"
    point = changes.point(index)
    factor, when = plain(point.factor.quantile(0.5)), changes.tracks.when(point.likeliest)
    return f"{subject}: times {factor} from about {when} on"


def _bands(
    changes: Changes, index: int, config: RateConfig
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Draw whole paths: with the chance of a change two rates and a boundary, else one rate."""
    import numpy as np

    point = changes.point(index)
    rng = stream(config.seed, "change", changes.cohort(index))
    drawn = point.draws(_PATHS, rng)
    is_after = np.arange(len(changes.tracks.starts)) >= drawn.boundary[:, None]
    paths = np.where(is_after, drawn.after[:, None], drawn.before[:, None])
    stays = rng.random(_PATHS) >= changes.chances[index]
    paths[stays] = point.rate().sample(0, int(stays.sum()), rng)[:, None]
    tail = (1 - config.level) / 2
    low, high = np.quantile(paths, [tail, 1 - tail], axis=0)
    return paths.mean(axis=0), low, high
