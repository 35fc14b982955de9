"""Exact comparisons of two posteriors: who is greater, by how much, and what a wrong choice costs.

Of two Gammas, P(first > second) is a regularized incomplete beta function and the ratio has a beta
prime distribution; all else is one-dimensional quadrature (`overlap`). Nothing is drawn at random.

Two labels of one hierarchy are independent given its hyperparameters: every answer is the average
of the exact answers at the nodes of its lattice. Probabilities, losses and moments use all nodes;
the distribution of a contrast uses `_CONTRAST_NODES` of them, which keeps its probabilities within
4e-3 for two labels, 1e-3 for ten and 1e-7 for a hundred.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats import overlap, special
from pymc_vibes.stats.contrast import Contrast
from pymc_vibes.stats.decide import Direction
from pymc_vibes.stats.exact import Beta, Gamma
from pymc_vibes.stats.mixture import BetaMixture, GammaMixture
from pymc_vibes.stats.pairing import Points
from pymc_vibes.stats.special import Array

type Posteriors = Beta | Gamma | BetaMixture | GammaMixture
"""One label of these against another: both of one type, mixtures of one hierarchy."""

_MIXTURE = (BetaMixture, GammaMixture)
_CONTRAST_NODES = 36  # keep all moments of the hyperparameters up to degree 7
_CHUNK = 16_384  # pairs a thread takes at once: small enough for the cache
_THREADS = 4
_BATCH = 1_024  # pairs of chances whose nodes are held in memory at once


def probability_greater(first: Posteriors, i: int, second: Posteriors, j: int) -> float:
    """Compute P(first[i] > second[j]); both of one type, mixtures of one hierarchy."""
    left, right, weights = _conditional(first, i, second, j)
    greater = gamma_greater if isinstance(left, Gamma) else beta_greater
    return float(greater(*_parameters(left), *_parameters(right)) @ weights)


def expected_loss(
    first: Posteriors, i: int, second: Posteriors, j: int, direction: Direction
) -> float:
    """Compute what choosing first[i] over second[j] is expected to lose; `direction` is better."""
    left, right, weights = _conditional(first, i, second, j)
    loss = gamma_loss if isinstance(left, Gamma) else beta_loss
    return float(loss(*_parameters(left), *_parameters(right), direction) @ weights)


def gamma_greater(a1: Array, b1: Array, a2: Array, b2: Array) -> Array:
    """Compute P(first > second) for Gamma(shape a, rate b) pairs, shape `(pairs,)`."""
    return _in_chunks(_gamma_greater, a1, b1, a2, b2)


def gamma_loss(
    a1: Array, b1: Array, a2: Array, b2: Array, direction: Direction = "higher"
) -> Array:
    """Compute the expected loss of choosing the first of every Gamma pair; never negative."""
    if direction == "higher":
        return _in_chunks(_gamma_shortfall, a1, b1, a2, b2)
    return _in_chunks(_gamma_shortfall, a2, b2, a1, b1)


def beta_greater(a1: Array, b1: Array, a2: Array, b2: Array) -> Array:
    """Compute P(first > second) for Beta pairs, shape `(pairs,)`."""
    return _by_width(_beta_greater, a1, b1, a2, b2)


def beta_loss(a1: Array, b1: Array, a2: Array, b2: Array, direction: Direction = "higher") -> Array:
    """Compute the expected loss of choosing the first of every Beta pair; never negative."""
    if direction == "higher":
        return _by_width(_beta_shortfall, a1, b1, a2, b2)
    return _by_width(_beta_shortfall, a2, b2, a1, b1)


def difference(first: Posteriors, i: int, second: Posteriors, j: int) -> Contrast:
    """Give the posterior of `first[i] - second[j]`."""
    left, right, weights = _conditional(first, i, second, j)
    mean, sd = _pooled(left.mean() - right.mean(), np.hypot(left.sd(), right.sd()), weights)
    greater = probability_greater(first, i, second, j)
    left, right, weights = _conditional(first, i, second, j, limit=_CONTRAST_NODES)
    return _difference(left, right, weights, mean=mean, sd=sd, greater=greater)


def ratio(first: Posteriors, i: int, second: Posteriors, j: int) -> Contrast:
    """Give the posterior of `first[i] / second[j]`; mean and sd are None where infinite."""
    return _ratio(first, i, second, j, offset=0.0)


def relative_lift(first: Posteriors, i: int, second: Posteriors, j: int) -> Contrast:
    """Give the posterior of `first[i] / second[j] - 1`."""
    return _ratio(first, i, second, j, offset=-1.0)


def _ratio(first: Posteriors, i: int, second: Posteriors, j: int, *, offset: float) -> Contrast:
    left, right, weights = _conditional(first, i, second, j)
    mean, sd = _ratio_moments(left, right, weights)
    left, right, weights = _conditional(first, i, second, j, limit=_CONTRAST_NODES)
    make = _gamma_log_ratio if isinstance(left, Gamma) else _beta_log_ratio
    reach, tails, slope = make(left, right, weights)
    return Contrast(
        mean=None if mean is None else mean + offset,
        sd=sd,
        neutral=1.0 + offset,
        greater=probability_greater(first, i, second, j),
        reach=reach,
        tails=tails,
        slope=slope,
        is_log=True,
        offset=offset,
    )


def _pooled(means: Array, sds: Array, weights: Array) -> tuple[float, float]:
    mean = float(weights @ means)
    apart = np.hypot(sds, means - mean)
    scale = float(apart.max())  # squares would overflow
    return mean, scale * float(np.sqrt(weights @ (apart / scale) ** 2))


def _conditional(
    first: Posteriors, i: int, second: Posteriors, j: int, limit: int | None = None
) -> tuple[Beta | Gamma, Beta | Gamma, Array]:
    """Give both posteriors at every node they share, and the nodes' weights."""
    if type(first) is not type(second):
        raise TypeError("a chance and a rate cannot be compared: both must be of one type")
    if isinstance(first, Beta | Gamma) and isinstance(second, Beta | Gamma):
        return first.take([i]), second.take([j]), np.ones(1)
    if not (isinstance(first, _MIXTURE) and isinstance(second, _MIXTURE)) or (
        first.nodes is not second.nodes
    ):
        raise TypeError("only labels of one hierarchy can be compared: they share its nodes")
    nodes = first.nodes if limit is None else first.nodes.thin(limit)
    return first.across(i, nodes), second.across(j, nodes), nodes.weights


