"""The figures of an A/B test."""

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.ab_test.config import AbsoluteRope, ABTestConfig
from pymc_vibes.kinds.ab_test.fit import RATE_UNIT
from pymc_vibes.kinds.ab_test.reading import Comparison, Reading
from pymc_vibes.stats.chart import bars, density_overlay, difference_curve, forest
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import difference_title, percent, spread_title

_CURVES = 4  # above as many variants a forest is easier to read than curves


def figures(posterior: Posterior, config: ABTestConfig) -> tuple[Figure, ...]:
    """Show the rates, the differences from the control, and who is likely the best."""
    reading = Reading(posterior=posterior, config=config)
    if len(reading.variants) > _CURVES:
        pictures = [_rate_forest(reading), _difference_forest(reading)]
    else:
        pictures = [rate_curves(reading, reading.variants)]
        pictures += [
            curve_of(comparison, config, name=f"difference_{number}")
            for number, comparison in enumerate(reading.comparisons, start=1)
        ]
    return (*pictures, *_best_bars(reading))


def rate_curves(reading: Reading, variants: tuple[str, ...]) -> Figure:
    """Declare the density of each variant's rate."""
    rate = reading.posterior["rate"]
    low, high = reading.rate.hdi(reading.config.level)
    mean = reading.rate.mean()
    places = [rate.index(v) for v in variants]
    spoken = "; ".join(
        f"{v} {percent(mean[i])}, from {percent(low[i])} to {percent(high[i])}"
        for v, i in zip(variants, places, strict=True)
    )
    return density_overlay(
        "rates",
        spread_title("conversion rate", variants, [float(mean[i]) for i in places], percent),
        f"Posterior curves of the conversion rate by variant: {spoken}.",
        curves=[
            (v, *reading.rate.density(i), float(low[i]), float(high[i]))
            for v, i in zip(variants, places, strict=True)
        ],
        means=[float(mean[i]) for i in places],
        x_label="conversion rate",
        x_format="percent",
        level=reading.config.level,
    )


def curve_of(comparison: Comparison, config: ABTestConfig, *, name: str = "difference") -> Figure:
    """Declare the posterior of a difference with zero and the zone that does not matter."""
    one, two = comparison.variant, comparison.base
    x, y = comparison.difference.density()
    low, high = comparison.interval
    zone = None
    if isinstance(config.rope, AbsoluteRope) and config.rope.half_width > 0:
        zone = (-config.rope.half_width, config.rope.half_width)
    return difference_curve(
        name,
        difference_title(one, two, low, high, percent),
        f"Posterior curve of the difference in conversion rate, {one} minus {two}: between "
        f"{percent(low)} and {percent(high)}; {chance(comparison.p_greater)} chance that "
        f"{one} is higher.",
        x=x, y=y, low=low, high=high, mean=comparison.difference.mean,
        x_label=f"{one} minus {two}", unit=RATE_UNIT, x_format="percent", level=config.level,
        rope=zone, sides=(f"{two} higher", f"{one} higher"),
    )  # fmt: skip


def _rate_forest(reading: Reading) -> Figure:
    low, high = reading.rate.hdi(reading.config.level)
    labels = reading.posterior["rate"].labels
    return forest(
        "rates",
        spread_title("conversion rate", labels, reading.rate.mean().tolist(), percent),
        f"One row per variant with its conversion rate and interval; {len(labels)} variants.",
        labels=labels, mean=reading.rate.mean(), low=low, high=high,
        x_label="conversion rate", x_format="percent", level=reading.config.level,
    )  # fmt: skip


def _difference_forest(reading: Reading) -> Figure:
    ends = [c.interval for c in reading.comparisons]
    told = [c for c in reading.comparisons if c.tone in {"higher", "lower"}]
    return forest(
        "differences",
        f"{len(told)} of {len(ends)} treatments differ from {reading.control}",
        f"One row per treatment with its difference from {reading.control} and the interval; "
        f"{len(told)} of {len(ends)} intervals may be read as a difference.",
        labels=[c.variant for c in reading.comparisons],
        mean=[c.difference.mean for c in reading.comparisons],
        low=[low for low, _ in ends], high=[high for _, high in ends],
        x_label=f"difference from {reading.control}", unit=RATE_UNIT, x_format="percent",
        level=reading.config.level, interval="eti", center=0.0, center_label="no difference",
    )  # fmt: skip


def _best_bars(reading: Reading) -> tuple[Figure, ...]:
    if reading.best is None:
        return ()
    chances = [float(p) for p in reading.best.probability]
    leader = max(range(len(chances)), key=chances.__getitem__)
    name = reading.readable[leader]
    most = "highest" if reading.config.direction == "higher" else "lowest"
    has_curves = len(reading.variants) <= _CURVES
    return (
        bars(
            "best",
            f"{name} is the best with {chance(chances[leader])} chance",
            f"One bar per variant: the chance that it has the {most} conversion rate; "
            f" {name} leads with {chance(chances[leader])}.",
            labels=reading.readable, values=chances, x_label="chance of being the best",
            x_domain=(0.0, 1.0),
            colors=[reading.variants.index(v) for v in reading.readable] if has_curves else None,
        ),
    )  # fmt: skip
