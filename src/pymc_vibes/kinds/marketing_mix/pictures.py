"""The figures of a marketing mix: sales, what made them, what money returned, and the checks."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.calibrated import calibration_figures
from pymc_vibes.kinds.marketing_mix.checks import coverage, residuals
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.curves import curves_figure
from pymc_vibes.kinds.marketing_mix.divided import divided, figures_of, step_of
from pymc_vibes.kinds.marketing_mix.knowledge import knowledge_of
from pymc_vibes.kinds.marketing_mix.messages import day_of
from pymc_vibes.kinds.marketing_mix.reading import Reading, reading_of
from pymc_vibes.kinds.marketing_mix.words import per_money_words
from pymc_vibes.stats.columns import level_words
from pymc_vibes.stats.describe import percent, plain

if TYPE_CHECKING:
    from datetime import date

    from pymc_vibes.stats.special import Array


_ROOM = 10  # times the largest sales: what priors expect beyond is cut


def figures(posterior: Posterior, config: MarketingMixConfig) -> tuple[Figure, ...]:
    """Show sales and what made them; of a fit that cannot be trusted, only the chains."""
    from pymc_vibes.stats.sampler_views import chain_figures

    reading = reading_of(posterior, config)
    if not reading.is_trusted:
        return chain_figures(posterior)
    # chains that agree look all alike: a few show it, and the table has the numbers of all
    few = {"average_effect", "beta", "sigma"}
    return (*_told(reading), *_checks(reading), *chain_figures(posterior, few))


def _told(reading: Reading) -> Iterator[Figure]:
    yield sales_figure(reading)
    yield from figures_of(reading, divided(reading))
    if reading.paid.any():
        yield returns_figure(reading)
    yield curves_figure(reading)
    yield from calibration_figures(reading)


def _checks(reading: Reading) -> Iterator[Figure]:
    from pymc_vibes.stats.chart_interruption import left_over_bars

    yield prior_figure(reading)
    yield _knowledge_figure(reading)
    yield left_over_bars(residuals(reading), reading.study.panel.grain)


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


def prior_figure(reading: Reading) -> Figure:
    """Draw sales over what the model expected of them before it knew any."""
    import numpy as np

    from pymc_vibes.stats.chart_media import sales_and_expected

    prior, config, features = reading.prior, reading.config, reading.study.features
    shown = slice(0, features.fitted, step_of(features.fitted))
    level, name = level_words(config.level), config.sales_name
    inside = percent(coverage(prior, config.level))
    sales = features.sales.sum(axis=0)[shown]
    edge = _ROOM * float(np.nanmax(np.abs(sales)))
    expected = np.quantile(prior.expected[:, shown], [0.5, *prior.tails], axis=0)
    noisy = np.stack(prior.ends(prior.predicted[:, shown]))
    is_cut = max(np.abs(expected).max(), np.abs(noisy).max()) > edge
    middle, low, high = np.clip(expected, -edge, edge)
    lowest, highest = np.clip(noisy, -edge, edge)
    return sales_and_expected(
        "prior_predictive_check",
        f"Before the data, the model's {level} intervals hold {inside} of the {name}",
        f"{name} per {reading.study.panel.grain} as dots over what the priors alone expect, with "
        f"bands; {inside} lie in the {level} interval.",
        days=dates(features.days[shown]),
        seen=sales,
        expected=(middle, low, high),
        noisy=(lowest, highest),
        held_from=None,
        label=name,
        level=config.level,
        note=f"The line is the median. Bands end at {_ROOM} times what was seen." if is_cut else "",
    )


def returns_figure(reading: Reading) -> Figure:
    """Draw sales per money spent, channel by channel."""
    kept = [c for c, is_paid in enumerate(reading.paid) if is_paid]
    value = reading.config.value_per_sale
    return returns_forest(
        reading, "roas", [reading.channels[c] for c in kept], reading.roas[:, kept],
        None if value is None else 1 / value,
    )  # fmt: skip


def returns_forest(
    reading: Reading,
    name: str,
    labels: "Sequence[str]",
    draws: "Array",
    hurdle: float | None,
    *,
    marginal: bool = False,
    meant: str = "what it must return",
) -> Figure:
    """Draw returns of channels, `(draws, channels)`, beside a return that is `meant`."""
    from pymc_vibes.stats.chart import forest

    mean, low, high = reading.three(draws)
    per = per_money_words(reading)
    which = "more" if marginal else "spent"
    most = "would return most for the next money" if marginal else "returned most"
    return forest(
        name,
        f"{labels[int(mean.argmax())]} {most}: {plain(float(mean.max()))} {per}",
        f"{per} {which}, for each of {len(labels)} channels, carry-over included.",
        labels=labels, mean=mean, low=low, high=high, x_label=per, level=reading.config.level,
        interval="eti", center=hurdle, center_label=meant,
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


def dates(days: "Array") -> "Sequence[date]":
    """Turn days since 1970 into dates."""
    return [day_of(int(day)) for day in days]
