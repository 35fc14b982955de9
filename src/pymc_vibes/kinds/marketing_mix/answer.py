"""The answer of a marketing mix: sentence, decision, numbers, tables."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pymc_vibes.core.answer import Estimate, Summary, Table
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix import words
from pymc_vibes.kinds.marketing_mix.calibrated import calibration_tables
from pymc_vibes.kinds.marketing_mix.checks import findings, fit_numbers
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.knowledge import knowledge_table
from pymc_vibes.kinds.marketing_mix.messages import day_of
from pymc_vibes.kinds.marketing_mix.reading import Reading, reading_of
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import finite

if TYPE_CHECKING:
    from pymc_vibes.stats.special import Array


def summarize(posterior: Posterior, config: MarketingMixConfig) -> Summary:
    """Say what media did, what that rests on, and where the next money belongs."""
    reading = reading_of(posterior, config)
    return Summary(
        headline=words.headline(reading),
        decision=words.decide_mix(reading),
        estimates=tuple(_estimates(reading)) if reading.is_trusted else (),
        claims=tuple(words.claims(reading)),
        findings=tuple(findings(reading)),
        tables=tuple(_tables(reading)),
        context=_context(reading),
    )


def _estimates(reading: Reading) -> Iterator[Estimate]:
    unit = reading.config.sales_name
    yield drawn_estimate(
        reading, "media_share", f"Share of {unit} that all media brought", reading.media_share,
        percent=True,
    )  # fmt: skip
    money = reading.config.currency or "unit of money"
    for channel, name in enumerate(reading.channels):
        if reading.paid[channel]:
            yield drawn_estimate(
                reading, f"roas_{name}", f"{unit.capitalize()} per {money} spent on {name}",
                reading.roas[:, channel], unit=f"{unit} per {money}",
            )  # fmt: skip


def drawn_estimate(
    reading: Reading,
    name: str,
    label: str,
    draws: "Array",
    *,
    unit: str = "",
    percent: bool = False,
) -> Estimate:
    """Give the estimate of one number from its value in each draw that is read, `(draws,)`."""
    from pymc_vibes.stats.describe import estimate, monte_carlo_errors
    from pymc_vibes.stats.draws import Draws

    known = estimate(
        name, label, Draws(draws[None, :, None]), level=reading.config.level, unit=unit,
        percent=percent,
    )  # fmt: skip
    [error] = monte_carlo_errors(Draws(reading.by_chain(draws)[:, :, None]), 1)
    return known.model_copy(update={"mcse": error})


def _tables(reading: Reading) -> Iterator[Table]:
    from pymc_vibes.stats.sampler_views import parameter_tables

    if reading.is_trusted:
        yield channels_table(reading)
        yield from calibration_tables(reading)
        yield knowledge_table(reading)
        yield _columns_table(reading)
    yield from parameter_tables(reading.posterior)


def channels_table(reading: Reading) -> Table:
    """List what each channel brought, in both forms, and what money on it returned."""
    totals, unit = reading.totals, reading.config.sales_name
    lost, parts = totals.lost.sum(axis=1), totals.parts.sum(axis=1)
    whole = totals.fitted.sum(axis=1, keepdims=True)
    money = reading.config.currency
    numbers = [
        *reading.three(lost), *reading.three(reading.share), *reading.three(parts),
        parts.mean(axis=0) / whole.mean(), reading.spend, *reading.three(reading.roas),
        *reading.three(reading.marginal),
    ]  # fmt: skip
    rows: list[tuple[JsonValue, ...]] = [
        (name, *(finite(column[channel]) for column in numbers))
        for channel, name in enumerate(reading.channels)
    ]
    per = f"{unit} per {money}" if money else f"{unit} per unit of money"
    return Table(
        name="channels",
        title="What each channel brought over the fitted periods, and what money on it returned",
        columns=(
            "channel", "lost_without", "lost_low", "lost_high", "share_lost", "share_low",
            "share_high", "part", "part_low", "part_high", "share_part", "spend", "roas",
            "roas_low", "roas_high", "marginal_roas", "marginal_low", "marginal_high",
        ),
        units=("", *[unit] * 3, *["share"] * 3, *[unit] * 3, "share", money, *[per] * 6),
        rows=tuple(rows),
    )  # fmt: skip


def _columns_table(reading: Reading) -> Table:
    """List what everything but media does: an sd of a control, the trend over all periods."""
    import numpy as np

    if reading.posterior.samples is None:
        raise TypeError("a marketing mix has its chains")
    posterior = reading.posterior.samples["posterior"]
    name = "gamma" if reading.config.is_reference else "coefficients"
    drawn = posterior[name].transpose("chain", "draw", "column").to_numpy()
    drawn = drawn.reshape(-1, drawn.shape[-1])
    middle, low, high = reading.three(drawn)
    labels = [str(label) for label in posterior["column"].to_numpy()]
    unit = "log points" if reading.config.link == "log" else "of mean sales"
    return Table(
        name="columns",
        title="What everything else does: a control by one sd, trend and waves by their full size",
        columns=("column", "mean", "low", "high", "chance_above_0"),
        units=("", unit, unit, unit, ""),
        rows=tuple(
            (label, float(middle[i]), float(low[i]), float(high[i]),
             float(np.mean(drawn[:, i] > 0)))
            for i, label in enumerate(labels)
        ),
    )  # fmt: skip


def _context(reading: Reading) -> Mapping[str, JsonValue]:
    study, config = reading.study, reading.config
    totals: dict[str, JsonValue] = {}
    if reading.is_trusted:
        overlap = reading.totals.overlap.sum(axis=1)
        totals = {
            "expected_sales": float(reading.totals.fitted.sum(axis=1).mean()),
            "without_media": float(reading.totals.rest.sum(axis=1).mean()),
            "chance_of_a_negative_baseline": chance(reading.p_baseline_negative),
            **({"counted_more_than_once": float(overlap.mean())} if _overlaps(config) else {}),
        }
    return {
        "grain": study.panel.grain,
        "first_period": period(study.days[0]).isoformat(),
        "last_period": period(study.days[-1]).isoformat(),
        "periods": len(study.days),
        "held_out": len(study.features.days) - len(study.days),
        "carry_in": study.span.fit - study.span.start,
        "entities": len(study.panel.entities),
        "lost_without": "what would be lost without the channel, all else as it was"
        + ("; these overlap, so they add up to more than all media" if _overlaps(config) else ""),
        "part": "a division of what happened, which adds up exactly",
        "sales_are": "medians: noise of this kind has no mean"
        if config.noise == "log-student"
        else "expected values",
        "level": config.level,
        "read_draws": f"every {reading.every}th" if reading.every > 1 else "all",
        **totals,
        **fit_numbers(reading),
    }


def _overlaps(config: MarketingMixConfig) -> bool:
    return config.link == "log"


def period(day: int) -> date:
    """Give the date of a period."""
    return day_of(int(day))
