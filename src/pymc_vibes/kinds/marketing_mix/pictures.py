"""The figures of a marketing mix: sales, what made them, what money returned, and the checks."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.checks import coverage, residuals
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.curves import curves_figure
from pymc_vibes.kinds.marketing_mix.knowledge import knowledge_of
from pymc_vibes.kinds.marketing_mix.messages import day_of
from pymc_vibes.kinds.marketing_mix.reading import Reading, reading_of
from pymc_vibes.stats.describe import percent, plain

if TYPE_CHECKING:
    from datetime import date

    import numpy as np

    from pymc_vibes.stats.special import Array

_MOST_PERIODS = 400
MOST_LAYERS = 6
"""Channels that are drawn apart; the smallest ones are drawn together."""
OTHERS = "other channels"


def figures(posterior: Posterior, config: MarketingMixConfig) -> tuple[Figure, ...]:
    """Show sales and what made them; of a fit that cannot be trusted, only the chains."""
    from pymc_vibes.stats.sampler_views import chain_figures

    reading = reading_of(posterior, config)
    if not reading.is_trusted:
        return chain_figures(posterior)
    return (*_told(reading), *_checks(reading), *chain_figures(posterior))


def _told(reading: Reading) -> Iterator[Figure]:
    yield sales_figure(reading)
    yield layers_figure(reading)
    yield waterfall_figure(reading)
    if reading.paid.any():
        yield returns_figure(reading)
    yield curves_figure(reading)


def _checks(reading: Reading) -> Iterator[Figure]:
    from pymc_vibes.stats.chart_interruption import left_over_bars

    yield _knowledge_figure(reading)
    yield left_over_bars(residuals(reading))


def sales_figure(reading: Reading) -> Figure:
    """Draw sales over what was expected, with what single periods may be."""
    from pymc_vibes.stats.chart_media import sales_and_expected

    config, features = reading.config, reading.study.features
    shown = slice(None, None, step_of(len(features.days)))
    sales = features.sales.sum(axis=0)
    held = len(features.days) - features.fitted
    inside = percent(coverage(reading, 0.9))
    return sales_and_expected(
        "sales",
        f"The model's 90 % intervals hold {inside} of the {config.sales_name}",
        f"{config.sales_name} per {reading.study.panel.grain} as dots over the expected level, "
        f"with bands. {inside} of the fitted periods lie in their 90 % interval.",
        days=dates(features.days[shown]),
        seen=sales[shown],
        expected=reading.three(reading.expected[:, shown]),
        noisy=reading.ends(reading.predicted[:, shown]),
        held_from=day_of(int(features.days[features.fitted])) if held else None,
        label=config.sales_name,
        level=config.level,
    )


def layers_figure(reading: Reading) -> Figure:
    """Draw what each channel added to sales over time, stacked on what there was without media."""
    from pymc_vibes.stats.chart_media import layers

    shown = slice(None, None, step_of(len(reading.study.days)))
    names, parts = _drawn_channels(reading)
    middle, high = reading.media_share.mean(), names[0]
    name = reading.config.sales_name
    return layers(
        "contributions",
        f"{percent(float(middle))} of the {name} came from media, most of it from {high}",
        f"Expected {name} per {reading.study.panel.grain}, divided into what there was without "
        f"media and the part of each channel. The largest is {high}.",
        days=dates(reading.study.days[shown]),
        rest=reading.totals.rest.mean(axis=0)[shown],
        parts=[(label, part[shown]) for label, part in zip(names, parts, strict=True)],
        seen=reading.study.sales[shown],
        label=name,
    )


def waterfall_figure(reading: Reading) -> Figure:
    """Draw how sales add up from what there was without media, channel by channel."""
    from pymc_vibes.stats.chart_media import waterfall

    parts = reading.totals.parts.sum(axis=1)
    order = parts.mean(axis=0).argsort()[::-1]
    rest, whole = reading.totals.rest.sum(axis=1), reading.totals.fitted.sum(axis=1)
    first = reading.channels[order[0]]
    share = percent(float(parts[:, order[0]].mean() / whole.mean()))
    return waterfall(
        "waterfall",
        f"{first} made the largest part of media's {reading.config.sales_name}: {share}",
        f"{reading.config.sales_name} over all fitted periods: without media "
        f"{plain(float(rest.mean()))}, then the part of each channel, {plain(float(whole.mean()))} "
        "in the end.",
        labels=["without media", *(reading.channels[c] for c in order)],
        steps=[float(rest.mean()), *(float(parts[:, c].mean()) for c in order)],
        low=[*(float(x) for x in _ends_of(reading, rest, parts, order)[0])],
        high=[*(float(x) for x in _ends_of(reading, rest, parts, order)[1])],
        label=reading.config.sales_name,
        level=reading.config.level,
    )


def _ends_of(
    reading: Reading, rest: "Array", parts: "Array", order: "np.ndarray"
) -> "tuple[Array, Array]":
    """Give the interval of where each step ends."""
    import numpy as np

    steps = np.column_stack([rest, parts[:, order]])
    return reading.ends(np.cumsum(steps, axis=1))


def returns_figure(reading: Reading) -> Figure:
    """Draw sales per money spent, channel by channel."""
    from pymc_vibes.stats.chart import forest

    kept = [c for c, is_paid in enumerate(reading.paid) if is_paid]
    labels = [reading.channels[c] for c in kept]
    draws = reading.roas[:, kept]
    low, high = reading.ends(draws)
    money = reading.config.currency or "unit of money"
    what = f"{reading.config.sales_name} per {money}"
    means = draws.mean(axis=0)
    value = reading.config.value_per_sale
    return forest(
        "roas",
        f"{labels[int(means.argmax())]} returned most: {plain(float(means.max()))} {what}",
        f"{what.capitalize()} spent, for each of {len(kept)} channels, carry-over included.",
        labels=labels, mean=means, low=low, high=high, x_label=what,
        level=reading.config.level, interval="eti",
        center=None if value is None else 1 / value,
        center_label="what it costs",
    )  # fmt: skip


def _knowledge_figure(reading: Reading) -> Figure:
    """Draw prior and posterior of each channel's average effect."""
    from pymc_vibes.stats.chart_media import before_and_after

    known = knowledge_of(reading)
    learned = [one for one in known if one.verdict == "learned from the data"]
    return before_and_after(
        "prior_and_posterior",
        f"The data settle the effects of {len(learned)} of {len(known)} channels",
        "The average effect of each channel before the data, as a thin bar, and after them, as a "
        "heavy one. Where both agree, the data said little.",
        labels=[one.channel for one in known],
        before=[one.prior for one in known],
        after=[one.posterior for one in known],
        x_label="average effect",
        unit="log points" if reading.config.link == "log" else "of mean sales",
        level=reading.config.level,
    )


def step_of(periods: int) -> int:
    """Say every how many-th period is drawn."""
    return max(-(-periods // _MOST_PERIODS), 1)


def dates(days: "Array") -> "Sequence[date]":
    """Turn days since 1970 into dates."""
    return [day_of(int(day)) for day in days]


def _drawn_channels(reading: Reading) -> "tuple[list[str], list[Array]]":
    """Give the largest channels by name with their mean part per period; the rest in one."""
    import numpy as np

    parts = reading.totals.parts.mean(axis=0)
    order = parts.sum(axis=0).argsort()[::-1]
    kept, rest = order[:MOST_LAYERS], order[MOST_LAYERS:]
    if len(rest) == 1:
        kept, rest = order[: MOST_LAYERS - 1], order[MOST_LAYERS - 1 :]
    names = [reading.channels[c] for c in kept]
    layers = [np.asarray(parts[:, c]) for c in kept]
    if len(rest):
        names.append(OTHERS)
        layers.append(np.asarray(parts[:, rest].sum(axis=1)))
    return names, layers
