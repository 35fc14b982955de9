"""One change of each rate: whether, when, and by what factor."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.spread import is_overdispersed
from pymc_vibes.kinds.poisson_cohorts.tracks import (
    Tracks,
    constants_over_time,
    tracks_of,
    usable,
)
from pymc_vibes.stats.dispersion import BucketSums, dispersion

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from pymc_vibes.stats.changepoint import ChangePoint
    from pymc_vibes.stats.contrast import Contrast


@dataclass(frozen=True, eq=False)
class Changes:
    """The posterior of one change for every cohort that can be asked; likeliest change first."""

    tracks: Tracks
    places: tuple[int, ...]
    """Where each stands in the tracks."""
    chances: tuple[float, ...]
    """P(change)."""
    prior_chance: float

    def __len__(self) -> int:
        return len(self.places)

    def cohort(self, index: int) -> str:
        """Name the cohort."""
        return self.tracks.cohorts[self.places[index]]

    @cached_property
    def _points(self) -> "dict[int, ChangePoint]":
        return {}

    def point(self, index: int) -> "ChangePoint":
        """Give the change of one cohort."""
        from pymc_vibes.stats.changepoint import ChangePrior, find_change

        if index not in self._points:
            place = self.places[index]
            self._points[index] = find_change(
                self.tracks.counts[place],
                self.tracks.exposure[place],
                ChangePrior(chance=self.prior_chance),
            )
        return self._points[index]


@dataclass(frozen=True, eq=False)
class Factors:
    """The factors of all cohorts, each given that there was a change."""

    changes: Changes

    def _each(self, ask: Any) -> "np.ndarray":
        import numpy as np

        return np.array([ask(self._one(i)) for i in range(len(self.changes))], dtype=float)

    def _one(self, index: int) -> "Contrast":
        return self.changes.point(index).factor

    def mean(self) -> "np.ndarray":
        """Give the means; infinite where there is none."""
        return self._each(lambda one: float("inf") if one.mean is None else one.mean)

    def sd(self) -> "np.ndarray":
        """Give the standard deviations; infinite where there is none."""
        return self._each(lambda one: float("inf") if one.sd is None else one.sd)

    def quantile(self, q: float) -> "np.ndarray":
        """Give the quantiles."""
        return self._each(lambda one: one.quantile(q))

    def hdi(self, mass: float) -> "tuple[np.ndarray, np.ndarray]":
        """Give the ends of the highest-density intervals."""
        ends = [self._one(i).hdi(mass) for i in range(len(self.changes))]
        return self._array(low for low, _ in ends), self._array(high for _, high in ends)

    @staticmethod
    def _array(values: Any) -> "np.ndarray":
        import numpy as np

        return np.array(list(values), dtype=float)

    def pdf(self, index: int, x: "np.ndarray") -> "np.ndarray":
        """Give the density of one factor."""
        one = self._one(index)
        return self._array(one.pdf(float(value)) for value in x)

    def sample(self, index: int, n: int, rng: "np.random.Generator") -> "np.ndarray":
        """Draw factors of one cohort."""
        return self.changes.point(index).draws(n, rng).factor

    def parameters(self) -> "dict[str, np.ndarray]":
        """Give the chance that there was a change at all."""
        return {"chance": self._array(self.changes.chances)}


def fit_change(cells: "pa.Table", config: RateConfig, watch: Watch) -> Posterior:
    """Fit one change for every cohort followed."""
    import numpy as np

    from pymc_vibes.stats.changepoint import ChangePrior, chances_of_change

    watch.stage("changes")
    tracks = tracks_of(cells, config)
    places = np.flatnonzero(usable(tracks))
    prior = ChangePrior(chance=config.change_chance)
    chances = chances_of_change(tracks.counts[places], tracks.exposure[places], prior)
    order = np.argsort(-chances, kind="stable")
    changes = Changes(
        tracks,
        tuple(int(i) for i in places[order]),
        tuple(float(p) for p in chances[order]),
        config.change_chance,
    )
    factor = Variable(
        name="factor",
        dim="cohort",
        labels=tuple(changes.cohort(i) for i in range(len(changes))),
        unit="times",
        distribution=Factors(changes),
    )
    clusters = clustering(changes)
    why = "rates are integrated out by quadrature, the moment of a change is summed over"
    return Posterior(
        method="quadrature",
        variables=(factor,),
        cells=cells,
        constants=constants_over_time(tracks, config),
        diagnostics=Diagnostics(
            method="quadrature",
            why=why,
            verdict="warning" if clusters else "good",
            reasons=clusters,
        ),
    )


def clustering(changes: Changes) -> tuple[str, ...]:
    """Say that counts vary too much within the stretches of constant rate, where they do.

    Each cohort is cut at its likeliest boundary; all stretches together are judged.
    """
    import numpy as np

    rows = [
        _sums(changes.tracks.counts[place][stretch], changes.tracks.exposure[place][stretch])
        for index, place in enumerate(changes.places)
        for stretch in _stretches(changes.point(index).likeliest)
    ]
    found = dispersion(BucketSums(**{n: np.array([r[n] for r in rows]) for n in rows[0]}))
    if not is_overdispersed(found):
        return ()
    factor = max(float(found.pooled().factor()[0]), 1.0)
    return (
        f"counts vary {factor:.2g} times as much between periods as constant rates allow, before "
        "and after the likeliest changes",
    )


def _stretches(boundary: int) -> tuple[slice, slice]:
    return slice(0, boundary), slice(boundary, None)


def _sums(counts: "np.ndarray", exposure: "np.ndarray") -> "dict[str, float]":
    share = exposure / exposure.sum()
    return {
        "k": float(counts.sum()),
        "squares": float((counts**2).sum()),
        "cross": float((counts * share).sum()),
        **{f"w{power}": float((share**power).sum()) for power in (2, 3, 4)},
    }


def changes_of(posterior: Posterior) -> Changes:
    """Give the changes that a posterior is about."""
    factors = posterior["factor"].distribution
    if not isinstance(factors, Factors):
        raise TypeError(f"a posterior of changes is expected, not of {type(factors).__name__}")
    return factors.changes