def _parameters(distribution: Beta | Gamma) -> tuple[Array, Array]:
    one, two = distribution.parameters().values()
    return one, two


def _difference(
    first: Beta | Gamma,
    second: Beta | Gamma,
    weights: Array,
    *,
    mean: float,
    sd: float,
    greater: float,
) -> Contrast:
    x, y, unit = _sides(first, second)
    top = np.inf if isinstance(first, Gamma) else 1.0

    def tails(at: Array) -> tuple[Array, Array]:
        far = np.abs(at)[:, None] / unit
        found = _either(at >= 0, x, y, far, lambda a, b, by: overlap.exceeds(a, b, by, top))
        smaller = np.clip(weights @ found, 0.0, 1.0)
        below = np.where(at > 0, 1 - smaller, np.where(at < 0, smaller, 1 - greater))
        return below, np.where(at > 0, smaller, np.where(at < 0, 1 - smaller, greater))

    def slope(at: Array) -> Array:
        far = np.abs(at)[:, None] / unit
        density = overlap.difference_density
        return weights @ _either(at >= 0, x, y, far, lambda a, b, by: density(a, b, by, top)) / unit

    (x_low, x_high), (y_low, y_high) = x.window, y.window
    return Contrast(
        mean=mean,
        sd=sd,
        neutral=0.0,
        greater=greater,
        reach=(
            unit * float((x_low.value - y_high.value).min()),
            unit * float((x_high.value - y_low.value).max()),
        ),
        tails=tails,
        slope=slope,
    )


