"""Regression of counts with an AR(1) state on the log scale, by Laplace on a grid.

    y_i ~ NegativeBinomial(mean mu_i, size alpha), or Poisson
    log mu_i = log exposure_i + x_i' b + a_t(i)
    a ~ AR(1) on calendar days           stationary sd tau, correlation phi^|s - t|
    b ~ Normal(center, diag(sd^2))       phi ~ Uniform(0, 1)
    tau ~ Exponential(mean 0.3)          1 / sqrt(alpha) ~ Exponential(mean 0.3)

Both spreads are about relative sds of a day's rate, and their priors are highest at 0: counts that
are Poisson around their regression are taken for what they are (penalized complexity: Simpson et
al. (2017), Statistical Science 32, 1-28). Rows of one day share its state; a day without rows is a
gap. Coefficients and states are integrated by a normal approximation at every node of a grid of
(phi, tau, alpha), with corrections of the next order (`latent_counts_mode`).

The approximation is checked, never trusted: joint draws are weighed by the exact posterior density
over that of the approximation. The shape k of the weights' tail says whether that is possible
(Vehtari et al. (2024), JMLR 25(72)): above 0.7 neither draws nor mixture are vouched for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from pymc_vibes.core.errors import BadRows, InferenceFailed, InsufficientData
from pymc_vibes.stats.latent_counts_grid import Spreads, place_nodes
from pymc_vibes.stats.latent_counts_mode import CoefficientPrior, Nodes
from pymc_vibes.stats.latent_counts_parts import Part, Scanner, draw
from pymc_vibes.stats.latent_counts_rows import Rows
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.student import StudentMixture
from pymc_vibes.stats.tail_shape import smooth

type Family = Literal["poisson", "negative-binomial"]
type Errors = Literal["ar1", "independent"]

DOUBTFUL_K = 0.7
_CHECKED = 4_000
_NEGLIGIBLE = 1e-5  # of the heaviest node's weight
_TINY = 1e-300
_MOST_SKEWED = 0.9  # beyond 0.99 one of two normals would need a negative variance
_NORMAL = 1e12  # degrees of freedom: Student-t is normal to ten digits within 10 sd


@dataclass(frozen=True)
class CountPrior:
    """Prior of the coefficients, `(coefficients,)` each, and of the two spreads."""

    sd: Array
    center: Array | float = 0.0
    state_spread: float = 0.3
    extra_spread: float = 0.3


@dataclass(frozen=True)
class CountModel:
    """What the counts may do beyond Poisson around their regression."""

    family: Family = "negative-binomial"
    errors: Errors = "ar1"

    def spreads(self, prior: CountPrior) -> Spreads:
        """Give the priors of what varies; 0 says that it does not."""
        return Spreads(
            prior.state_spread if self.errors == "ar1" else 0.0,
            prior.extra_spread if self.family == "negative-binomial" else 0.0,
        )


@dataclass(frozen=True)
class CountSeries:
    """Counts by row: day numbers, not all distinct, exposures and `(rows, coefficients)`."""

    day: Array
    count: Array
    exposure: Array
    columns: Array


@dataclass(frozen=True)
class CountDraws:
    """Joint draws, one per row of each array."""

    coefficients: Array
    states: Array
    """Of `CountRegression.day`, `(draws, days)`."""
    phi: Array
    tau: Array
    extra: Array
    """1 / sqrt(alpha); 0 is Poisson."""
    log_weight: Array
    """Log of the exact posterior density over that of the draws, up to a constant."""
    tail_shape: float
    """Pareto's k of the weights; nan where they are already used up."""

    def take(self, at: np.ndarray) -> "CountDraws":
        """Give some draws, with equal weights."""
        return CountDraws(
            self.coefficients[at],
            self.states[at],
            self.phi[at],
            self.tau[at],
            self.extra[at],
            np.zeros(len(at)),
            self.tail_shape,
        )

    @property
    def effective(self) -> float:
        """Say how many equally weighted draws these are worth."""
        weight = np.exp(self.log_weight - self.log_weight.max())
        return float(weight.sum() ** 2 / (weight**2).sum())


