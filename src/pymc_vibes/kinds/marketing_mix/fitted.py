"""What was sold, and what the model expected, period by period."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import QueryAnswer, Summary, Table
from pymc_vibes.core.config import Parameters
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.asking import trusted
from pymc_vibes.kinds.marketing_mix.checks import coverage, fit_numbers, held_out, share_explained
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.messages import day_of
from pymc_vibes.kinds.marketing_mix.pictures import sales_figure
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.stats.describe import finite, percent, plain

if TYPE_CHECKING:
    from pydantic import JsonValue


class FittedAsked(Parameters):
    """Nothing to choose."""


def fitted(posterior: Posterior, config: MarketingMixConfig, asked: FittedAsked) -> QueryAnswer:
    """Set sales against what was expected, in the fitted periods and in those held out."""
    del asked  # there is nothing to choose
    reading = trusted(posterior, config)
    numbers = fit_numbers(reading)
    return QueryAnswer(
        summary=Summary(
            headline=_headline(reading),
            tables=(fitted_table(reading),),
            context=numbers,
        ),
        figures=(sales_figure(reading),),
        data=dict(numbers),
    )


def fitted_table(reading: Reading) -> Table:
    """List every period: its sales, what was expected, and what a single period may be."""
    features = reading.study.features
    sales = features.sales.sum(axis=0)
    columns = [*reading.three(reading.expected), *reading.ends(reading.predicted)]
    unit = reading.config.sales_name
    rows: list[tuple[JsonValue, ...]] = [
        (
            day_of(day).isoformat(), finite(sales[t]), *(float(c[t]) for c in columns),
            t >= features.fitted,
        )
        for t, day in enumerate(features.days)
    ]  # fmt: skip
    return Table(
        name="fitted",
        title="Sales, what was expected, and where a single period may lie",
        columns=(
            "period_start", "y", "y_hat_mean", "y_hat_low", "y_hat_high", "single_low",
            "single_high", "held_out",
        ),
        units=("", *[unit] * 6, ""),
        rows=tuple(rows),
    )  # fmt: skip


def _headline(reading: Reading) -> str:
    inside = percent(coverage(reading, 0.9))
    told = (
        f"The model explains {percent(share_explained(reading))} of the variance of "
        f"{reading.config.sales_name}; its 90 % intervals hold {inside} of the fitted periods"
    )
    held = held_out(reading)
    if held is None:
        return f"{told}. No period was held out to see how well it predicts."
    inside = percent(coverage(reading, 0.9, held_out=True))
    year = "" if held[1] is None else f", that of the year before by {plain(held[1])}"
    return (
        f"{told} and {inside} of those held out, which it misses by {plain(held[0])} on average "
        f"(CRPS){year}."
    )
