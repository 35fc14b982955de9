"""Modes at many pairs of correlation and spread at once, for `latent_counts`.

The unknowns of a node are the coefficients b and the standardized states z, with a = tau z, so that
nothing is singular where tau is 0. The precision of z is tridiagonal: it is eliminated in one pass
over the days for all nodes together, which leaves a dense system in b. Every likelihood is concave
in the log rate, so Newton's method with a step that is halved where needed finds the only mode.
"""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.latent_counts_rows import Rows, log_constant, log_likelihood, slopes
from pymc_vibes.stats.special import Array

_STEPS = 60  # of Newton; five to eight are usual
_HALVINGS = 30


@dataclass(frozen=True)
class Nodes:
    """Places of the hyperparameters, `(nodes,)` each."""

    phi: Array
    tau: Array
    extra: Array

    def take(self, at: np.ndarray) -> "Nodes":
        """Give some of the nodes."""
        return Nodes(self.phi[at], self.tau[at], self.extra[at])

    def __len__(self) -> int:
        return len(self.phi)


@dataclass(frozen=True)
class CoefficientPrior:
    """Normal coefficients around 0."""

    precision: Array

    def log_density(self, b: Array) -> Array:
        """Give the log density without its factors of 2 pi."""
        return np.asarray((np.log(self.precision).sum() - b**2 @ self.precision) / 2)


@dataclass(frozen=True)
class Chain:
    """The standardized autoregression on days with gaps: a tridiagonal precision at every node."""

    diagonal: Array
    """`(nodes, days)`."""
    beside: Array
    """`(nodes, days)`: entry t links t to t - 1; the first is 0."""
    log_determinant: Array

    def times(self, z: Array) -> Array:
        """Multiply the precision by a vector per node."""
        product = self.diagonal * z
        product[:, 1:] += self.beside[:, 1:] * z[:, :-1]
        product[:, :-1] += self.beside[:, 1:] * z[:, 1:]
        return product


@dataclass(frozen=True)
class Factor:
    """Precision of (z, b): z given b as L D L', b alone as a dense matrix."""

    pivots: Array
    """D, `(nodes, days)`."""
    below: Array
    """L, `(nodes, days)`: entry t links t to t - 1."""
    tied: Array
    """tau times the weighted columns of each day, `(days, nodes, coefficients)`."""
    halves: Array
    """L^-1 of the same."""
    precision: Array
    """Of b, `(nodes, coefficients, coefficients)`."""
    log_determinant: Array

    def take(self, at: np.ndarray, *, coefficients: bool = True) -> "Factor":
        """Give the factors of some nodes, or only what states given coefficients need."""
        whole = at if coefficients else at[:0]
        return Factor(
            self.pivots[at],
            self.below[at],
            self.tied[:, whole],
            self.halves[:, whole],
            self.precision[whole],
            self.log_determinant[at],
        )


@dataclass(frozen=True)
class Place:
    """A point per node: coefficients `(nodes, q)` and standardized states `(nodes, days)`."""

    b: Array
    z: Array

    def moved(self, step: "Place", share: Array) -> "Place":
        """Go a share of a step."""
        return Place(self.b + share[:, None] * step.b, self.z + share[:, None] * step.z)

    def take(self, at: np.ndarray) -> "Place":
        """Give the points of some nodes."""
        return Place(self.b[at], self.z[at])


def chain(day: Array, phi: Array) -> Chain:
    """Write down the precision of an AR(1) of variance 1, seen on these days."""
    fade = phi[:, None] ** np.diff(day)
    inner = 1 / -np.expm1(2 * np.log(np.maximum(fade, 1e-300)))
    ones = np.ones((len(phi), 1))
    own = np.concatenate([ones, inner], axis=1)
    later = np.concatenate([fade**2 * inner, 0 * ones], axis=1)
    beside = np.concatenate([0 * ones, -fade * inner], axis=1)
    return Chain(own + later, beside, np.asarray(np.log(inner).sum(axis=1)))


def log_rates(rows: Rows, nodes: Nodes, place: Place) -> Array:
    """Give the log of every row's mean, `(nodes, rows)`."""
    states = nodes.tau[:, None] * place.z
    seen = states if rows.is_daily else states[:, rows.place]
    return rows.offset + place.b @ rows.columns.T + seen


def factorize(
    rows: Rows, nodes: Nodes, prior: CoefficientPrior, links: Chain, weight: Array
) -> Factor:
    """Factorize the precision where the rows weigh so much, `(nodes, rows)`."""
    x = rows.columns
    many, width = len(nodes), x.shape[1]
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    dense = (weight @ products).reshape(many, width, width) + np.diag(prior.precision)
    tied = rows.by_day((weight * nodes.tau[:, None]).T[:, :, None] * x[:, None, :])
    diagonal = links.diagonal + nodes.tau[:, None] ** 2 * rows.by_day(weight.T).T
    pivots, below = diagonal.T.copy(), links.beside.T.copy()
    halves = tied.copy()
    precision = dense - _eliminate(pivots, below, halves)
    logs = np.log(pivots).sum(axis=0) + np.linalg.slogdet(precision)[1]
    return Factor(pivots.T, below.T, tied, halves, precision, np.asarray(logs))


