"""Exact comparisons against Monte Carlo, the way they are usually computed."""

import numpy as np
from scipy import integrate, stats

from benchmarks.report import Row, alternate, median_seconds, seconds
from pymc_vibes.stats.best import best_of
from pymc_vibes.stats.compare import gamma_greater, gamma_loss
from pymc_vibes.stats.exact import Beta

MONTE_CARLO_DRAWS = 100_000


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure pairs per second and their error."""
    pairs = 10_000 if quick else 1_000_000
    repeats = 2 if quick else 5
    rng = np.random.default_rng(1)
    a1, a2 = rng.gamma(2, 50, (2, pairs)) + 0.5
    b1, b2 = rng.gamma(2, 10, (2, pairs)) + 0.1

    def monte_carlo() -> float:
        first = rng.gamma(a1[0], 1 / b1[0], MONTE_CARLO_DRAWS)
        return float(np.mean(first > rng.gamma(a2[0], 1 / b2[0], MONTE_CARLO_DRAWS)))

    ours, one_pair = alternate(lambda: gamma_greater(a1, b1, a2, b2), monte_carlo, repeats=repeats)
    peer = one_pair * pairs
    loss = median_seconds(lambda: gamma_loss(a1, b1, a2, b2), repeats=repeats)
    arms = Beta(rng.gamma(9, 100, 100), rng.gamma(9, 100, 100))
    best = median_seconds(lambda: best_of(arms), repeats=repeats)
    error = _worst_error(a1, b1, a2, b2, checks=20 if quick else 200)
    return (
        "Exact comparisons",
        [
            Row(
                work=f"P(A>B), Gamma, {pairs:,} pairs (worst error {error:.0e})",
                ours=seconds(ours),
                peer=f"Monte Carlo, {MONTE_CARLO_DRAWS:,} draws each: {seconds(peer)}",
                ratio=f"{peer / ours:,.0f}x faster",
                target="<= 0.3 s per 10^6, error <= 1e-12",
            ),
            Row(
                work=f"expected loss, {pairs:,} pairs",
                ours=seconds(loss),
                target="<= 0.6 s per 10^6",
            ),
            Row(work="P(best) and losses, 100 arms", ours=seconds(best), target="<= 10 ms"),
        ],
    )


def _worst_error(
    a1: np.ndarray, b1: np.ndarray, a2: np.ndarray, b2: np.ndarray, *, checks: int
) -> float:
    """Give the largest difference from adaptive quadrature of the same probability."""
    exact = gamma_greater(a1[:checks], b1[:checks], a2[:checks], b2[:checks])
    return max(
        abs(float(exact[index]) - _by_quadrature(a1[index], b1[index], a2[index], b2[index]))
        for index in range(checks)
    )


def _by_quadrature(a1: float, b1: float, a2: float, b2: float) -> float:
    first, second = stats.gamma(a1, scale=1 / b1), stats.gamma(a2, scale=1 / b2)
    low, high = (float(end) for end in first.ppf([1e-15, 1 - 1e-15]))

    def integrand(x: float) -> float:
        return float(first.pdf(x) * second.cdf(x))

    middle = float(first.mean())
    parts = [
        integrate.quad(integrand, *ends, epsabs=1e-14, epsrel=1e-13, limit=500)[0]
        for ends in ((low, middle), (middle, high))
    ]
    return float(sum(parts))
