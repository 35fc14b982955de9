"""What the order beyond the normal approximation adds, for `latent_counts`.

With H the precision at the mode, the evidence is Laplace's with the terms

    sum_i f_i v_i^2 / 8 + sum_ij t_i t_j v_i C_ij v_j / 8 + sum_ij t_i t_j C_ij^3 / 12

where t and f are third and fourth derivatives of the log likelihood in the log rates, C is their
covariance and v its diagonal. In the last sum what coefficients add to C off its diagonal is left
out: it is small as soon as there are many more days than coefficients. The center is moved from
the mode to where the gradient, averaged over the normal, is 0; a third cumulant is the sum of t_i
times cubed covariances with the log rates.

References: Shun & McCullagh (1995), JRSS B 57, 749-760; Rue, Martino & Chopin (2009), JRSS B 71,
319-392; van Niekerk & Rue (2024), JMLR 25(62).
"""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.latent_counts_mode import Factor, Place, Problem, solve
from pymc_vibes.stats.latent_counts_rows import averaged, higher
from pymc_vibes.stats.special import Array

_MOVES = 3  # of the center; the last one is less than a thousandth of an sd
_FAINT = 0.05  # correlation of states, below which its cube says nothing
_LAGS = 60


@dataclass(frozen=True)
class Expansion:
    """The evidence at every node, and what else hangs on third derivatives."""

    log_evidence: Array
    variance: Array
    """Of every row's log rate, `(nodes, rows)`."""
    third: Array
    """Derivative of the log likelihood, `(nodes, rows)`."""
    reach: Array
    """Covariance of coefficients with log rates, `(nodes, coefficients, rows)`."""

    def third_cumulants(self) -> Array:
        """Give those of the coefficients, `(nodes, coefficients, coefficients, coefficients)`."""
        nodes, width, rows = self.reach.shape
        pairs = self.reach[:, :, None] * self.reach[:, None]
        weighted = self.third[:, :, None] * self.reach.transpose(0, 2, 1)
        cubes = pairs.reshape(nodes, width * width, rows) @ weighted
        return cubes.reshape(nodes, width, width, width)


def expand(at: Problem, mode: Place, height: Array, factor: Factor) -> Expansion:
    """Expand the log density around the modes, of that height."""
    states = _state_variances(factor)
    reach, variance = _reach(at, factor, states)
    third, fourth = higher(at.rows, at.log_rates(mode), at.nodes.extra)
    lean = third * variance
    pushed = Place(lean @ at.rows.columns, at.nodes.tau[:, None] * at.rows.by_day(lean.T).T)
    pulled = solve(factor, pushed)
    chained = (pushed.b * pulled.b).sum(axis=1) + (pushed.z * pulled.z).sum(axis=1)
    own = (fourth * variance**2).sum(axis=1) + chained
    cubes = (third**2 * _cubed(variance)).sum(axis=1) + _cubes(at, factor, states, third)
    log = height - factor.log_determinant / 2 + own / 8 + cubes / 12
    return Expansion(log, variance, third, reach)


def center(at: Problem, mode: Place, variance: Array) -> tuple[Place, Factor]:
    """Move from the mode to the mean, and give the precision's factor there."""
    place = mode
    for _ in range(_MOVES):
        told = averaged(at.slopes, at.log_rates(place), variance)
        step, factor, _ = at.step(place, told)
        place = place.moved(step, np.ones(len(at.nodes)))
    return place, factor


def _state_variances(factor: Factor) -> Array:
    """Give the variance of every state given b, `(nodes, days)`."""
    spread = 1 / factor.pivots.T
    below = factor.below.T
    for t in range(len(spread) - 2, -1, -1):
        spread[t] += below[t + 1] ** 2 * spread[t + 1]
    return np.asarray(spread.T)


def _reach(at: Problem, factor: Factor, states: Array) -> tuple[Array, Array]:
    """Give covariances of b with the rows' log rates, and the variances of those."""
    pulled = factor.halves / factor.pivots.T[:, :, None]
    below = factor.below.T[:, :, None]
    for t in range(len(pulled) - 2, -1, -1):
        pulled[t] -= below[t + 1] * pulled[t + 1]
    tau, place = at.nodes.tau[:, None, None], at.rows.place
    left = at.rows.columns.T - tau * pulled[place].transpose(1, 2, 0)
    reach = np.linalg.solve(factor.precision, left)
    variance = (left * reach).sum(axis=1) + tau[:, 0] ** 2 * states[:, place]
    return reach, np.asarray(variance)


def _cubes(at: Problem, factor: Factor, states: Array, third: Array) -> Array:
    """Sum the cubed covariances of states over pairs of rows that are not the same row."""
    scale = at.nodes.tau[:, None] ** 2
    summed = at.rows.by_day(third.T).T
    squares = at.rows.by_day(third.T**2).T
    total = ((summed**2 - squares) * _cubed(scale * states)).sum(axis=1)
    link = np.ones_like(states)
    for lag in range(1, min(_LAGS, states.shape[1] - 1) + 1):
        link = -link[:, : states.shape[1] - lag] * factor.below[:, lag:]
        covariance = scale * link * states[:, lag:]
        pairs = summed[:, lag:] * summed[:, :-lag]
        total += 2 * np.einsum("gt,gt->g", pairs, _cubed(covariance))
        if np.abs(link).max() < _FAINT:
            break
    return np.asarray(total)


def _cubed(x: Array) -> Array:
    return x * x * x  # a power of 3 takes ten times as long
