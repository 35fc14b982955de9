"""The known truth of a simulated world, held against the intervals of an answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Summary
from pymc_vibes.http.grids import Grid, Heading, decimals, span, words_of, written
from pymc_vibes.http.text import sentence, shown

if TYPE_CHECKING:
    from pymc_vibes.service.worlds import TruthCheck

_LISTED = 60  # rows


def truth_grid(checks: "Sequence[TruthCheck]", summary: Summary) -> Grid:
    """Hold the known truth of a simulated world against the intervals."""
    held = sum(check.covered for check in checks)
    percents = {i.low for e in summary.estimates if e.percent for i in e.intervals}
    percent = any(check.low in percents for check in checks)
    spreads: dict[str, list[float]] = {}
    for check in checks:
        spreads.setdefault(check.variable, []).append((check.high - check.low) / 4)
    digits = {name: decimals(found, percent=percent) for name, found in spreads.items()}
    is_one = len(spreads) == 1
    heading = sentence(_measured(checks[0], summary)) if is_one else "Quantity"
    return Grid(
        title=f"The known truth of this simulated world: {held} of {len(checks)} intervals hold it",
        headings=(
            Heading(title=heading),
            Heading(title="Truth", is_number=True),
            Heading(title=f"{checks[0].prob * 100:.4g} % equal-tailed interval", is_number=True),
            Heading(title="Holds it"),
        ),
        rows=tuple(
            (
                shown(check.label if is_one else f"{words_of(check.variable)}, {check.label}"),
                written(check.truth, digits[check.variable], percent=percent),
                span(check.low, check.high, digits[check.variable], percent=percent),
                "yes" if check.covered else "no",
            )
            for check in checks[:_LISTED]
        ),
        total=len(checks),
    )


def _measured(check: "TruthCheck", summary: Summary) -> str:
    names = {estimate.name for estimate in summary.estimates}
    is_one = len(names) == 1 and len(summary.estimates) > 1
    if is_one:
        return summary.estimates[0].name
    return words_of(check.variable)