type _Side = overlap.GammaSide | overlap.BetaSide


def _either(
    straight: NDArray[np.bool_],
    x: _Side,
    y: _Side,
    by: Array,
    evaluate: Callable[[_Side, _Side, Array], Array],
) -> Array:
    """Evaluate `x` against `y` where `straight`, else `y` against `x`: `(nodes, places)`."""
    found = np.empty((len(x.sd()), len(straight)))
    for mask, first, second in ((straight, x, y), (~straight, y, x)):
        if mask.any():
            found[:, mask] = evaluate(first, second, by[mask])
    return found


type _LogRatio = tuple[
    tuple[float, float], Callable[[Array], tuple[Array, Array]], Callable[[Array], Array]
]


def _gamma_log_ratio(first: Beta | Gamma, second: Beta | Gamma, weights: Array) -> _LogRatio:
    """Of Gammas: `b1 X / (b1 X + b2 Y)` is Beta(a1, a2), so the log ratio is a shifted logit."""
    from scipy.special import expit

    (a1, b1), (a2, b2) = _parameters(first), _parameters(second)
    move = (np.log(b1) - np.log(b2))[:, None]
    share = overlap.BetaSide(a1[:, None], a2[:, None])

    def place(at: Array) -> Points:
        return Points(expit(at + move), expit(-at - move))

    def tails(at: Array) -> tuple[Array, Array]:
        points = place(at)
        return weights @ share.below(points), weights @ share.above(points)

    def slope(at: Array) -> Array:
        with np.errstate(under="ignore"):  # of a node far from there
            return np.asarray(weights @ np.exp(share.log_density(place(at))))

    low, high = special.beta_drop(a1, a2, np.full_like(a1, special.DROP))
    center = np.log(a1) - np.log(a2) - move[:, 0]
    return (float((center + low).min()), float((center + high).max())), tails, slope


def _beta_log_ratio(first: Beta | Gamma, second: Beta | Gamma, weights: Array) -> _LogRatio:
    x, y, _ = _sides(first, second)

    def tails(at: Array) -> tuple[Array, Array]:
        scale = np.exp(-np.abs(at))[:, None]
        smaller = np.clip(weights @ _either(at <= 0, x, y, scale, overlap.falls_short), 0.0, 1.0)
        return np.where(at <= 0, smaller, 1 - smaller), np.where(at <= 0, 1 - smaller, smaller)

    def slope(at: Array) -> Array:
        scale = np.exp(-np.abs(at))[:, None]
        return np.asarray(weights @ _either(at <= 0, x, y, scale, overlap.log_ratio_density))

    (x_low, x_high), (y_low, y_high) = x.window, y.window
    low = np.log(x_low.value) - np.log(y_high.value)
    high = np.log(x_high.value) - np.log(y_low.value)
    return (float(low.min()), float(high.max())), tails, slope


def _ratio_moments(
    first: Beta | Gamma, second: Beta | Gamma, weights: Array
) -> tuple[float | None, float | None]:
    a, b = _parameters(second)
    total, is_rate = a + b, isinstance(second, Gamma)
    if (a <= 1).any():
        return None, None
    inverse = b / (a - 1) if is_rate else (total - 1) / (a - 1)
    means = first.mean() * inverse
    if (a <= 2).any():
        return float(weights @ means), None
    relative = 1 / (a - 2) if is_rate else b / ((total - 1) * (a - 2))
    # Var(XU) = Var(X) (E[U]^2 + Var(U)) + E[X]^2 Var(U), with U = 1/Y; relative = Var(U)/E[U]^2
    sds = inverse * np.hypot(first.sd() * (1 + relative) ** 0.5, first.mean() * relative**0.5)
    return _pooled(means, sds, weights)


