"""Hierarchies by quadrature against samplers, on the same data and with the same priors.

Peers run in fresh processes with the caches that a first run left behind; one row has empty caches.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.report import Row, median_seconds, seconds
from benchmarks.worlds import cohorts, entities
from pymc_vibes.stats.entity_hierarchy import EntityPrior, entity_rates
from pymc_vibes.stats.hierarchy import LogNormalPrior, RateHierarchy, gamma_poisson

QUANTILES = (0.025, 0.5, 0.975)
AIMS = {1000: "<= 100 ms; >= 100x warm, >= 300x cold", 1_000_000: "<= 0.5 s / 3 s"}
ENTITY_AIMS = {500: "<= 0.5 s", 10_000: "<= 3 s", 100_000: "<= 1.5 s"}


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure hyperposterior, and mean, sd and three quantiles of every rate."""
    sizes = (100,) if quick else (100, 1000, 10_000)
    rows = [row for size in sizes for row in _rates(size, cold=not quick and size <= 1000)]
    if not quick:
        rows += [_million(whole_days=whole) for whole in (True, False)]
    rows += [_entities(50, 30, sampled=True)]
    if not quick:
        rows += [_entities(500, 30, sampled=True), _entities(500, 3000), _entities(10_000, 30)]
        rows += [_ragged(10_000), _entities(100_000, 30)]
    return "Hierarchies", rows


def _fit(size: int, *, whole_days: bool = False) -> RateHierarchy:
    world = cohorts(size, whole_days=whole_days)
    return gamma_poisson(
        world.k,
        world.exposure,
        shape=LogNormalPrior(2.0, 1.0),
        mean=LogNormalPrior(world.scale, 5.0),
    )


def _read(rates: Any) -> None:
    rates.mean(), rates.sd()
    for q in QUANTILES:
        rates.quantile(q)


def _rates(size: int, *, cold: bool) -> list[Row]:
    ours = median_seconds(lambda: _read(_fit(size).rates), repeats=5)
    means = _fit(size).rates.mean()
    rows = []
    ways = (("nutpie", "nutpie"), ("pymc", "pm.sample"))
    for way, name in ways if size <= 1000 else ways[:1]:  # it is slow, and nutpie inside both
        peer = peers.fit(way, peers.RATES, size)
        rows.append(_against(f"rates of {size:,} cohorts", ours, means, name, peer, size))
    if cold:
        peer = peers.fit("pymc", peers.RATES, size, cold=True)
        first = peer.start + peer.first
        rows.append(
            Row(
                work=f"rates of {size:,} cohorts",
                ours=seconds(ours),
                peer=f"pm.sample, new process, empty caches: {seconds(first)}",
                ratio=f"{first / ours:,.0f}x faster",
                target=AIMS.get(size, ""),
            )
        )
    return rows


def _against(
    work: str, ours: float, means: np.ndarray, name: str, peer: peers.Fitted, size: int
) -> Row:
    worst = peer.furthest(means)
    apart = float(np.max(np.abs(means - peer.mean) / peer.sd))
    return Row(
        work=f"{work}; furthest {worst:.1f} MCSE or {apart:.3f} sd from {name}",
        ours=seconds(ours),
        peer=(
            f"{name}: first fit {seconds(peer.first)}, next {seconds(peer.again)}, "
            f"{peer.ess / peer.again:,.0f} ESS/s"
        ),
        ratio=f"{peer.again / ours:,.0f}x (next), {peer.first / ours:,.0f}x (first)",
        target=AIMS.get(size, ""),
    )


def _million(*, whole_days: bool) -> Row:
    exposures = "whole days of exposure" if whole_days else "continuous exposure"
    ours = median_seconds(lambda: _read(_fit(1_000_000, whole_days=whole_days).rates), repeats=3)
    return Row(
        work=f"rates of 1,000,000 cohorts, {exposures}",
        ours=seconds(ours),
        target="<= 0.5 s" if whole_days else "<= 3 s",
    )


def _entities(size: int, windows: int, *, sampled: bool = False) -> Row:
    world = entities(size, windows)
    values, counts = world.histogram
    fit = _fitting(world.sums, world.windows, values, counts)
    ours = median_seconds(lambda: _read(fit().rates), repeats=3)
    work, target = f"{size:,} entities x {windows:,} windows", ENTITY_AIMS.get(size, "")
    if not sampled:
        return Row(work=work, ours=seconds(ours), target=target)
    peer = peers.fit("nutpie", peers.ENTITIES, size, windows)
    row = _against(work, ours, fit().rates.mean(), "nutpie, row by row", peer, 0)
    return Row(work=row.work, ours=row.ours, peer=row.peer, ratio=row.ratio, target=target)


def _ragged(size: int) -> Row:
    world = entities(size, 59)
    windows = np.random.default_rng(3).integers(1, 60, size)
    seen = np.arange(59) < windows[:, None]
    values, counts = np.unique(world.y[seen], return_counts=True)
    fit = _fitting((world.y * seen).sum(axis=1), windows, values, counts)
    ours = median_seconds(lambda: _read(fit().rates), repeats=3)
    return Row(work=f"{size:,} entities, 1 to 59 windows each", ours=seconds(ours), target="<= 3 s")


def _fitting(
    sums: np.ndarray, windows: np.ndarray, values: np.ndarray, counts: np.ndarray
) -> Callable[[], Any]:
    prior = EntityPrior.reference()
    return lambda: entity_rates(sums, windows, values, counts, prior)
