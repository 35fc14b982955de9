"""What the posterior says, read once: every word, number and color of an answer derives from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from pymc_vibes.core.answer import Claim, Tone
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.ab_test.config import AbsoluteRope, ABTestConfig, Rope
from pymc_vibes.kinds.ab_test.split import Split, check_split

if TYPE_CHECKING:
    from pymc_vibes.stats.best import Best
    from pymc_vibes.stats.contrast import Contrast
    from pymc_vibes.stats.exact import Beta


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One variant against another one, its base."""

    variant: str
    base: str
    p_greater: float
    """P(rate of the variant > rate of the base), exact."""
    p_same: float
    """P(the difference is too small to matter)."""
    loss: float
    """Expected loss of choosing the variant, in conversions per unit."""
    base_loss: float
    """Expected loss of choosing the base."""
    difference: "Contrast"
    lift: "Contrast | None"
    """Relative difference; None where the base has no conversion, so that no base is known."""
    level: float
    claim: Claim
    """What may be said; its tone is `none` where nothing may: too few units, or a broken split."""

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Give the equal-tailed interval of the difference: the one that agrees with the claim."""
        low, high = self.difference.interval(self.level)
        return float(low), float(high)

    @property
    def tone(self) -> Tone:
        """Give the color of everything that shows this comparison."""
        return self.claim.tone


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A whole test: its variants in order, each treatment against the control."""

    posterior: Posterior
    config: ABTestConfig

    @property
    def variants(self) -> tuple[str, ...]:
        """Name the variants, the control first."""
        labels = self.posterior["rate"].labels
        return (self.control, *(label for label in labels if label != self.control))

    @property
    def control(self) -> str:
        """Name the control."""
        return str(self.posterior.constants["control"])

    @property
    def rate(self) -> "Beta":
        """Give the rates' posteriors, in the order of the labels of `rate`."""
        return cast("Beta", self.posterior["rate"].distribution)

    @cached_property
    def counts(self) -> Mapping[str, tuple[int, int]]:
        """Map each variant to its units and conversions."""
        facts = self.posterior.constants
        pairs = zip(facts["units"], facts["conversions"], strict=True)
        return dict(zip(self.posterior["rate"].labels, pairs, strict=True))

    @cached_property
    def split(self) -> Split:
        """Compare the units per variant with the plan."""
        units = {variant: self.counts[variant][0] for variant in self.variants}
        return check_split(units, self.config.expected_split)

    @cached_property
    def readable(self) -> tuple[str, ...]:
        """Name the variants with enough units for an answer; none while the control has too few."""
        need = self.config.min_units
        enough = tuple(v for v in self.variants if self.counts[v][0] >= need)
        return enough if self.control in enough and len(enough) > 1 else ()

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Compare each treatment with the control."""
        return tuple(compare(self, treatment, self.control) for treatment in self.variants[1:])

    @cached_property
    def best(self) -> "Best | None":
        """Weigh the readable variants, in their order, against the best of them."""
        from pymc_vibes.stats.best import best_of

        if not self.readable:
            return None
        chosen = [self.posterior["rate"].index(v) for v in self.readable]
        return best_of(self.rate.take(chosen), self.config.direction)

    def chance_best(self, variant: str) -> float | None:
        """Give P(the variant is the best of the readable ones); None where it is not readable."""
        if self.best is None or variant not in self.readable:
            return None
        return float(self.best.probability[self.readable.index(variant)])

    def loss(self, variant: str) -> float | None:
        """Give the expected loss against the best readable variant; None where not readable."""
        if self.best is None or variant not in self.readable:
            return None
        return float(self.best.expected_loss[self.readable.index(variant)])

    @cached_property
    def focus(self) -> Comparison | None:
        """Give the comparison that decides: the readable treatment with the least loss."""
        readable = [c for c in self.comparisons if c.variant in self.readable]
        if self.best is None or not readable:
            return None
        losses = dict(zip(self.readable, self.best.expected_loss, strict=True))
        return min(readable, key=lambda c: float(losses[c.variant]))


def compare(reading: Reading, variant: str, base: str) -> Comparison:
    """Compare two variants; the tone derives from the one decision rule."""
    from pymc_vibes.stats import compare as numbers

    rate = reading.posterior["rate"]
    one, two = rate.index(variant), rate.index(base)
    beta, direction = reading.rate, reading.config.direction
    p_greater = numbers.probability_greater(beta, one, beta, two)
    difference = numbers.difference(beta, one, beta, two)
    lift = numbers.relative_lift(beta, one, beta, two)
    p_same = _chance_same(reading.config.rope, difference, lift)
    return Comparison(
        variant=variant,
        base=base,
        p_greater=p_greater,
        p_same=p_same,
        loss=numbers.expected_loss(beta, one, beta, two, direction),
        base_loss=numbers.expected_loss(beta, two, beta, one, direction),
        difference=difference,
        lift=lift if reading.counts[base][1] > 0 else None,
        level=reading.config.level,
        claim=_claim(reading, variant, base, p_greater, p_same),
    )


def _claim(reading: Reading, variant: str, base: str, p_greater: float, p_same: float) -> Claim:
    from pymc_vibes.stats.decide import compare_sentence

    said = compare_sentence(
        variant, base, p_greater, reading.config.level, quantity="conversion rate", p_same=p_same
    )
    fewest = min(reading.counts[variant][0], reading.counts[base][0])
    if reading.split.broken or fewest < reading.config.min_units:
        return Claim(text=said.text, probability=said.probability, tone="none")
    return said


def _chance_same(rope: Rope, difference: "Contrast", lift: "Contrast") -> float:
    zone = difference if isinstance(rope, AbsoluteRope) else lift
    inside = float(zone.cdf(rope.half_width)) - float(zone.cdf(-rope.half_width))
    return min(max(inside, 0.0), 1.0)
