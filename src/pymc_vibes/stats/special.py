"""Densities, windows, quadrature and roots that stay accurate at extreme counts.

Densities are taken per unit of `log x` (Gamma) or of `logit x` (Beta), in the saddle-point form of
Loader, *Fast and accurate computation of binomial probabilities* (2000): no difference of large
log-gammas is ever formed, so a count of 1e9 costs no digits.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

LOG_TWO_PI = float(np.log(2 * np.pi))

DROP = 42.0
"""A window ends where the log density lies this far below its top: exp(-42) is 6e-19."""

_NODES = 32
PANEL = 3.5
"""Width of a quadrature panel in log units: with 32 nodes the error is below 1e-14."""

_DIFFERENCE_LIMIT = 1e4
"""Up to this shape a deviance may be a difference: rounding costs 1e-16 of shape times distance in
log units, 1e-13 where the density matters. The series for more is five times slower."""

_ALONE = 8_192  # products of a block; OpenBLAS takes more threads from 9 216 on

_PROBIT_LIMIT = 38.0  # the normal tail beyond 38 sd underflows


def alone(rows: Array, weights: Array) -> Array:
    """Compute `rows @ weights` in blocks so small that linear algebra stays in this thread.

    It would spread a larger product over all cores, where its threads spin against those of ours.
    """
    count, width = rows.shape
    block = max(1, _ALONE // max(weights.size, 1))
    whole = count // block * block
    if whole in (0, block) or not weights.size:
        return np.asarray(rows @ weights)
    head = rows[:whole].reshape(-1, block, width) @ weights
    return np.concatenate([head.reshape(whole, *weights.shape[1:]), rows[whole:] @ weights])


def log1p_minus(x: Array) -> Array:
    """Compute `log(1 + x) - x` without cancellation near 0."""
    v = x / (2 + x)
    square = v * v
    series = np.zeros_like(v)
    for k in range(25, 1, -2):  # atanh series: v <= 1/3 wherever it is used
        series = (series + 1 / k) * square
    small = 2 * v * series - x * v
    with np.errstate(divide="ignore", invalid="ignore"):  # x = -1 and the unused branch
        return np.where(np.abs(x) < 0.5, small, np.log1p(x) - x)


def stirling_error(a: Array) -> Array:
    """Compute `lgamma(a + 1)` minus its Stirling approximation, for `a > 0`."""
    from scipy.special import gammaln

    large = np.maximum(a, 16.0)
    inverse = 1 / (large * large)
    series = (
        1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))
    ) / large
    direct = np.minimum(a, 16.0)
    exact = gammaln(direct + 1) - (direct + 0.5) * np.log(direct) + direct - LOG_TWO_PI / 2
    return np.where(a >= 16.0, series, exact)


def deviance(a: Array, z: Array) -> Array:
    """Compute `a log(a/z) + z - a >= 0`, accurately also where `z` is close to `a`."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # z = 0 or infinite: inf
        logs = np.log(z / a)
        result = np.atleast_1d(a * (np.expm1(logs) - logs))
    if np.max(a, initial=0.0) > _DIFFERENCE_LIMIT:
        excess = np.atleast_1d((z - a) / a)
        close = np.abs(excess) < 0.5
        result[close] = -np.broadcast_to(a, close.shape)[close] * log1p_minus(excess[close])
    return np.asarray(result.reshape(np.broadcast_shapes(np.shape(a), np.shape(z))))


def gamma_log_density(a: Array, z: Array) -> Array:
    """Give the log density of `log Z` at `log z` for `Z ~ Gamma(a, 1)`."""
    return np.log(a) / 2 - LOG_TWO_PI / 2 - stirling_error(a) - deviance(a, z)


def beta_log_density(a: Array, b: Array, x: Array, q: Array) -> Array:
    """Give the log density of `logit X` at `logit x` for `X ~ Beta(a, b)`, with `q = 1 - x`."""
    n = a + b
    level = stirling_error(n) - stirling_error(a) - stirling_error(b)
    scale = (np.log(a) + np.log(b) - np.log(n) - LOG_TWO_PI) / 2
    return level + scale - deviance(a, n * x) - deviance(b, n * q)