@dataclass(frozen=True)
class CountRegression:
    """The posterior: at every node of (phi, tau, extra) a normal of states and coefficients."""

    nodes: Nodes
    weights: Array
    mean: Array
    """Of the coefficients, `(nodes, coefficients)`."""
    covariance: Array
    """Of the coefficients, `(nodes, coefficients, coefficients)`."""
    log_evidence: float
    """Log density of the counts, up to a constant that only the counts decide."""
    third: Array
    """Third cumulants of the coefficients, `(nodes, coefficients, coefficients, coefficients)`."""
    center: Array
    parts: tuple[Part, ...]

    @property
    def day(self) -> Array:
        """Give the days whose states are drawn."""
        return self.parts[0].at.rows.day

    @property
    def effective_nodes(self) -> float:
        """Say over how many nodes the weight is spread."""
        return float(1 / (self.weights**2).sum())

    def near_unit_root(self, phi: float = 0.99) -> float:
        """Give the probability that the state hardly forgets: phi above that value."""
        return float(self.weights[self.nodes.phi > phi].sum())

    def functional(self, rows: Array) -> StudentMixture:
        """Give `rows @ b` on the log scale, one label per row: a mixture of normals.

        At every node there are two, which share mean, variance and skewness of the functional.
        """
        spread = np.einsum("li,gij,lj->lg", rows, self.covariance, rows, optimize=True)
        third = np.einsum("gijk,li,lj,lk->lg", self.third, rows, rows, rows, optimize=True)
        sd = np.sqrt(np.maximum(spread, _TINY))
        apart, uneven = _two_normals(third / sd**3)
        middle = rows @ self.mean.T
        share = 1 - apart**2
        sides = (-1.0, 1.0)
        return StudentMixture(
            df=np.full(len(rows), _NORMAL),
            weights=np.tile(self.weights / 2, (len(rows), 2)),
            loc=np.concatenate([middle + side * sd * apart for side in sides], axis=1),
            scale=np.concatenate([sd * np.sqrt(share + side * uneven) for side in sides], axis=1),
        )

    def draw(self, n: int, rng: np.random.Generator) -> CountDraws:
        """Draw from near the posterior, with the log weights that make it exact.

        Without their weights the draws spread a little more than the posterior does.
        """
        drawn = np.sort(rng.choice(len(self.weights), size=n, p=self.weights))
        ends = np.cumsum([0] + [len(part.log_evidence) for part in self.parts])
        parts = [
            draw(part, drawn[(drawn >= low) & (drawn < high)] - low, rng)
            for part, low, high in zip(self.parts, ends[:-1], ends[1:], strict=True)
        ]
        mixed = rng.permutation(n)
        columns = [np.concatenate(column)[mixed] for column in zip(*parts, strict=True)]
        nodes = self.nodes.take(drawn[mixed])
        return CountDraws(
            columns[0] + self.center,
            columns[1],
            nodes.phi,
            nodes.tau,
            nodes.extra,
            columns[2],
            smooth(columns[2])[1],
        )

    @cached_property
    def check(self) -> CountDraws:
        """Check the approximation by 4,000 weighted draws, the same at every call."""
        return self.draw(_CHECKED, np.random.default_rng(0))

    @property
    def is_doubtful(self) -> bool:
        """Say whether the weights' tail is too heavy to vouch for the approximation."""
        return self.check.tail_shape > DOUBTFUL_K

    def resample(self, n: int, rng: np.random.Generator) -> CountDraws:
        """Draw from the exact posterior as well as reweighted draws can: see their `tail_shape`."""
        draws = self.draw(4 * n, rng)
        weight = np.exp(smooth(draws.log_weight)[0])
        ends = np.cumsum(weight / weight.sum())
        at = np.searchsorted(ends, (np.arange(n) + rng.random()) / n)
        return draws.take(rng.permutation(np.minimum(at, len(weight) - 1)))


