"""The exact fit: arrays in, arrays out, whatever the number of cohorts."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.core.instant import show
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.stats.dispersion import BucketSums, Dispersion, dispersion

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from pymc_vibes.stats.exact import Gamma

SEPARATOR = " · "
ALARM = 0.001  # chance of a false alarm about dispersion, for all cells together
NOTABLE = 1.1  # variance over mean below which intervals are at most 5 % too narrow


def fit(cells: "pa.Table", config: RateConfig, watch: Watch) -> Posterior:
    """Update the prior of every cell that has exposure: Gamma(alpha0 + k, beta0 + T)."""
    import pyarrow.compute as pc

    from pymc_vibes.stats.exact import Gamma

    watch.stage("update")
    if cells.num_rows == 0:
        raise InsufficientData("There are no events yet.", hint="Upload events first.")
    if config.event is not None:
        check_known("event", config.event, cells)
    _check_measured(cells)
    answered = cells.filter(pc.greater(cells["exposure"], 0))
    if answered.num_rows == 0:
        raise InsufficientData(
            "The measured exposure in the window sums to 0.",
            hint="Choose a window that holds rows with exposure.",
        )
    alpha0, beta0 = config.prior
    distribution = Gamma(
        alpha0 + answered["k"].to_numpy().astype(float), beta0 + answered["exposure"].to_numpy()
    )
    rate = Variable(
        name="rate",
        dim="cohort",
        labels=_labels(answered),
        unit=f"events per {config.per}",
        distribution=distribution,
    )
    return Posterior(
        method="exact",
        variables=(rate,),
        cells=cells,
        constants=_constants(config),
        diagnostics=_diagnose(answered),
    )


def _check_measured(cells: "pa.Table") -> None:
    """Raise `BadConfig` where events without exposure would be counted against that of others."""
    import pyarrow.compute as pc

    if bare := pc.sum(cells["bare"]).as_py():
        raise BadConfig(
            f"{bare:,} rows in the window have no exposure, so it cannot be taken as measured.",
            hint="Set exposure to window, or choose a window in which every row has one.",
            fields=[{"field": "exposure", "reason": "the data are not measured throughout"}],
        )


def _constants(config: RateConfig) -> dict[str, Any]:
    start, end = config.window
    alpha0, beta0 = config.prior
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "per": config.per,
        "exposure": config.exposure or "window",
        "alpha0": alpha0,
        "beta0": beta0,
    }


def _diagnose(answered: "pa.Table") -> Diagnostics:
    if not is_overdispersed(dispersion_of(answered)):
        return Diagnostics(method="exact")
    reason = "counts vary more over time than a constant rate allows"
    return Diagnostics(method="exact", verdict="warning", reasons=(reason,))


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


def _labels(cells: "pa.Table") -> tuple[str, ...]:
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
        hint=f"Did you mean {', '.join(repr(n[:80]) for n in near)}?",
    )


@dataclass(frozen=True)
class Rates:
    """A fitted posterior seen as cells: what summaries and queries read."""

    posterior: Posterior

    @cached_property
    def cells(self) -> "pa.Table":
        """The cells that have an answer, in the order of the labels."""
        import pyarrow.compute as pc

        return self.posterior.cells.filter(pc.greater(self.posterior.cells["exposure"], 0))

    @property
    def variable(self) -> Variable:
        """The rates."""
        return self.posterior["rate"]

    @property
    def gamma(self) -> "Gamma":
        """Their distribution."""
        from pymc_vibes.stats.exact import Gamma

        found = self.variable.distribution
        if not isinstance(found, Gamma):
            raise TypeError(f"rates are Gamma, not {type(found).__name__}")
        return found

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
        import pyarrow.compute as pc

        if wanted is not None:
            check_known("event", wanted, self.posterior.cells)
            return wanted
        totals = self.posterior.cells.group_by("event").aggregate([("k", "sum")])
        order = pc.sort_indices(totals, [("k_sum", "descending"), ("event", "ascending")])
        return str(totals["event"][order[0].as_py()].as_py())

    def cohort(self, index: int) -> str:
        """Name the cohort of a cell."""
        return str(self.cells["cohort"][index].as_py())

    def ordered(
        self, event: str, direction: Literal["higher", "lower"] | None = None
    ) -> "np.ndarray":
        """Give the indices of an event's cells, best rate first; higher unless told otherwise."""
        import numpy as np
        import pyarrow.compute as pc

        found = np.flatnonzero(pc.equal(self.cells["event"], event).to_numpy())
        means = self.gamma.mean()[found]
        return found[np.argsort(means if direction == "lower" else -means, kind="stable")]
