"""Ship, keep, treat as equal, or keep running: the rule, on top of what may be claimed.

A treatment is shipped only if it may be called better than the control *and* its expected loss
against the best of all variants is at most the threshold. Where every treatment may be called worse
or practically the same, the one with the least loss decides: is it the same, they are equivalent;
is it worse, the control is kept if that costs at most the threshold. The tone of a decision is
always the tone of the comparison it rests on.
"""

from pymc_vibes.core.answer import Decision
from pymc_vibes.kinds.ab_test.reading import Comparison, Reading
from pymc_vibes.kinds.ab_test.words import cost_per_thousand, quoted_loss


def decide_test(reading: Reading) -> Decision:
    """Give the decision with its reason."""
    focus = reading.focus
    if reading.split.broken:
        return Decision(
            action="explain the split first", tone="none",
            reason="The units per variant do not fit the planned split, so something other than "
            "chance decides who is in which variant.",
        )  # fmt: skip
    if focus is None:
        return Decision(
            action="keep running", tone="none",
            reason=f"Fewer than {reading.config.min_units:,} units in a variant that is needed.",
        )  # fmt: skip
    return _ship(reading, focus) or _keep(reading, focus) or _keep_running(reading, focus)


def _ship(reading: Reading, focus: Comparison) -> Decision | None:
    if focus.tone != reading.config.direction or not _cheap(reading, focus.variant):
        return None
    return Decision(
        action=f"ship {focus.variant}", tone=focus.tone,
        reason=f"{focus.variant} is better than {focus.base} and shipping it costs "
        f"{quoted_loss(reading, focus.variant)}, within the "
        f"{cost_per_thousand(reading.config.loss_threshold)} that is tolerated.",
    )  # fmt: skip


def _keep(reading: Reading, focus: Comparison) -> Decision | None:
    tones = {comparison.tone for comparison in reading.comparisons}
    worse = "lower" if reading.config.direction == "higher" else "higher"
    if not tones <= {worse, "same"}:
        return None
    if focus.tone == "same":
        return Decision(
            action="treat as equivalent", tone="same",
            reason=f"No treatment is better than {focus.base} by more than what matters; keeping "
            f"{focus.base} costs {quoted_loss(reading, reading.control)}.",
        )  # fmt: skip
    if not _cheap(reading, reading.control):
        return None
    return Decision(
        action=f"keep {reading.control}", tone=focus.tone,
        reason=f"No treatment is better; keeping {focus.base} costs "
        f"{quoted_loss(reading, reading.control)}.",
    )  # fmt: skip


def _keep_running(reading: Reading, focus: Comparison) -> Decision:
    if focus.tone == reading.config.direction:
        reason = (
            f"{focus.variant} is better than {focus.base}, but another variant may be better "
            f"still: shipping it costs {quoted_loss(reading, focus.variant)}, more than the "
            f"{cost_per_thousand(reading.config.loss_threshold)} that is tolerated."
        )
    else:
        reason = f"No variant is clearly better: {_costs(reading, focus)}."
    return Decision(action="keep running", tone=focus.tone, reason=reason)


def _costs(reading: Reading, focus: Comparison) -> str:
    return (
        f"shipping {focus.variant} costs {quoted_loss(reading, focus.variant)}, "
        f"keeping {focus.base} costs {quoted_loss(reading, focus.base)}"
    )


def _cheap(reading: Reading, variant: str) -> bool:
    loss = reading.loss(variant)
    return loss is not None and loss <= reading.config.loss_threshold
