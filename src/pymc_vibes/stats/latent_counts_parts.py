"""The nodes of `latent_counts` in parts small enough for memory, and joint draws from them."""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.latent_counts_mode import (
    CoefficientPrior,
    Factor,
    Nodes,
    Place,
    Problem,
    find_mode,
    first_guess,
    problem,
    solve_states,
)
from pymc_vibes.stats.latent_counts_order import center, expand
from pymc_vibes.stats.latent_counts_rows import Rows, higher
from pymc_vibes.stats.special import Array

_TOGETHER = 600_000  # doubles of one array: about what a processor keeps at hand
_FREEDOM = 8.0  # of the t that coefficients are drawn from; it costs a twentieth of the draws
_WIDEST_GAP = 0.8  # between the sds of both sides, about 1.4 and 0.6
_SCAN, _EXACT = 1e-2, 1e-6  # twice how far below the top a log density may still be


@dataclass(frozen=True)
class Part:
    """Normal approximations at some nodes."""

    at: Problem
    middle: Place
    factor: Factor
    log_evidence: Array
    """Of the counts given the hyperparameters, with the next order."""
    third: Array
    """Third cumulants of the coefficients."""

    def take(self, kept: np.ndarray) -> "Part":
        """Keep some of the nodes."""
        return Part(
            problem(self.at.rows, self.at.nodes.take(kept), self.at.prior),
            self.middle.take(kept),
            self.factor.take(kept),
            self.log_evidence[kept],
            self.third[kept],
        )


class Scanner:
    """Log evidences at nodes; modes are sought from the nearest one of the scan before."""

    def __init__(self, rows: Rows, prior: CoefficientPrior) -> None:
        self.rows = rows
        self.prior = prior
        self._seen: tuple[Nodes, Place] | None = None

    def scan(self, nodes: Nodes) -> Array:
        """Give the log evidence of every node, not to the last digit."""
        found, places = [], []
        for at in self._problems(nodes):
            mode, height, factor = find_mode(at, self._start(at), _SCAN)
            found.append(expand(at, mode, height, factor).log_evidence)
            places.append(mode)
        merged = Place(np.concatenate([p.b for p in places]), np.concatenate([p.z for p in places]))
        self._seen = nodes, merged
        return np.concatenate(found)

    def parts(self, nodes: Nodes) -> list[Part]:
        """Approximate the posterior at every node."""
        parts = []
        for at in self._problems(nodes):
            mode, height, factor = find_mode(at, self._start(at), _EXACT)
            found = expand(at, mode, height, factor)
            middle, around = center(at, mode, found.variance)
            parts.append(Part(at, middle, around, found.log_evidence, found.third_cumulants()))
        return parts

    def _problems(self, nodes: Nodes) -> list[Problem]:
        size = len(self.rows.place) * (self.rows.columns.shape[1] + 1)
        many = max(1, -(-len(nodes) * size // _TOGETHER))
        pieces = np.array_split(np.arange(len(nodes)), min(many, len(nodes)))
        return [problem(self.rows, nodes.take(piece), self.prior) for piece in pieces]

    def _start(self, at: Problem) -> Place:
        if self._seen is None:
            return first_guess(at)
        seen, places = self._seen
        nearest = _distances(at.nodes, seen).argmin(axis=1)
        place, tau = places.take(nearest), seen.tau[nearest]
        kept = tau / np.maximum(np.maximum(at.nodes.tau, tau), 1e-300)
        return Place(place.b, kept[:, None] * place.z)


def _distances(nodes: Nodes, seen: Nodes) -> Array:
    """Measure how far nodes are from those seen, in widths of what was seen, squared."""
    total = np.zeros((len(nodes), len(seen)))
    for here, there in zip(_coordinates(nodes), _coordinates(seen), strict=True):
        total += ((here[:, None] - there) / max(float(np.ptp(there)), 1e-300)) ** 2
    return total


def _coordinates(nodes: Nodes) -> tuple[Array, Array, Array]:
    return np.sqrt(1 - nodes.phi), nodes.tau, nodes.extra


def draw(part: Part, which: np.ndarray, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Draw coefficients and states at those nodes of the part, and weigh them.

    Coefficients are drawn from a multivariate t, states given them from skewed
    normals. The log weight is that of the exact joint density over the density drawn from.
    """
    at = part.at
    nodes, factor = at.nodes.take(which), part.factor
    pushed, log_pushed = _heavy_tailed(len(which), part.middle.b.shape[1], rng)
    noise, log_noise = _skewed(_state_skewness(part)[which], rng)
    upper = np.linalg.cholesky(factor.precision).transpose(0, 2, 1)[which]
    away = np.linalg.solve(upper, pushed[:, :, None])[:, :, 0]
    tied = np.empty_like(noise)
    for node in np.unique(which):
        tied[which == node] = away[which == node] @ factor.tied[:, node].T
    own = factor.take(which, coefficients=False)
    moved = Place(away, solve_states(own, -tied, noise))
    place = part.middle.take(which).moved(moved, np.ones(len(which)))
    exact = problem(at.rows, nodes, at.prior).log_joint(place)
    drawn = own.log_determinant / 2 + log_noise + log_pushed
    return place.b, nodes.tau[:, None] * place.z, exact - drawn - part.log_evidence[which]


def _heavy_tailed(n: int, width: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw from a multivariate t, with its log density but for the factors of 2 pi.

    Where events are few, the exact tails of coefficients are heavier than normal ones.
    """
    from scipy.special import gammaln

    x = rng.standard_normal((n, width))
    x *= np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, size=(n, 1)))
    total = (_FREEDOM + width) / 2
    level = gammaln(total) - gammaln(_FREEDOM / 2) - width / 2 * np.log(_FREEDOM / 2)
    return x, np.asarray(level - total * np.log1p((x**2).sum(axis=1) / _FREEDOM))


def _state_skewness(part: Part) -> Array:
    """Give the skewness of every state given the later ones, `(nodes, days)`."""
    at = part.at
    third, _ = higher(at.rows, at.log_rates(part.middle), at.nodes.extra)
    summed = at.rows.by_day(third.T).T
    return np.asarray(summed * (at.nodes.tau[:, None] / np.sqrt(part.factor.pivots)) ** 3)


def _skewed(skewness: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw from split normals of mean 0 and variance 1, with their log density less that of 2 pi.

    A split normal has an sd for either side of its mode; to first order their difference is
    sqrt(pi / 2) times the skewness.
    """
    gap = np.clip(np.sqrt(np.pi / 2) * skewness, -_WIDEST_GAP, _WIDEST_GAP)
    mean = np.sqrt(2 / np.pi) * gap
    product = 1 + mean**2 - gap**2  # of both sds
    total = np.sqrt(gap**2 + 4 * product)
    size = np.abs(rng.standard_normal(gap.shape))
    is_above = rng.random(gap.shape) * total < (total + gap) / 2
    noise = np.where(is_above, total + gap, gap - total) / 2 * size - mean
    return noise, np.asarray((np.log(2 / total) - size**2 / 2).sum(axis=1))
