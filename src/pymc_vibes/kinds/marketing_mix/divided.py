"""What channels did over some periods, added up by calendar, and how it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from pymc_vibes.core.figure import Figure
from pymc_vibes.kinds.marketing_mix.messages import day_of
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.stats.describe import percent, plain

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.media_effects import Contributions
    from pymc_vibes.stats.special import Array

type ContributionForm = Literal["part", "lost-without"]
"""`part` divides what happened and adds up; `lost-without` is what each channel alone is worth."""
type CalendarGroup = Literal["period", "month", "quarter", "year", "all"]

MOST_LAYERS = 6
"""Channels that are drawn apart; the smallest ones are drawn together."""
OTHERS = "other channels"
_MOST_PERIODS = 400


@dataclass(frozen=True, kw_only=True, eq=False)
class Division:
    """Contributions of groups of periods, draw by draw; arrays have groups where periods were."""

    form: ContributionForm
    by: str
    """What a group is: a week, a month, all."""
    days: Sequence[date]
    """When each group begins."""
    found: "Contributions"
    seen: "Array"
    """Sales of each group; nan where one of its periods is not known."""

    @property
    def draws(self) -> "Array":
        """Give what is asked for, `(draws, groups, channels)`."""
        return self.found.parts if self.form == "part" else self.found.lost

    @property
    def totals(self) -> "Array":
        """Give the same over all groups, `(draws, channels)`."""
        return self.draws.sum(axis=1)


def divided(
    reading: Reading,
    *,
    window: slice = slice(0, None),
    by: CalendarGroup = "period",
    form: ContributionForm = "part",
    entity: int | None = None,
) -> Division:
    """Add up what channels did in groups of the fitted periods of a window."""
    days = reading.study.days[window]
    firsts, begins = _groups([day_of(day) for day in days], by)
    found = reading.totals if entity is None else reading.totals_of(entity)
    features = reading.study.features
    sales = features.sales if entity is None else features.sales[[entity]]
    seen = _summed(sales.sum(axis=0)[: features.fitted][window], firsts)
    return Division(
        form=form,
        by=reading.study.panel.grain if by == "period" else by,
        days=begins,
        found=found.summed(firsts + window.start, window.start + len(days)),
        seen=seen,
    )


def _summed(values: "Array", firsts: "np.ndarray") -> "Array":
    import numpy as np

    return np.asarray(np.add.reduceat(values, firsts))


def _groups(days: Sequence[date], by: CalendarGroup) -> "tuple[np.ndarray, list[date]]":
    """Give the place of each group's first period, and the day of the calendar it stands for."""
    import numpy as np

    begins = [days[0] if by == "all" else _begin(day, by) for day in days]
    firsts = [i for i, day in enumerate(begins) if i == 0 or day != begins[i - 1]]
    return np.array(firsts, dtype=np.intp), [begins[i] for i in firsts]


def _begin(day: date, by: CalendarGroup) -> date:
    match by:
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case "year":
            return day.replace(month=1, day=1)
        case _:
            return day


def figures_of(reading: Reading, division: Division) -> tuple[Figure, ...]:
    """Draw a division over time, where there is more than one group, and as steps."""
    steps = steps_figure(reading, division)
    if len(division.days) < 2:
        return (steps,)
    over_time = layers_figure if division.form == "part" else lines_figure
    return (over_time(reading, division), steps)


def layers_figure(reading: Reading, division: Division) -> Figure:
    """Draw what each channel added to sales over time, stacked on what there was without media."""
    from pymc_vibes.stats.chart_media import layers

    shown = slice(None, None, step_of(len(division.days)))
    means = division.draws.mean(axis=0)
    names, parts = _drawn_channels(reading.channels, means)
    share, largest = _media_share(division), reading.channels[means.sum(axis=0).argmax()]
    name = reading.config.sales_name
    return layers(
        "contributions",
        f"{percent(share)} of the {name} came from media, most of it from {largest}",
        f"Expected {name} per {division.by}, divided into what there was without media and the "
        f"part of each channel. The largest is {largest}.",
        days=division.days[shown],
        rest=division.found.rest.mean(axis=0)[shown],
        parts=[(label, part[shown]) for label, part in zip(names, parts, strict=True)],
        seen=division.seen[shown],
        label=name,
    )


