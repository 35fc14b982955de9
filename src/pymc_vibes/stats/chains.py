"""Convergence of chains, for thousands of parameters at once.

The formulas are those of Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021),
"Rank-normalization, folding, and localization: an improved R-hat", in the form of `arviz_stats`,
which looks at one parameter at a time: a model of 2 000 entities would wait longer for its
diagnostics than for its draws. Arrays come in the shape `(chains, draws, parameters)`.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

_CHUNK = 400_000  # values worked on at once: 3 MB a copy, which caches still help with
_THREADS = 4  # sorting and transforming leave the interpreter free
_TAILS = (0.05, 0.95)
_FLAT = 1e-15  # a range below this is a constant, as in arviz_stats


def measure(values: "Array") -> "tuple[Array, Array, Array]":
    """Give rank-normalized split R-hat, bulk ESS and tail ESS of each parameter.

    What is not finite, or does not move at all, gives NaN or infinity.
    """
    parts = _by_chunks(_measure, values)
    if not parts:
        return np.empty(0), np.empty(0), np.empty(0)
    r_hat, bulk, tail = (np.concatenate(column) for column in zip(*parts, strict=True))
    return r_hat, bulk, tail


def mcse_mean(values: "Array") -> "Array":
    """Give the Monte Carlo standard error of each parameter's mean; NaN of what is not finite."""
    finite = np.isfinite(values).all(axis=(0, 1))
    known = np.where(finite, values, 0.0)
    sizes = _by_chunks(lambda part: _effective(_split(part)), known)
    spread = known.reshape(-1, values.shape[2]).std(axis=0, ddof=1) + np.where(finite, 0.0, np.nan)
    with np.errstate(invalid="ignore"):
        return np.asarray(spread / np.sqrt(np.concatenate([np.empty(0), *sizes])))