def _eliminate(pivots: Array, below: Array, halves: Array) -> Array:
    """Turn tridiagonal matrices into L D L' and T into L^-1 T, in place; give T' (L D L')^-1 T.

    All arrays begin with the days: one pass over them serves all nodes.
    """
    for t in range(1, len(pivots)):
        off = below[t].copy()
        below[t] /= pivots[t - 1]
        pivots[t] -= below[t] * off
        halves[t] -= below[t][:, None] * halves[t - 1]
    scaled = (halves / np.sqrt(pivots)[:, :, None]).transpose(1, 2, 0)
    return scaled @ scaled.transpose(0, 2, 1)


def solve_states(factor: Factor, right: Array, noise: Array | None = None) -> Array:
    """Solve for z given b, `(nodes, days)`; noise of variance 1 makes it a draw around it."""
    pivots, below = factor.pivots.T, factor.below.T
    half = right.T.copy()
    for t in range(1, len(half)):
        half[t] -= below[t] * half[t - 1]
    half /= pivots
    if noise is not None:
        half += noise.T / np.sqrt(pivots)
    for t in range(len(half) - 2, -1, -1):
        half[t] -= below[t + 1] * half[t + 1]
    return half.T


def solve(factor: Factor, place: Place) -> Place:
    """Solve the whole system for a right-hand side."""
    inner = solve_states(factor, place.z)
    right = place.b - np.einsum("tgq,gt->gq", factor.tied, inner)
    b = np.linalg.solve(factor.precision, right[:, :, None])[:, :, 0]
    z = solve_states(factor, place.z - np.einsum("tgq,gq->gt", factor.tied, b))
    return Place(b, z)


def _gradient(
    rows: Rows, nodes: Nodes, prior: CoefficientPrior, links: Chain, place: Place, first: Array
) -> Place:
    return Place(
        first @ rows.columns - place.b * prior.precision,
        nodes.tau[:, None] * rows.by_day(first.T).T - links.times(place.z),
    )


@dataclass(frozen=True)
class Problem:
    """What stays the same while modes are sought."""

    rows: Rows
    nodes: Nodes
    prior: CoefficientPrior
    links: Chain
    constant: Array
    """What the counts and `extra` alone add to the log likelihood, `(nodes,)`."""

    def slopes(self, log_rate: Array) -> tuple[Array, Array]:
        """Give first and minus second derivatives of the log likelihood."""
        return slopes(self.rows, log_rate, self.nodes.extra)

    def log_joint(self, place: Place) -> Array:
        """Give the log density of counts, states and coefficients."""
        told = log_likelihood(self.rows, self.log_rates(place), self.nodes.extra) + self.constant
        inner = np.einsum("gt,gt->g", place.z, self.links.times(place.z))
        return np.asarray(
            told + (self.links.log_determinant - inner) / 2 + self.prior.log_density(place.b)
        )

    def log_rates(self, place: Place) -> Array:
        """Give the log of every row's mean."""
        return log_rates(self.rows, self.nodes, place)

    def factor(self, weight: Array) -> Factor:
        """Factorize the precision for weights of the rows."""
        return factorize(self.rows, self.nodes, self.prior, self.links, weight)

    def step(self, place: Place, told: tuple[Array, Array]) -> tuple[Place, Factor, Array]:
        """Give Newton's step, the factor that it took and twice the gain that it promises."""
        first, second = told
        factor = self.factor(second)
        gradient = _gradient(self.rows, self.nodes, self.prior, self.links, place, first)
        step = solve(factor, gradient)
        promise = (gradient.b * step.b).sum(axis=1) + (gradient.z * step.z).sum(axis=1)
        return step, factor, promise


def problem(rows: Rows, nodes: Nodes, prior: CoefficientPrior) -> Problem:
    """Set up the nodes."""
    constant = log_constant(rows, nodes.extra)
    return Problem(rows, nodes, prior, chain(rows.day, nodes.phi), constant)


def first_guess(at: Problem) -> Place:
    """Start where a weighted regression of the log counts would."""
    nodes, rows = at.nodes, at.rows
    origin = Place(
        np.zeros((len(nodes), rows.columns.shape[1])), np.zeros((len(nodes), len(rows.day)))
    )
    seen = rows.count + 0.5
    weight = np.broadcast_to(seen / (1 + nodes.extra[:, None] ** 2 * seen), (len(nodes), len(seen)))
    told = (weight * (np.log(seen) - rows.offset), weight)
    return at.step(origin, told)[0]


def find_mode(at: Problem, start: Place, close: float) -> tuple[Place, Array, Factor]:
    """Climb to the mode of every node; give it, its log density and its precision's factor."""
    place, height = start, at.log_joint(start)
    for _ in range(_STEPS):
        step, factor, promise = at.step(place, at.slopes(at.log_rates(place)))
        place, height = _climb(at, place, height, step, promise)
        if promise.max() < close:
            break
    return place, height, factor


def _climb(
    at: Problem, place: Place, height: Array, step: Place, promise: Array
) -> tuple[Place, Array]:
    """Take the step, or so much of it that the density rises."""
    share = np.ones(len(height))
    for _ in range(_HALVINGS):
        found = place.moved(step, share)
        reached = at.log_joint(found)
        slack = 1e-12 * np.abs(height) + 1e-9  # of rounding
        poor = ~(reached >= height + 0.1 * share * promise - slack) & (share > 0)
        if not poor.any():
            break
        share = np.where(poor, share / 2, share)
    return found, reached