def gamma_drop(a: Array, drop: Array) -> tuple[Array, Array]:
    """Solve `a (1 + s - exp(s)) = -drop` for both roots `s`, the log distance from the top.

    Newton's method on a concave function from outside: monotone, so an early stop is conservative.
    """
    ratio = drop / a
    guess = -1.3 * np.sqrt(2 * ratio)
    outside = guess - np.expm1(guess) <= -ratio
    low = np.where(outside, guess, -1 - ratio)
    high = np.minimum(np.sqrt(2 * ratio), 2 + np.log1p(ratio))

    def step(s: Array) -> Array:
        grown = np.expm1(s)
        return (s - grown + ratio) / grown

    return _newton(step, low), _newton(step, high)


def beta_drop(a: Array, b: Array, drop: Array) -> tuple[Array, Array]:
    """Solve `a log(x/m) + b log(q/(1-m)) = -drop`, `m = a/(a+b)`, for both roots.

    Roots are distances in logit from `logit m = log(a/b)`.
    """
    low = _beta_low(a, b, drop)
    high = -_beta_low(b, a, drop)
    return low, high


def _beta_low(a: Array, b: Array, drop: Array) -> Array:
    n = a + b
    m, rest = a / n, b / n
    log_m, log_rest = np.log(m), np.log(rest)

    def level(s: Array) -> tuple[Array, Array]:
        close, is_near = np.maximum(s, -1.0), s > -1
        # log(m e^s + rest), and the same less s: from the smaller of a and b, or digits cancel
        grown = np.where(is_near, np.log1p(m * np.expm1(close)), np.logaddexp(log_rest, log_m + s))
        shrunk = np.where(
            is_near, np.log1p(rest * np.expm1(-close)), np.logaddexp(log_m, log_rest - s)
        )
        value = np.where(a <= b, a * s - n * grown, -b * s - n * shrunk)
        return value, -a * np.expm1(-shrunk)

    def step(s: Array) -> Array:
        value, slope = level(s)
        return -(value + drop) / slope

    guess = -1.3 * np.sqrt(2 * drop / (m * b))
    outside = level(guess)[0] <= -drop
    return _newton(step, np.where(outside, guess, (n * log_rest - drop) / a))


def _newton(step: Callable[[Array], Array], start: Array) -> Array:
    s = start
    for _ in range(40):  # quadratic from the first step on; 40 is far beyond any case seen
        change = step(s)
        s = s + change
        if np.all(np.abs(change) <= 1e-13 * np.abs(s)):
            break
    return s


@cache
def rule(panels: int, nodes_each: int = _NODES) -> tuple[Array, Array]:
    """Give nodes and weights of a composite Gauss-Legendre rule on [0, 1]."""
    from scipy.special import roots_legendre

    nodes, weights = roots_legendre(nodes_each)
    starts = np.arange(panels)[:, None]
    return (
        ((starts + (nodes + 1) / 2) / panels).ravel(),
        np.tile(weights / (2 * panels), panels),
    )


def probit(lower: Array, upper: Array) -> Array:
    """Give the normal score of a probability known by both its tails, within +-38."""
    from scipy.special import ndtri

    with np.errstate(divide="ignore"):  # a tail of exactly 0 scores infinity and is clipped
        score = np.where(lower < upper, ndtri(lower), -ndtri(upper))
    return np.clip(score, -_PROBIT_LIMIT, _PROBIT_LIMIT)


def find_roots(
    function: Callable[[Array], Array], low: Array, high: Array, *, close: float = 0.0
) -> Array:
    """Find a root of each increasing function in its bracket, all together.

    Chandrupatla's method: inverse quadratic where it is safe, else bisection. A function within
    `close` of 0 is at its root; the bracket is never taken below 4e-15 of its place.
    """
    a, b = high.astype(float), low.astype(float)
    fa, fb = function(a), function(b)
    c, fc = a, fa
    t = np.full(a.shape, 0.5)
    best = b
    for _ in range(200):
        x = a + t * (b - a)
        fx = function(x)
        same = np.sign(fx) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        best = np.where(np.abs(fa) < np.abs(fb), a, b)
        width = np.abs(b - a)
        tolerance = 4e-15 * np.abs(best) / np.where(width > 0, width, 1.0)
        near = np.minimum(np.abs(fa), np.abs(fb)) <= close
        done = (tolerance > 0.5) | (width == 0) | near
        if done.all():
            break
        t = np.clip(_chandrupatla(a, b, c, fa, fb, fc), tolerance, 1 - tolerance)
        t = np.where(done, 0.0, t)
    return best


def _chandrupatla(a: Array, b: Array, c: Array, fa: Array, fb: Array, fc: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # the unused branch
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        quadratic = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        t = fa / (fb - fa) * fc / (fb - fc)
        t = t + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return np.where(quadratic & np.isfinite(t), t, 0.5)
