"""What each channel did, period by period, in two forms that are never mixed up."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from pymc_vibes.core.answer import Estimate, Finding, QueryAnswer, Summary, Table
from pymc_vibes.core.config import setting
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.answer import drawn_estimate
from pymc_vibes.kinds.marketing_mix.asking import Between, entity_index, records, trusted, window_of
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.divided import (
    CalendarGroup,
    ContributionForm,
    Division,
    divided,
    figures_of,
    steps_of,
)
from pymc_vibes.kinds.marketing_mix.options import Name
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.kinds.marketing_mix.words import with_interval
from pymc_vibes.stats.describe import percent

MOST_ROWS = 20_000


class ContributionsAsked(Between):
    """Which contributions."""

    form: ContributionForm = setting(
        "part", "Part: each channel's share of what happened, which adds up exactly. Lost-without: "
        "what would be missing without the channel, all else as it was; where effects multiply, "
        "these overlap.",
    )  # fmt: skip
    by: CalendarGroup = setting(
        "period", "What is added up: each period alone, or those that begin in a month, a quarter "
        "or a year, or all. Sums are taken in each draw.",
    )  # fmt: skip
    entity: Name | None = setting(
        None, "One entity alone, where entities were kept apart; open: all together."
    )


def contributions(
    posterior: Posterior, config: MarketingMixConfig, asked: ContributionsAsked
) -> QueryAnswer:
    """Give what each channel did, with intervals, and the proof that it adds up."""
    reading = trusted(posterior, config)
    window = window_of(reading, asked)
    entity = None if asked.entity is None else entity_index(reading, asked.entity)
    division = divided(reading, window=window, by=asked.by, form=asked.form, entity=entity)
    steps = _steps_table(reading, division)
    return QueryAnswer(
        summary=Summary(
            headline=_headline(reading, division),
            estimates=tuple(_estimates(reading, division)),
            findings=tuple(_findings(reading, division)),
            tables=(contributions_table(reading, division), steps),
            context={"form": asked.form, "by": division.by, "entity": asked.entity},
        ),
        figures=figures_of(reading, division),
        data={"form": asked.form, "adds_up": adds_up(division), "steps": records(steps)},
    )


def contributions_table(reading: Reading, division: Division, *, most: int = MOST_ROWS) -> Table:
    """List every group and channel, by time; of very many rows, the latest ones."""
    middle, low, high = reading.three(division.draws)
    unit = reading.config.sales_name
    groups = range(len(division.days))
    kept = groups[-max(most // max(len(reading.channels), 1), 1) :]
    return Table(
        name="contributions",
        title="What each channel brought" if division.form == "part"
        else "What would be lost without each channel",
        columns=("period_start", "channel", "contrib_mean", "contrib_low", "contrib_high"),
        units=("", "", unit, unit, unit),
        rows=tuple(
            (
                division.days[t].isoformat(), name,
                float(middle[t, c]), float(low[t, c]), float(high[t, c]),
            )
            for t in kept
            for c, name in enumerate(reading.channels)
        ),
        total=len(groups) * len(reading.channels),
    )  # fmt: skip


def _steps_table(reading: Reading, division: Division) -> Table:
    labels, steps = steps_of(reading, division)
    unit = reading.config.sales_name
    whole = division.found.fitted.sum(axis=1)
    rows: list[tuple[JsonValue, ...]] = [
        (label, *(float(n) for n in reading.three(draws)), float(draws.mean() / whole.mean()))
        for label, draws in zip([*labels, "in all"], [*steps.T, whole], strict=True)
    ]
    return Table(
        name="steps",
        title="How it adds up: the means do, in every draw; ends of intervals do not",
        columns=("what", "mean", "low", "high", "share"),
        units=("", unit, unit, unit, "share"),
        rows=tuple(rows),
    )


def adds_up(division: Division) -> Mapping[str, JsonValue]:
    """Give the largest gap, in any draw and group, between expected sales and the sum of parts."""
    import numpy as np

    found = division.found
    overlap = found.overlap if division.form == "lost-without" else 0.0
    gap = found.rest + division.draws.sum(axis=2) - overlap - found.fitted
    largest = float(np.abs(gap).max())
    return {"largest_gap": largest, "of_sales": largest / float(np.abs(found.fitted).max())}


def _headline(reading: Reading, division: Division) -> str:
    import numpy as np

    totals, whole = division.totals, division.found.fitted.sum(axis=1)
    best = int(totals.mean(axis=0).argmax())
    name = reading.channels[best]
    share = with_interval(reading, np.asarray(totals[:, best] / whole), percent)
    sold = f"expected {reading.config.sales_name}"
    if division.form == "lost-without":
        return f"Without {name} {share} of {sold} would have been lost, the most of any channel."
    media = division.found.lost_jointly.sum(axis=1)
    everything = with_interval(reading, np.asarray(media / whole), percent)
    return f"Media made {everything} of {sold}; the largest part is that of {name}: {share}."


def _estimates(reading: Reading, division: Division) -> Iterator[Estimate]:
    said = "Part of" if division.form == "part" else "Lost without"
    for channel, name in enumerate(reading.channels):
        yield drawn_estimate(
            reading, name, f"{said} {name}", division.totals[:, channel],
            unit=reading.config.sales_name,
        )  # fmt: skip


def _findings(reading: Reading, division: Division) -> Iterator[Finding]:
    if division.form == "lost-without" and reading.config.link == "log":
        media = division.found.lost_jointly.sum(axis=1)
        over = division.found.overlap.sum(axis=1)
        yield Finding(
            code="overlap", severity="note",
            text="Effects multiply, so what would be lost without each channel overlaps: together "
            f"they count {percent(float((over / media).mean()))} of what media brought more than "
            "once. Ask for form=part for numbers that add up.",
        )  # fmt: skip
    rows = len(division.days) * len(reading.channels)
    if rows > MOST_ROWS:
        yield Finding(
            code="latest-rows", severity="note",
            text=f"The table has the latest of {rows:,} rows. Ask for a shorter time, or add up by "
            "month.",
        )  # fmt: skip
