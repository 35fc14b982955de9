"""The summary of an A/B test: sentence, decision, numbers, tables."""

from collections.abc import Mapping

from pydantic import JsonValue

from pymc_vibes.core.answer import Estimate, Summary, Table
from pymc_vibes.core.instant import show
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.ab_test import words
from pymc_vibes.kinds.ab_test.config import ABTestConfig
from pymc_vibes.kinds.ab_test.decision import decide_test
from pymc_vibes.kinds.ab_test.fit import RATE_UNIT
from pymc_vibes.kinds.ab_test.reading import Comparison, Reading
from pymc_vibes.stats.describe import contrast_estimate, estimate
from pymc_vibes.stats.prior import describe_prior

_TOLD = 10  # treatments whose every number is given; the table has all of them


def summarize(posterior: Posterior, config: ABTestConfig) -> Summary:
    """Say which variant to use, what that rests on, and what is odd about the data."""
    reading = Reading(posterior=posterior, config=config)
    return Summary(
        headline=words.headline(reading),
        decision=decide_test(reading),
        estimates=(
            *(rate_estimate(reading, v) for v in reading.variants[: _TOLD + 1]),
            *(e for c in reading.comparisons[:_TOLD] for e in estimates_of(c, config)),
        ),
        claims=tuple(
            comparison.claim
            for comparison in reading.comparisons
            if comparison.variant in reading.readable
        ),
        findings=words.findings(reading),
        tables=(_variants(reading), _treatments(reading)),
        context=_context(reading),
    )


def rate_estimate(reading: Reading, variant: str) -> Estimate:
    """Give a variant's conversion rate with its highest-density interval."""
    return estimate(
        f"rate[{variant}]", f"Conversion rate of {variant}", reading.rate,
        reading.posterior["rate"].index(variant), level=reading.config.level, unit=RATE_UNIT,
        kind="hdi", percent=True,
    )  # fmt: skip


def estimates_of(comparison: Comparison, config: ABTestConfig) -> tuple[Estimate, ...]:
    """Give difference and relative lift; the equal-tailed interval is the one that decides."""
    one, two = comparison.variant, comparison.base
    difference = contrast_estimate(
        f"difference[{one},{two}]", f"{one} minus {two}", comparison.difference,
        level=config.level, unit=RATE_UNIT, percent=True,
    )  # fmt: skip
    if comparison.lift is None:
        return (difference,)
    lift = contrast_estimate(
        f"lift[{one},{two}]", f"Relative lift of {one} over {two}", comparison.lift,
        level=config.level, unit=f"share of the rate of {two}", percent=True,
    )  # fmt: skip
    return (difference, lift)


def _variants(reading: Reading) -> Table:
    low, high = reading.rate.hdi(reading.config.level)
    mean = reading.rate.mean()
    rows: list[tuple[JsonValue, ...]] = []
    for variant in reading.variants:
        i = reading.posterior["rate"].index(variant)
        units, conversions = reading.counts[variant]
        rows.append(
            (
                variant, units, round(reading.split.expected[variant], 1), conversions,
                float(mean[i]), float(low[i]), float(high[i]),
                reading.chance_best(variant), reading.loss(variant),
            )
        )  # fmt: skip
    return Table(
        name="variants",
        title="Variants, the control first",
        columns=(
            "variant", "units", "planned_units", "conversions", "rate", "low", "high",
            "chance_best", "expected_loss",
        ),
        units=("", "units", "units", "conversions", RATE_UNIT, RATE_UNIT, RATE_UNIT, "", RATE_UNIT),
        rows=tuple(rows),
    )  # fmt: skip


def _treatments(reading: Reading) -> Table:
    rows: list[tuple[JsonValue, ...]] = []
    for c in reading.comparisons:
        low, high = c.interval
        lift = (None, None) if c.lift is None else c.lift.interval(reading.config.level)
        rows.append(
            (
                c.variant, c.difference.mean, low, high, lift[0], lift[1],
                c.p_greater, c.p_same, c.loss, c.base_loss, c.tone,
            )
        )  # fmt: skip
    rate = RATE_UNIT
    return Table(
        name="treatments",
        title=f"Treatments against {reading.control}",
        columns=(
            "treatment", "difference", "low", "high", "lift_low", "lift_high",
            "chance_higher", "chance_same", "loss_if_chosen", "loss_if_control_kept", "verdict",
        ),
        units=("", rate, rate, rate, "share", "share", "", "", rate, rate, ""),
        rows=tuple(rows),
    )  # fmt: skip


def _counted(reading: Reading) -> str:
    unnamed = reading.posterior.constants["unnamed"]
    total = sum(units for units, _ in reading.counts.values())
    if unnamed == 0:
        return "each unit_id once"
    return "every row or trial" if unnamed == total else "each unit_id once, and rows without one"


def _context(reading: Reading) -> Mapping[str, JsonValue]:
    config = reading.config
    return {
        "control": reading.control,
        "better": config.direction,
        "level": config.level,
        "prior": describe_prior(config.prior),
        "practically_same": f"a difference of less than {words.zone(config)}",
        "loss_threshold": config.loss_threshold,
        "min_units": config.min_units,
        "window_start": None if config.start is None else show(config.start),
        "window_end": None if config.end is None else show(config.end),
        "split_p_value": reading.split.p_value,
        "counted": _counted(reading),
        "units": sum(units for units, _ in reading.counts.values()),
        "claims": "each treatment is compared with the control on its own, without a correction "
        "for their number",
    }
