"""Where a fit is computed: in this process with its sampler children, or on a Dask cluster.

The run table stays the owner of the run in either case: an engine only computes, tells how far it
is, and stops when the watch says so.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.run import Run, Watch
from pymc_vibes.service.compute import Analysis, Work, compute, is_sampled

if TYPE_CHECKING:
    import pyarrow as pa
    import xarray as xr


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a fit gave."""

    answer: Answer
    draws: "xr.DataTree | None"
    """The draws to keep, where there are any."""
    analysis: Analysis | None
    """The same with the posterior at hand, where it was computed here."""


class Engine(Protocol):
    """Computes fits."""

    def check(self) -> None:
        """Raise `StoreUnavailable` where nothing can be computed now."""
        ...

    def compute(self, run: Run, work: Work, cells: "pa.Table", watch: Watch) -> Computed:
        """Fit, summarize and draw."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class Local:
    """Computes here."""

    def check(self) -> None:
        """Nothing is in the way."""

    def compute(self, run: Run, work: Work, cells: "pa.Table", watch: Watch) -> Computed:
        """Fit, summarize and draw."""
        analysis = compute(run, work, cells, watch)
        return Computed(answer=analysis.answer, draws=draws_of(analysis), analysis=analysis)

    def close(self) -> None:
        """Hold nothing."""


def draws_of(analysis: Analysis) -> "xr.DataTree | None":
    """Give the draws that must be kept with an answer."""
    if not is_sampled(analysis.answer):
        return None
    from pymc_vibes.stats.draws import to_tree

    return to_tree(analysis.posterior)
