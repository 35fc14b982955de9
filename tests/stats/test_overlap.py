"""Quadrature of two overlapping posteriors on growing panels, against a far finer uniform mesh."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from pymc_vibes.stats import overlap, special
from pymc_vibes.stats.overlap import BetaSide, GammaSide
from pymc_vibes.stats.panels import Bend, place_nodes
from pymc_vibes.stats.special import Array

SHAPES = (0.05, 0.3, 1.0, 2.5, 7.0, 30.0)
APART = np.array([0.0, 1e-12, 1e-6, 1e-3, 0.03, 0.3, 0.6, 0.9])[:, None]


def uniform(start: Array, stop: Array, _bends: list[Bend]) -> tuple[Array, Array]:
    real = np.isfinite(start) & np.isfinite(stop) & (stop > start)
    start = np.where(real, start, 0.0)
    length = np.where(real, stop, 0.0) - start
    fractions, weights = special.rule(int(max(4, np.ceil(length.max() / 1.5))))
    return start + length * fractions, length * weights


def fine(start: Array, stop: Array, _bends: list[Bend]) -> tuple[Array, Array]:
    real = np.isfinite(start) & np.isfinite(stop) & (stop > start)
    start, stop = np.where(real, start, 0.0), np.where(real, stop, 0.0)
    fractions, weights = special.rule(2_000)
    return start + (stop - start) * fractions, (stop - start) * weights


def full(value: float) -> Array:
    return np.full((1, 1, 1), value)


def gammas() -> list[tuple[GammaSide, GammaSide]]:
    sides = product(SHAPES, SHAPES, (1.0, 30.0))
    return [(GammaSide(full(a), full(1.0)), GammaSide(full(b), full(r))) for a, b, r in sides]


def betas() -> list[tuple[BetaSide, BetaSide]]:
    sides = product(SHAPES, SHAPES, ((0.3, 0.3), (2.0, 30.0), (0.1, 40.0)))
    return [(BetaSide(full(a), full(c)), BetaSide(full(b), full(d))) for a, b, (c, d) in sides]


def rates_apart() -> Array:
    pairs = [(x, y, APART * (x.sd() + y.sd())[0] * 4) for x, y in gammas()]
    return np.array([overlap.exceeds(x, y, by, np.inf) for x, y, by in pairs])


def rate_densities() -> Array:
    pairs = [(x, y, (x.sd() + y.sd())[0]) for x, y in gammas()]
    return np.array(
        [s * overlap.difference_density(x, y, APART[2:] * s * 4, np.inf) for x, y, s in pairs]
    )


def chances_apart() -> Array:
    return np.array([overlap.exceeds(x, y, APART, 1.0) for x, y in betas()])


def chances_in_proportion() -> Array:
    return np.array([overlap.falls_short(x, y, 1 - APART) for x, y in betas()])


def chance_densities() -> Array:
    return np.array([overlap.difference_density(x, y, APART[3:], 1.0) for x, y in betas()])


@pytest.mark.parametrize(
    "work",
    [rates_apart, rate_densities, chances_apart, chances_in_proportion, chance_densities],
    ids=lambda work: work.__name__,
)
def test_growing_panels_lose_nothing(work: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(work)
    found = work()

    monkeypatch.setattr(overlap, "place_nodes", uniform)

    assert found == pytest.approx(work(), abs=1e-11, rel=1e-9)


NARROW = (1e3, 1e6)


def narrow_and_wide_rates() -> Array:
    """Shift so far that what is left of the narrow one begins at 0."""
    sides = [(a, b, r) for a in NARROW for b in (0.3, 2.0, a) for r in (0.5, 3.0)]
    found = []
    for a, b, r in sides:
        narrow, wide = GammaSide(full(a), full(a)), GammaSide(full(b), full(b * r))
        by = np.array([0.0, 0.9, 0.97, 1.0, 1.02, 1.1])[:, None]
        found += [overlap.exceeds(narrow, wide, by, np.inf)]
        found += [overlap.difference_density(narrow, wide, by[1:], np.inf) * narrow.sd()[0]]
    return np.concatenate(found, axis=-1)


def narrow_and_wide_chances() -> Array:
    sides = [(a, b) for a in NARROW for b in (0.3, 2.0, a)]
    pairs = [
        (BetaSide(full(0.3 * a), full(0.7 * a)), BetaSide(full(b / 4), full(3 * b / 4)))
        for a, b in sides
    ]
    by = np.array([0.0, 0.25, 0.29, 0.3, 0.31, 0.35])[:, None]
    return np.array([overlap.exceeds(narrow, wide, by, 1.0) for narrow, wide in pairs])


@pytest.mark.parametrize("work", [narrow_and_wide_rates, narrow_and_wide_chances])
def test_a_narrow_posterior_beside_a_wide_one_loses_nothing(
    work: Callable[[], Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = work()

    monkeypatch.setattr(overlap, "place_nodes", fine)

    assert found == pytest.approx(work(), abs=1e-11)


def test_a_tiny_shape_needs_few_panels() -> None:
    start, stop, bend = (np.array([[x]]) for x in (-640.0, 5.0, 0.0))

    places, weights = place_nodes(start, stop, [(bend, special.PANEL)])

    assert places.shape[-1] < 32 * 12
    assert weights.sum() == pytest.approx(645.0)


@pytest.mark.parametrize("start", [1.0, -3.0, 1e-300, 0.0])
def test_between_neighboring_numbers_panels_end(start: float) -> None:
    stop = np.nextafter(start, np.inf)

    _, weights = place_nodes(np.array([[start]]), np.array([[stop]]), [(np.array([[0.0]]), 3.5)])

    assert weights.sum() <= stop - start