def lines_figure(reading: Reading, division: Division) -> Figure:
    """Draw what would be lost without each channel over time: these overlap, so are not stacked."""
    from pymc_vibes.stats.chart import lines_with_bands

    shown = slice(None, None, step_of(len(division.days)))
    middle, low, high = reading.three(division.draws[:, shown])
    order = middle.sum(axis=0).argsort()[::-1][:MOST_LAYERS]
    name, best = reading.config.sales_name, reading.channels[order[0]]
    left_out = len(reading.channels) - len(order)
    return lines_with_bands(
        "contributions",
        f"Most {name} would be lost without {best}",
        f"{name} per {division.by} that would be lost without each channel, all else as it was. "
        f"The largest is {best}.",
        lines=[
            (reading.channels[c], division.days[shown], middle[:, c], low[:, c], high[:, c])
            for c in sorted(order)  # every figure gives a channel the same color
        ],
        x_label="period",
        y_label=f"{name} lost",
        level=reading.config.level,
        x_kind="time",
        y_zero=True,
        note=f"{left_out} smaller channels are not drawn." if left_out else "",
    )


def steps_figure(reading: Reading, division: Division) -> Figure:
    """Draw how sales add up from what there was without media, channel by channel."""
    from pymc_vibes.stats.chart_media import waterfall

    labels, steps = steps_of(reading, division)
    means, (low, high) = steps.mean(axis=0), reading.ends(steps.cumsum(axis=1))
    name = reading.config.sales_name
    share = percent(float(means[1] / means.sum()))
    title = f"{labels[1]} made the largest part of media's {name}: {share}"
    if division.form == "lost-without":
        title = f"{share} of the {name} would be lost without {labels[1]}, the largest channel"
    return waterfall(
        "waterfall",
        title,
        f"{name} from {division.days[0]} on: without media {plain(float(means[0]))}, then each "
        f"channel, {plain(float(means.sum()))} in the end.",
        labels=labels,
        steps=[float(step) for step in means],
        low=[float(end) for end in low],
        high=[float(end) for end in high],
        label=name,
        level=reading.config.level,
    )


def steps_of(reading: Reading, division: Division) -> "tuple[list[str], Array]":
    """Give what adds up to expected sales, with names, `(draws, steps)`: the largest channel first.

    What is lost without channels counts some sales more than once where effects multiply: what is
    counted too often is a step of its own, back down.
    """
    import numpy as np

    totals, found = division.totals, division.found
    order = totals.mean(axis=0).argsort()[::-1]
    labels = ["without media", *(reading.channels[c] for c in order)]
    steps = [found.rest.sum(axis=1), *totals[:, order].T]
    if division.form == "lost-without" and reading.config.link == "log":
        labels.append("counted more than once")
        steps.append(-found.overlap.sum(axis=1))
    return labels, np.column_stack(steps)


def step_of(periods: int) -> int:
    """Say every how many-th period is drawn."""
    return max(-(-periods // _MOST_PERIODS), 1)


def _media_share(division: Division) -> float:
    found = division.found
    return float((found.lost_jointly.sum(axis=1) / found.fitted.sum(axis=1)).mean())


def _drawn_channels(names: Sequence[str], parts: "Array") -> "tuple[list[str], list[Array]]":
    """Give the largest channels by name with their mean part per period; the rest in one.

    They stay in their order, so that every figure gives a channel the same color.
    """
    import numpy as np

    order = parts.sum(axis=0).argsort()[::-1]
    most = MOST_LAYERS - 1 if len(order) == MOST_LAYERS + 1 else MOST_LAYERS
    kept, rest = sorted(order[:most]), order[most:]
    shown, drawn = [names[c] for c in kept], [np.asarray(parts[:, c]) for c in kept]
    if len(rest):
        shown.append(OTHERS)
        drawn.append(np.asarray(parts[:, rest].sum(axis=1)))
    return shown, drawn