def _sides(first: Beta | Gamma, second: Beta | Gamma) -> tuple[_Side, _Side, float]:
    """Give both sides, `(nodes, 1, 1)`, and the unit in which rates are of order one."""
    (a1, b1), (a2, b2) = (
        tuple(values[:, None, None] for values in _parameters(side)) for side in (first, second)
    )
    if isinstance(first, Beta):
        return overlap.BetaSide(a1, b1), overlap.BetaSide(a2, b2), 1.0
    unit = float(max(first.mean().max(), second.mean().max()))
    with np.errstate(over="ignore"):  # a rate 1e300 times the other's is as good as 1e250
        rates = [np.minimum(b * unit, 1e250) for b in (b1, b2)]
    return overlap.GammaSide(a1, rates[0]), overlap.GammaSide(a2, rates[1]), unit


def _gamma_greater(a1: Array, b1: Array, a2: Array, b2: Array) -> Array:
    """P(first > second) = I_x(a2, a1) with x = b2 / (b1 + b2)."""
    from scipy.special import betainc, betaincc

    scale = np.maximum(b1, b2)
    first, second = b1 / scale, b2 / scale
    first, second = first / (first + second), second / (first + second)
    close = first < 0.05  # there 1 - x is the more accurate argument
    result = np.empty_like(first)
    result[~close] = betainc(a2[~close], a1[~close], second[~close])
    result[close] = betaincc(a1[close], a2[close], first[close])
    return result


def _gamma_shortfall(a1: Array, b1: Array, a2: Array, b2: Array) -> Array:
    """E[max(second - first, 0)] = (m2 - m1) P(second > first) + f (1/b1 + 1/b2).

    `f` is the density of the logit of `b1 X / (b1 X + b2 Y)` at the tie: one incomplete beta
    function is enough, because its neighbors differ from it by that density.
    """
    scale = np.maximum(b1, b2)
    first, second = b1 / scale, b2 / scale
    x, q = first / (first + second), second / (first + second)
    with np.errstate(under="ignore", over="ignore"):  # far apart the tie has no density
        tie = np.exp(special.beta_log_density(a1, a2, x, q))
    smaller = _gamma_greater(a2, b2, a1, b1)
    loss = (a2 / b2 - a1 / b1) * smaller + tie * (1 / b1 + 1 / b2)
    return np.maximum(loss, 0.0)


def _beta_greater(x: overlap.BetaSide, y: overlap.BetaSide) -> Array:
    return np.clip(overlap.exceeds(x, y, np.zeros((1, 1)), 1.0), 0.0, 1.0)


def _beta_shortfall(x: overlap.BetaSide, y: overlap.BetaSide) -> Array:
    return np.maximum(overlap.shortfall(x, y), 0.0)


def _by_width(
    function: Callable[[overlap.BetaSide, overlap.BetaSide], Array], *parameters: Array
) -> Array:
    """Apply `function` to batches of pairs that are alike: the same side narrow, similar shapes."""
    a1, b1, a2, b2 = np.broadcast_arrays(*np.atleast_1d(*parameters))
    x, y = overlap.BetaSide(a1, b1), overlap.BetaSide(a2, b2)
    narrow = x.sd() <= y.sd()
    smallest = np.minimum(np.minimum(a1, b1), np.minimum(a2, b2))
    result = np.empty(a1.shape)
    for group in (np.flatnonzero(narrow), np.flatnonzero(~narrow)):
        ordered = group[np.argsort(smallest[group])]
        for start in range(0, len(ordered), _BATCH):
            take = ordered[start : start + _BATCH]
            sides = (overlap.BetaSide(s.a[take, None], s.b[take, None]) for s in (x, y))
            result[take] = function(*sides)
    return result


def _in_chunks(function: Callable[..., Array], *parameters: Array) -> Array:
    """Apply `function` to chunks of pairs in threads: the ufuncs release the interpreter lock."""
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(p, dtype=float)) for p in parameters))
    count = len(arrays[0])
    if count <= _CHUNK:
        return function(*arrays)
    chunks = [[a[k : k + _CHUNK] for a in arrays] for k in range(0, count, _CHUNK)]
    with ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate(list(pool.map(lambda chunk: function(*chunk), chunks)))
