"""A fitted posterior seen as cells: what summaries, figures and questions read."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pymc_vibes.core.errors import EntityNotFound, InsufficientData
from pymc_vibes.core.instant import show
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.kinds.poisson_cohorts.chained import mixture_of_chains
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from pymc_vibes.stats.exact import Gamma
    from pymc_vibes.stats.mixture import GammaMixture

    type RateDistribution = Gamma | GammaMixture

SEPARATOR = " · "


def answered(cells: "pa.Table", event: str | None = None) -> "pa.Table":
    """Keep the cells that can have an answer, those with exposure, of one event or of all."""
    import pyarrow.compute as pc

    kept = cells.filter(pc.greater(cells["exposure"], 0))
    kept = kept if event is None else kept.filter(pc.equal(kept["event"], event))
    if kept.num_rows == 0:
        raise InsufficientData(
            f"The measured exposure{f' of {event}' if event else ''} in the window sums to 0.",
            hint="Choose a window that holds rows with exposure.",
        )
    return kept


def labels_of(cells: "pa.Table") -> tuple[str, ...]:
    """Label cells by cohort, and by event where there are several."""
    import pyarrow.compute as pc

    if _is_single(cells):
        return tuple(cells["cohort"].to_pylist())
    cohort, event = (pc.replace_substring(cells[name], "·", "··") for name in ("cohort", "event"))
    return tuple(pc.binary_join_element_wise(cohort, event, SEPARATOR).to_pylist())


def _is_single(cells: "pa.Table") -> bool:
    return len(cells["event"].unique()) == 1


def check_known(column: str, name: str, cells: "pa.Table") -> None:
    """Raise `EntityNotFound` with near misses unless the data have seen the name."""
    import difflib

    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.index(cells[column], pa.scalar(name, cells[column].type)).as_py() >= 0:
        return
    known = cells[column].unique().slice(0, 5000).to_pylist()
    near = difflib.get_close_matches(name, known, n=3) or sorted(known)[:3]
    raise EntityNotFound(
        f"There is no {column} {name[:80]!r} in the data.",
        hint=f"Did you mean {', '.join(repr(n[:80]) for n in near)}?" if near else None,
    )


def most_frequent(cells: "pa.Table") -> str:
    """Name the event with the highest count; the first by name among equals."""
    import pyarrow.compute as pc

    totals = cells.group_by("event").aggregate([("k", "sum")])
    order = pc.sort_indices(totals, [("k_sum", "descending"), ("event", "ascending")])
    return str(totals["event"][order[0].as_py()].as_py())


def constants_of(config: RateConfig) -> dict[str, Any]:
    """Give what a posterior remembers of the settings: window, unit, exposure, prior, model."""
    start, end = config.window
    alpha0, beta0 = config.prior
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "per": config.per,
        "exposure": config.exposure or "window",
        "alpha0": alpha0,
        "beta0": beta0,
        "model": config.model,
    }


@dataclass(frozen=True)
class Rates:
    """A fitted posterior seen as cells: what summaries and queries read."""

    posterior: Posterior

    @cached_property
    def cells(self) -> "pa.Table":
        """The cells that have an answer, in the order of the labels."""
        return answered(self.posterior.cells, self.only_event)

    @property
    def is_pooled(self) -> bool:
        """Whether cohorts borrow strength from each other."""
        return bool(self.posterior.constants.get("model") == "hierarchical")

    @property
    def only_event(self) -> str | None:
        """The one event that a hierarchy is about; None where all events have an answer."""
        return self.posterior.constants.get("event") if self.is_pooled else None

    @property
    def variable(self) -> Variable:
        """The rates."""
        return self.posterior["rate"]

    @cached_property
    def distribution(self) -> "RateDistribution":
        """Their distribution: Gamma each, or given the hyperparameters of a hierarchy.

        Of a sampled hierarchy the numbers come from the chains of the hyperparameters: given those
        every rate is Gamma, whose own numbers have less noise than its draws.
        """
        if self.posterior.method == "nuts":
            return mixture_of_chains(self.posterior, self.cells)
        found: Any = self.variable.distribution  # a fit of this kind makes no others
        known: RateDistribution = found
        return known

    @property
    def constants(self) -> dict[str, Any]:
        """Window, unit, exposure and prior."""
        return dict(self.posterior.constants)

    @property
    def window(self) -> str:
        """The window in words."""
        start, end = (datetime.fromisoformat(self.constants[name]) for name in ("start", "end"))
        if start.time() == end.time() == time():
            return f"{show(start)} to {show(end - timedelta(days=1))} (whole days, UTC)"
        return f"{show(start)} until {show(end)} (exclusive)"

    def index(self, cohort: str, event: str) -> int:
        """Find a cell; a name never seen is `EntityNotFound`, no exposure `InsufficientData`."""
        check_known("cohort", cohort, self.posterior.cells)
        check_known("event", event, self.posterior.cells)
        single = _is_single(self.cells)
        parts = [part.replace("·", "··") for part in (cohort, event)]
        label = cohort if single else SEPARATOR.join(parts)
        if label not in self.variable.positions:
            raise InsufficientData(
                f"{cohort!r} has no exposure for {event!r} between "
                f"{self.constants['start']} and {self.constants['end']}.",
                hint="Measured exposure must be above 0: choose a window that holds such rows.",
            )
        return self.variable.positions[label]

    def event(self, wanted: str | None) -> str:
        """Give the event wanted, else the most frequent one."""
        if wanted is not None:
            check_known("event", wanted, self.posterior.cells)
        if wanted is not None or self.only_event is not None:
            return str(wanted or self.only_event)
        return most_frequent(self.posterior.cells)

    def cohort(self, index: int) -> str:
        """Name the cohort of a cell."""
        return str(self.cells["cohort"][index].as_py())

    def raw(self, cells: "np.ndarray") -> "np.ndarray":
        """Give the raw rates of cells: count over exposure."""
        known = self.cells.take(cells)
        raw: np.ndarray = known["k"].to_numpy() / known["exposure"].to_numpy()
        return raw

    def ordered(
        self, event: str, direction: Literal["higher", "lower"] | None = None
    ) -> "np.ndarray":
        """Give the indices of an event's cells, best rate first; higher unless told otherwise."""
        import numpy as np
        import pyarrow.compute as pc

        found = np.flatnonzero(pc.equal(self.cells["event"], event).to_numpy())
        means = self.distribution.mean()[found]
        return found[np.argsort(means if direction == "lower" else -means, kind="stable")]
