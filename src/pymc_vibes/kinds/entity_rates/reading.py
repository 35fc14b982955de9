"""A fitted posterior seen as entities: what summaries, questions and pictures read.

Whatever needs joint draws takes them once, for the entities that matter, and says how many.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.kinds.entity_rates.data import Counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from pymc_vibes.stats.entity_predictive import Population

CONTENDERS = 400
"""Entities that are ranked: those with the best means. Others cannot be told apart by a rank."""
RANKING_DRAWS = 4000
POPULATION_DRAWS = 2000


@lru_cache(maxsize=16)
def entities_of(posterior: Posterior, seed: int) -> "Entities":
    """See a posterior as entities, and remember what was worked out of it."""
    return Entities(posterior, seed)


@dataclass(frozen=True, eq=False)
class Entities:
    """Entities and their population."""

    posterior: Posterior
    seed: int

    @property
    def theta(self) -> Variable:
        """The rates."""
        return self.posterior["theta"]

    @property
    def rates(self) -> Any:
        """Their distribution, which all methods have with `take` and `above`."""
        return self.theta.distribution

    @property
    def labels(self) -> tuple[str, ...]:
        """The entities, by name."""
        return self.theta.labels

    @property
    def unit(self) -> str:
        """The unit of the rates."""
        return self.theta.unit

    @property
    def per(self) -> str:
        """What the rates are per, such as `per day`."""
        return self.unit.removeprefix("events ")

    @cached_property
    def counts(self) -> Counts:
        """The cells as arrays."""
        return Counts(self.posterior.cells)

    @cached_property
    def mean(self) -> "np.ndarray":
        """Posterior means of the rates."""
        import numpy as np

        return np.asarray(self.rates.mean())

    @cached_property
    def raw(self) -> "np.ndarray":
        """Events per window (or exposure) of every entity; NaN where nothing was observed."""
        import numpy as np

        exposed = self.counts.exposed
        return np.where(exposed > 0, self.counts.total / np.maximum(exposed, 1e-300), np.nan)

    def ordered(self, direction: Literal["higher", "lower"]) -> "np.ndarray":
        """Give the entities, best mean first."""
        import numpy as np

        return np.argsort(-self.mean if direction == "higher" else self.mean, kind="stable")

    def has(self, name: str) -> bool:
        """Whether the model has that variable."""
        return any(variable.name == name for variable in self.posterior.variables)

    def draws(self, indices: "Sequence[int] | np.ndarray", n: int) -> "np.ndarray":
        """Draw rates of some entities jointly, `(n, entities)`."""
        chosen = {"theta": [self.labels[int(index)] for index in indices]}
        return self.posterior.draw(n, self.seed, chosen)["theta"]

    @cached_property
    def scalars(self) -> "dict[str, np.ndarray]":
        """Draw the scalars of the model jointly, `(n,)` each."""
        names = [v.name for v in self.posterior.variables if v.dim is None]
        drawn = self.posterior.draw(POPULATION_DRAWS, self.seed, {name: [name] for name in names})
        known = {name: values[:, 0] for name, values in drawn.items()}
        known["alpha"] = 1 / (known["mu"] * known["spread"] ** 2)
        return known | {"phi": known["noise"] ** -2}

    def chains(self, name: str, labels: "Sequence[str]", n: int) -> "np.ndarray":
        """Give a variable as it was sampled, `(chain, draw, label)`, all of it.

        Where it was not sampled, these are `n` joint draws as one chain.
        """
        variable = self.posterior[name]
        if self.posterior.samples is None:
            return self.posterior.draw(n, self.seed, {name: list(labels)})[name][None]
        drawn: Any = variable.distribution
        values: np.ndarray = drawn.take([variable.index(label) for label in labels]).values
        return values

    @cached_property
    def population(self) -> "Population":
        """All that is known of the population: the nodes of the quadrature, else draws."""
        from pymc_vibes.stats.entity_draws import EntityJoint
        from pymc_vibes.stats.entity_predictive import Population

        joint = self.posterior.joint
        if isinstance(joint, EntityJoint):
            return Population.of_lattice(joint.lattice, joint.prior)
        return Population.of_draws(*(self.scalars[name] for name in ("mu", "spread", "noise")))

    @cached_property
    def spread(self) -> "np.ndarray":
        """Draw the coefficient of variation between entities: 1/sqrt(mu alpha)."""
        return self.scalars["spread"]

    @cached_property
    def own_weight(self) -> "np.ndarray":
        """Give the weight of every entity's own counts, if its rate is near the population's mean.

        At the medians of the population, by the variances within and between entities. The noise
        of windows grows with the rate: far above the mean own counts weigh less.
        """
        import numpy as np

        mu, alpha, phi = (float(np.median(self.scalars[name])) for name in ("mu", "alpha", "phi"))
        within = (mu + mu**2 / phi) / np.maximum(self.counts.exposed, 1e-300)
        between = mu / alpha
        return np.asarray(between / (between + within))

    def standing(self, top: int, direction: Literal["higher", "lower"]) -> "Standing":
        """Rank the contenders in joint draws."""
        return _standing(self, top, direction)


@dataclass(frozen=True, eq=False)
class Standing:
    """The contenders, best mean first, with chances from joint draws; arrays align."""

    index: "np.ndarray"
    best: "np.ndarray"
    """P(best of all)"""
    top: "np.ndarray"
    """P(among the top k)"""
    expected: "np.ndarray"
    ranks: "np.ndarray"
    """Ranks in the draws, `(draws, contenders)`; 1 is best."""

    def interval(self, level: float) -> "tuple[np.ndarray, np.ndarray]":
        """Give the equal-tailed interval of every rank."""
        import numpy as np

        tail = (1 - level) / 2
        low, high = np.quantile(self.ranks, [tail, 1 - tail], axis=0, method="inverted_cdf")
        return low, high


@lru_cache(maxsize=32)
def _standing(entities: Entities, top: int, direction: Literal["higher", "lower"]) -> Standing:
    import numpy as np

    index = entities.ordered(direction)[: max(CONTENDERS, top)]
    drawn = entities.draws(index, RANKING_DRAWS)
    order = np.argsort(-drawn if direction == "higher" else drawn, axis=1, kind="stable")
    ranks = np.empty_like(order, dtype=np.int32)
    np.put_along_axis(ranks, order, np.arange(1, len(index) + 1, dtype=np.int32)[None, :], axis=1)
    # half a draw either way: a chance that draws estimate is never 0 or 1
    chances = [((ranks <= k).sum(axis=0) + 0.5) / (len(drawn) + 1) for k in (1, top)]
    return Standing(
        index=index, best=chances[0], top=chances[1], expected=ranks.mean(axis=0), ranks=ranks
    )