def bfmi(energy: "Array") -> "Array":
    """Give the energy Bayesian fraction of missing information of each chain."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.square(np.diff(energy, axis=1)).mean(axis=1) / energy.var(axis=1, ddof=1)
    return np.asarray(ratio)


def _by_chunks[T](work: "Callable[[Array], T]", values: "Array") -> list[T]:
    """Apply `work` to parts of the shape `(parameters, chains, draws)`."""
    chains, draws, count = values.shape
    size = max(1, min(_CHUNK // (chains * draws), -(-count // _THREADS)))
    parts = [values[:, :, i : i + size] for i in range(0, count, size)]

    def turned(part: "Array") -> T:
        return work(np.ascontiguousarray(np.moveaxis(part, 2, 0), dtype=float))

    if values.size < _CHUNK:
        return [turned(part) for part in parts]
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(turned, parts))


def _measure(values: "Array") -> "tuple[Array, Array, Array]":
    finite = np.isfinite(values).all(axis=(1, 2))
    values[~finite] = 0.0  # any number: what is not finite gets none
    ranked, folded = _normal_scores(_split(values))
    r_hat = np.maximum(_r_hat(ranked), _r_hat(folded))
    low, high = np.quantile(values, _TAILS, axis=(1, 2), keepdims=True)
    tail = np.minimum(
        _effective(_split((values <= low).astype(float))),
        _effective(_split((values <= high).astype(float))),
    )
    gone = np.where(finite, 0.0, np.nan)
    return r_hat + gone, _effective(ranked) + gone, tail + gone


def _split(values: "Array") -> "Array":
    """Cut each chain into two, so that a drift within a chain shows as two that disagree."""
    half = values.shape[2] // 2
    return np.concatenate([values[:, :, :half], values[:, :, -half:]], axis=1)


def _normal_scores(values: "Array") -> "tuple[Array, Array]":
    """Replace draws, and their distances from the median, by the normal quantiles of their ranks.

    One sort serves both: distances from the median rise to both sides of it.
    """
    flat = values.reshape(len(values), -1)
    middle = flat.shape[1] // 2
    order = np.argsort(flat, axis=1)
    ordered = np.take_along_axis(flat, order, axis=1)
    median = (ordered[:, [middle]] + ordered[:, [-1 - middle]]) / 2
    runs = np.concatenate(
        [ordered[:, middle:] - median, (median - ordered[:, :middle])[:, ::-1]], axis=1
    )
    merged = np.argsort(runs, axis=1, kind="stable")  # two ascending runs are merged, not sorted
    outward = np.concatenate([order[:, middle:], order[:, :middle][:, ::-1]], axis=1)
    far = np.take_along_axis(runs, merged, axis=1)
    folded = _scores(far, np.take_along_axis(outward, merged, axis=1))
    return _scores(ordered, order).reshape(values.shape), folded.reshape(values.shape)


def _scores(ordered: "Array", order: "NDArray[np.intp]") -> "Array":
    """Give the scores of sorted values at the places that they came from; ties share a rank."""
    from scipy.special import ndtri

    size = ordered.shape[1]
    sorted_scores = np.tile(ndtri((np.arange(size) + 0.625) / (size + 0.25)), (len(ordered), 1))
    same = ordered[:, 1:] == ordered[:, :-1]
    if same.any():
        edge = np.zeros((len(ordered), 1), dtype=bool)
        before, after = np.hstack([edge, same]), np.hstack([same, edge])
        first, last = (np.nonzero(before != after)[1][k::2] for k in (0, 1))
        shared = ndtri(((first + last) / 2 + 0.625) / (size + 0.25))
        sorted_scores[before | after] = np.repeat(shared, last - first + 1)
    scores = np.empty_like(ordered)
    np.put_along_axis(scores, order, sorted_scores, axis=1)
    return scores


def _r_hat(values: "Array") -> "Array":
    draws = values.shape[2]
    between = draws * values.mean(axis=2).var(axis=1, ddof=1)
    within = values.var(axis=2, ddof=1).mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt((between / within + draws - 1) / draws))


def _effective(values: "Array") -> "Array":
    """Give the effective sample size of each parameter's mean, by Geyer's monotone sequence."""
    _, chains, draws = values.shape
    covariance = _mean_autocovariance(values)
    within = covariance[:, :1] * draws / (draws - 1.0)
    between = values.mean(axis=2).var(axis=1, ddof=1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = 1.0 - (within - covariance) / (within * (draws - 1.0) / draws + between)
        rho[:, 0] = 1.0
        tau = np.maximum(_correlation_time(rho), 1 / np.log10(chains * draws))
        size = chains * draws / tau
    flat = np.ptp(values, axis=(1, 2)) < _FLAT
    return np.asarray(np.where(flat, float(chains * draws), size))


def _mean_autocovariance(values: "Array") -> "Array":
    from scipy.fft import irfft, next_fast_len, rfft

    draws = values.shape[2]
    length = next_fast_len(2 * draws, real=True)
    spectrum = rfft(values - values.mean(axis=2, keepdims=True), n=length)
    # the mean of all chains before the way back, which is linear
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    return np.asarray(irfft(power, n=length)[:, :draws] / draws)


def _correlation_time(rho: "Array") -> "Array":
    """Sum autocorrelations in pairs, while they are positive and never above the one before."""
    count, draws = rho.shape
    pairs = max(1, (draws - 1) // 2)
    sums = rho[:, : 2 * pairs].reshape(count, pairs, 2).sum(axis=2)
    ended = sums <= 0
    last = np.where(ended.any(axis=1), ended.argmax(axis=1), pairs - 1)
    kept = np.arange(pairs) < last[:, None]
    falling = np.minimum.accumulate(sums, axis=1)
    row = np.arange(count)
    even, tip = rho[row, 2 * last], sums[row, last]
    rest = np.where((even > 0) | (tip >= 0), even, 0.0)
    return np.asarray(-1.0 + 2.0 * np.where(kept, falling, 0.0).sum(axis=1) + rest)