def regress_counts(
    series: CountSeries,
    prior: CountPrior,
    model: CountModel | None = None,
    also: Sequence[float] = (),
) -> CountRegression:
    """Fit counts; `also` are days without rows whose states are wanted in draws."""
    model = model or CountModel()
    middle = np.broadcast_to(np.asarray(prior.center, dtype=float), np.shape(prior.sd))
    rows = rows_of(series, middle, also)
    scanner = Scanner(rows, CoefficientPrior(np.asarray(prior.sd, dtype=float) ** -2.0))
    spreads = model.spreads(prior)
    nodes, log_volume = place_nodes(
        spreads, lambda nodes: scanner.scan(nodes) + spreads.log_density(nodes)
    )
    parts = scanner.parts(nodes)
    log = np.concatenate([part.log_evidence for part in parts])
    log = log + log_volume + spreads.log_density(nodes)
    if not np.isfinite(log.max()):
        raise InferenceFailed("The counts have no finite likelihood under the model.")
    return assembled(parts, nodes, log, middle)


def _two_normals(skewness: Array) -> tuple[Array, Array]:
    """Split a standard normal in two halves that are skewed together, with its fourth cumulant.

    Means lie `apart` from 0 on either side, variances are 1 - apart^2 -+ uneven: the third cumulant
    is 3 apart uneven, and the fourth is 3 uneven^2 - 2 apart^4 = 0.
    """
    apart = np.cbrt(np.clip(skewness, -_MOST_SKEWED, _MOST_SKEWED) / np.sqrt(6))
    return apart, np.sqrt(2 / 3) * apart**2


def assembled(parts: list[Part], nodes: Nodes, log: Array, middle: Array) -> CountRegression:
    """Weigh the nodes by the logs of their posterior masses, and leave the lightest out."""
    weights = np.exp(log - log.max())
    kept = weights > _NEGLIGIBLE
    pieces = np.split(kept, np.cumsum([len(part.log_evidence) for part in parts])[:-1])
    light = tuple(
        part.take(np.flatnonzero(piece))
        for part, piece in zip(parts, pieces, strict=True)
        if piece.any()
    )
    return CountRegression(
        nodes=nodes.take(kept),
        weights=weights[kept] / weights[kept].sum(),
        mean=middle + np.concatenate([part.middle.b for part in light]),
        covariance=np.concatenate([np.linalg.inv(part.factor.precision) for part in light]),
        log_evidence=float(log.max() + np.log(weights.sum())),
        third=np.concatenate([part.third for part in light]),
        center=middle,
        parts=light,
    )


def rows_of(series: CountSeries, middle: Array, also: Sequence[float] = ()) -> Rows:
    """Sort the rows by day, and center their log rates on the prior."""
    _check(series)
    order = np.argsort(series.day, kind="stable")
    day = np.unique(np.concatenate([series.day, np.asarray(also, dtype=float)]))
    columns = np.asarray(series.columns, dtype=float)[order]
    return Rows(
        day=day,
        place=np.searchsorted(day, series.day[order]),
        count=np.asarray(series.count, dtype=float)[order],
        offset=np.log(series.exposure[order]) + columns @ middle,
        columns=columns,
    )


def _check(series: CountSeries) -> None:
    count, exposure = np.asarray(series.count), np.asarray(series.exposure)
    if not (np.isfinite(count).all() and (count >= 0).all() and (count == np.round(count)).all()):
        raise BadRows("Counts must be whole numbers from 0 on.")
    if not (np.isfinite(exposure).all() and (exposure > 0).all()):
        raise BadRows(
            "Exposures must be positive and finite.", hint="Leave days without exposure out."
        )
    if not np.any(count):
        raise InsufficientData("There are no events at all, so nothing about their rate is known.")
