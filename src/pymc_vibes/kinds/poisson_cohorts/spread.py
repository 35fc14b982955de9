"""Whether the counts of cells vary more over time than a constant rate allows."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.stats.dispersion import BucketSums, Dispersion, dispersion

if TYPE_CHECKING:
    import pyarrow as pa

ALARM = 0.001  # chance of a false alarm about dispersion, for all cells together
NOTABLE = 1.1  # variance over mean below which intervals are at most 5 % too narrow
_REASON = "counts vary more over time than a constant rate allows"


def warned(diagnostics: Diagnostics, cells: "pa.Table") -> Diagnostics:
    """Add the warning that counts vary too much, where they do."""
    if not is_overdispersed(dispersion_of(cells)):
        return diagnostics
    verdict = "warning" if diagnostics.verdict == "good" else diagnostics.verdict
    reasons = (*diagnostics.reasons, _REASON)
    return diagnostics.model_copy(update={"verdict": verdict, "reasons": reasons})


def dispersion_of(cells: "pa.Table") -> Dispersion:
    """Check the counts of cells against a constant rate."""
    names = ("k", "squares", "cross", "w2", "w3", "w4")
    return dispersion(BucketSums(**{n: cells[n].to_numpy().astype(float) for n in names}))


def is_overdispersed(found: Dispersion) -> bool:
    """Whether any cell, or all together, varies notably more than a constant rate allows."""
    pooled = found.pooled()
    together = pooled.chance()[0] < ALARM / 2 and pooled.factor()[0] > NOTABLE
    alone = (found.chance() < ALARM / 2 / len(found.weight)) & (found.factor() > NOTABLE)
    return bool(together or alone.any())
