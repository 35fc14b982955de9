"""Sentences of an A/B test."""

from pymc_vibes.core.answer import Finding
from pymc_vibes.kinds.ab_test.config import AbsoluteRope, ABTestConfig
from pymc_vibes.kinds.ab_test.fit import is_usual_control
from pymc_vibes.kinds.ab_test.reading import Comparison, Reading
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import percent, plain, quantity

_SHARED_BAR = 0.01  # share of units in several variants from which it is a warning

PEEKING = Finding(
    code="peeking",
    severity="note",
    text="This answer holds for the data as they are now. Whoever looks again and again and stops "
    "at the first clear result is misled more often than the level suggests: fix the size of the "
    "test beforehand, or ask for a higher level.",
)


def headline(reading: Reading) -> str:
    """Say the answer in a sentence or two; a broken split comes first and alone."""
    if reading.split.broken:
        return split_sentence(reading)
    focus = reading.focus
    if focus is None:
        need = reading.config.min_units
        least = min(reading.variants, key=lambda v: reading.counts[v][0])
        return (
            f"No answer yet: {least} has {_units(reading.counts[least][0])}, fewer than {need:,}."
        )
    return f"{verdict(reading.config, focus)} {cost_of_being_wrong(reading, focus)}"


def verdict(config: ABTestConfig, comparison: Comparison) -> str:
    """Say what may be claimed of two variants."""
    said = comparison.claim.text
    if comparison.tone != "same":
        return said
    return f"{said} They differ by less than {zone(config, f'the rate of {comparison.base}')}."


def cost_of_being_wrong(reading: Reading, comparison: Comparison) -> str:
    """Say what either choice costs in expectation, with the counts it rests on."""
    one, two = comparison.variant, comparison.base
    return (
        f"In expectation, choosing {one} costs {cost_per_thousand(comparison.loss)} and "
        f"choosing {two} costs {cost_per_thousand(comparison.base_loss)} "
        f"({_counted(reading, one)} against {_counted(reading, two)})."
    )


def cost_per_thousand(loss: float) -> str:
    """Write an expected loss per unit for people.

    >>> cost_per_thousand(0.00123), cost_per_thousand(0.9999999)
    ('1.23 conversions per 1,000 units', '1,000 conversions per 1,000 units')
    >>> cost_per_thousand(1e-9)
    'under 0.001 conversions per 1,000 units'
    """
    scaled = 1000 * loss
    shown = "under 0.001" if scaled < 0.001 else plain(scaled)
    return f"{shown} conversion{'' if shown == '1' else 's'} per 1,000 units"


def quoted_loss(reading: Reading, variant: str) -> str:
    """Write a readable variant's expected loss against the best of all."""
    loss = reading.loss(variant)
    return "an unknown amount" if loss is None else cost_per_thousand(loss)


def zone(config: ABTestConfig, base: str = "the control's rate") -> str:
    """Write the zone that does not matter; a relative one is a share of the base."""
    if isinstance(config.rope, AbsoluteRope):
        return quantity(100 * config.rope.half_width, "percentage points")
    return f"{percent(config.rope.half_width)} of {base}"


def split_sentence(reading: Reading) -> str:
    """Say that the split is broken, with counts."""
    split = reading.split
    worst = max(reading.variants, key=lambda v: abs(split.units[v] - split.expected[v]))
    return (
        f"Do not trust this test until the split is explained: {worst} has "
        f"{_units(split.units[worst])} where {split.expected[worst]:,.0f} were expected "
        f"({chance(split.p_value)} chance if the plan was carried out)."
    )


def findings(reading: Reading) -> tuple[Finding, ...]:
    """List what is odd about the data, the worst first, and the note on looking often."""
    facts = reading.posterior.constants
    total = sum(units for units, _ in reading.counts.values())
    found = [Finding(code="split-mismatch", severity="error", text=split_sentence(reading))]
    found = found if reading.split.broken else []
    empty = [v for v in reading.variants if reading.counts[v][0] == 0]
    if empty:
        text = f"No units yet in {', '.join(empty[:5])}: only the prior speaks for it."
        found.append(Finding(code="empty-variant", severity="warning", text=text))
    if facts["shared"]:
        found.append(_shared(int(facts["shared"]), total))
    if 0 < facts["unnamed"] < total:
        have = "has" if facts["unnamed"] == 1 else "have"
        text = (
            f"{facts['unnamed']:,} of {total:,} units {have} no unit_id: each counts as a unit "
            "of its own, even if it is one that was seen before."
        )
        found.append(Finding(code="unnamed-units", severity="warning", text=text))
    if total and reading.counts[reading.control][1] == 0:
        text = (
            f"{reading.control} has no conversion yet, so relative lifts are not given; "
            "differences of rates are."
        )
        found.append(Finding(code="no-base", severity="note", text=text))
    return (*found, *_first_by_name(reading), PEEKING)


def _first_by_name(reading: Reading) -> tuple[Finding, ...]:
    """Note that nobody said which variant is the control: the sign of every lift rests on it."""
    if reading.config.control is not None or is_usual_control(reading.control):
        return ()
    text = f"{reading.control} is taken for the control because its name is the first in order: "
    text += "name the control in the settings if it is another."
    return (Finding(code="control-by-name", severity="note", text=text),)


def _shared(shared: int, total: int) -> Finding:
    share = shared / (shared + total)
    return Finding(
        code="multiple-exposures",
        severity="warning" if share > _SHARED_BAR else "note",
        text=f"{_units(shared)} ({percent(share)}) {'was' if shared == 1 else 'were'} seen in more "
        f"than one variant; {'it is' if shared == 1 else 'they are'} left out of every count.",
    )


def _units(count: int) -> str:
    """Count units in words.

    >>> _units(1), _units(1234)
    ('1 unit', '1,234 units')
    """
    return f"{count:,} unit{'' if count == 1 else 's'}"


def _counted(reading: Reading, variant: str) -> str:
    units, conversions = reading.counts[variant]
    return f"{variant} {conversions:,} of {units:,}"
