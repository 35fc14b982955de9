"""Exact comparisons of two posteriors: who is greater, by how much, and what a wrong choice costs.

Of two Gammas, P(first > second) is a regularized incomplete beta function and the ratio has a beta
prime distribution; all else is one-dimensional quadrature (`overlap`). Nothing is drawn at random.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pymc_vibes.stats import overlap, special
from pymc_vibes.stats.contrast import Contrast
from pymc_vibes.stats.decide import Direction
from pymc_vibes.stats.exact import Beta, Gamma
from pymc_vibes.stats.special import Array

_CHUNK = 16_384  # pairs a thread takes at once: small enough for the cache
_THREADS = 4
_BATCH = 1_024  # pairs of chances whose nodes are held in memory at once


def probability_greater(first: Beta | Gamma, i: int, second: Beta | Gamma, j: int) -> float:
    """Compute P(first[i] > second[j]); both Beta or both Gamma."""
    left, right = _pair(first, i, second, j)
    return float((gamma_greater if isinstance(first, Gamma) else beta_greater)(*left, *right)[0])


def expected_loss(
    first: Beta | Gamma, i: int, second: Beta | Gamma, j: int, direction: Direction
) -> float:
    """Compute what choosing first[i] over second[j] is expected to lose; `direction` is better."""
    left, right = _pair(first, i, second, j)
    loss = gamma_loss if isinstance(first, Gamma) else beta_loss
    return float(loss(*left, *right, direction)[0])


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


def difference(first: Beta | Gamma, i: int, second: Beta | Gamma, j: int) -> Contrast:
    """Give the posterior of `first[i] - second[j]`."""
    x, y, unit = _sides(first, i, second, j)
    top = np.inf if isinstance(first, Gamma) else 1.0
    greater = probability_greater(first, i, second, j)

    def tails(at: Array) -> tuple[Array, Array]:
        far = np.abs(at)[:, None] / unit
        smaller = np.zeros_like(at)
        for mask, left, right in ((at > 0, x, y), (at < 0, y, x)):
            smaller[mask] = overlap.exceeds(left, right, far[mask], top) if mask.any() else 0.0
        smaller = np.clip(smaller, 0.0, 1.0)
        below = np.where(at > 0, 1 - smaller, np.where(at < 0, smaller, 1 - greater))
        return below, np.where(at > 0, smaller, np.where(at < 0, 1 - smaller, greater))

    def slope(at: Array) -> Array:
        far = np.abs(at)[:, None] / unit
        density = np.empty_like(at)
        for mask, left, right in ((at >= 0, x, y), (at < 0, y, x)):
            if mask.any():
                density[mask] = overlap.difference_density(left, right, far[mask], top)
        return density / unit

    (x_low, x_high), (y_low, y_high) = x.window, y.window
    return Contrast(
        mean=float(first.mean()[i] - second.mean()[j]),
        sd=float(np.hypot(first.sd()[i], second.sd()[j])),
        neutral=0.0,
        greater=greater,
        reach=(
            unit * float((x_low.value - y_high.value)[0, 0]),
            unit * float((x_high.value - y_low.value)[0, 0]),
        ),
        tails=tails,
        slope=slope,
    )


def ratio(first: Beta | Gamma, i: int, second: Beta | Gamma, j: int) -> Contrast:
    """Give the posterior of `first[i] / second[j]`; mean and sd are None where infinite."""
    return _ratio(first, i, second, j, offset=0.0)


def relative_lift(first: Beta | Gamma, i: int, second: Beta | Gamma, j: int) -> Contrast:
    """Give the posterior of `first[i] / second[j] - 1`."""
    return _ratio(first, i, second, j, offset=-1.0)


def _ratio(first: Beta | Gamma, i: int, second: Beta | Gamma, j: int, *, offset: float) -> Contrast:
    mean, sd = _ratio_moments(first, i, second, j)
    make = _gamma_log_ratio if isinstance(first, Gamma) else _beta_log_ratio
    reach, tails, slope = make(first, i, second, j)
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


type _LogRatio = tuple[
    tuple[float, float], Callable[[Array], tuple[Array, Array]], Callable[[Array], Array]
]


def _gamma_log_ratio(first: Beta | Gamma, i: int, second: Beta | Gamma, j: int) -> _LogRatio:
    """Of Gammas: `b1 X / (b1 X + b2 Y)` is Beta(a1, a2), so the log ratio is a shifted logit."""
    from scipy.special import expit

    (a1, b1), (a2, b2) = _pair(first, i, second, j)
    move = np.log(b1) - np.log(b2)
    share = overlap.BetaSide(a1, a2)

    def place(at: Array) -> overlap.Points:
        return overlap.Points(expit(at + move), expit(-at - move))

    def tails(at: Array) -> tuple[Array, Array]:
        points = place(at)
        return share.below(points), share.above(points)

    def slope(at: Array) -> Array:
        return np.exp(share.log_density(place(at)))

    low, high = special.beta_drop(a1, a2, np.full_like(a1, special.DROP))
    center = np.log(a1) - np.log(a2) - move
    return (float((center + low)[0]), float((center + high)[0])), tails, slope


def _beta_log_ratio(first: Beta | Gamma, i: int, second: Beta | Gamma, j: int) -> _LogRatio:
    x, y, _ = _sides(first, i, second, j)

    def tails(at: Array) -> tuple[Array, Array]:
        scale = np.exp(-np.abs(at))[:, None]
        smaller = np.empty_like(at)
        for mask, left, right in ((at <= 0, x, y), (at > 0, y, x)):
            smaller[mask] = overlap.falls_short(left, right, scale[mask]) if mask.any() else 0.0
        smaller = np.clip(smaller, 0.0, 1.0)
        return np.where(at <= 0, smaller, 1 - smaller), np.where(at <= 0, 1 - smaller, smaller)

    def slope(at: Array) -> Array:
        scale = np.exp(-np.abs(at))[:, None]
        density = np.empty_like(at)
        for mask, left, right in ((at <= 0, x, y), (at > 0, y, x)):
            if mask.any():
                density[mask] = overlap.log_ratio_density(left, right, scale[mask])
        return density

    (x_low, x_high), (y_low, y_high) = x.window, y.window
    low = np.log(x_low.value) - np.log(y_high.value)
    high = np.log(x_high.value) - np.log(y_low.value)
    return (float(low[0, 0]), float(high[0, 0])), tails, slope


def _ratio_moments(
    first: Beta | Gamma, i: int, second: Beta | Gamma, j: int
) -> tuple[float | None, float | None]:
    _, (shape, other) = _pair(first, i, second, j)
    a, b = float(shape[0]), float(other[0])
    top, top_sd = float(first.mean()[i]), float(first.sd()[i])
    total = a + b
    is_rate = isinstance(second, Gamma)
    if a <= 1:
        return None, None
    inverse = b / (a - 1) if is_rate else (total - 1) / (a - 1)
    if a <= 2:
        return top * inverse, None
    relative = 1 / (a - 2) if is_rate else b / ((total - 1) * (a - 2))
    # Var(XU) = Var(X) (E[U]^2 + Var(U)) + E[X]^2 Var(U), with U = 1/Y; relative = Var(U)/E[U]^2
    sd = inverse * float(np.hypot(top_sd * (1 + relative) ** 0.5, top * relative**0.5))
    return top * inverse, sd


def _pair(
    first: Beta | Gamma, i: int, second: Beta | Gamma, j: int
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    if type(first) is not type(second):
        raise TypeError("a chance and a rate cannot be compared: both must be Beta or both Gamma")
    one, two = (tuple(d.take([k]).parameters().values()) for d, k in ((first, i), (second, j)))
    return (one[0], one[1]), (two[0], two[1])


def _sides(
    first: Beta | Gamma, i: int, second: Beta | Gamma, j: int
) -> tuple[overlap.GammaSide | overlap.BetaSide, overlap.GammaSide | overlap.BetaSide, float]:
    """Give both sides and the unit they are measured in, so that rates are of order one."""
    (a1, b1), (a2, b2) = _pair(first, i, second, j)
    if isinstance(first, Beta):
        make = overlap.BetaSide
        return make(a1[:, None], b1[:, None]), make(a2[:, None], b2[:, None]), 1.0
    unit = float(max(first.mean()[i], second.mean()[j]))
    with np.errstate(over="ignore"):  # a rate 1e300 times the other's is as good as 1e250
        rates = [np.minimum(b * unit, 1e250)[:, None] for b in (b1, b2)]
    x = overlap.GammaSide(a1[:, None], rates[0])
    return x, overlap.GammaSide(a2[:, None], rates[1]), unit


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
