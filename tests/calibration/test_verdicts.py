"""Verdicts on chains: thresholds to the last digit, and no parameter among thousands is overlooked.

The specification: R-hat below 1.01 is good, to 1.05 a warning; effective sample sizes above 400 are
good, 100 to 400 a warning; no divergence is good, 1 to 10 a warning; E-BFMI of 0.3 is good, 0.2 to
0.3 a warning; beyond is a problem.
"""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from pymc_vibes.core.answer import Verdict
from pymc_vibes.stats.chains import bfmi
from pymc_vibes.stats.diagnose import diagnose

ENTITIES = 3_000
ORDER: tuple[Verdict, ...] = ("good", "warning", "problem")


def above(value: float) -> float:
    return float(np.nextafter(value, np.inf))


def below(value: float) -> float:
    return float(np.nextafter(value, -np.inf))


R_HATS: list[tuple[float, Verdict]] = [
    (0.999, "good"), (below(1.01), "good"), (1.01, "warning"), (1.05, "warning"),
    (above(1.05), "problem"), (np.nan, "problem"), (np.inf, "problem"),
]  # fmt: skip
SIZES: list[tuple[float, Verdict]] = [
    (5000.0, "good"), (above(400.0), "good"), (400.0, "warning"), (100.0, "warning"),
    (below(100.0), "problem"), (0.0, "problem"), (np.nan, "problem"),
]  # fmt: skip
DIVERGENCES: list[tuple[int, Verdict]] = [
    (0, "good"), (1, "warning"), (10, "warning"), (11, "problem"), (400, "problem"),
]  # fmt: skip


def chains(
    theta: np.ndarray, *, diverging: int = 0, energy: np.ndarray | None = None
) -> xr.DataTree:
    shape = theta.shape[:2]
    rng = np.random.default_rng(2)
    flags = np.zeros(shape, dtype=bool)
    flags.ravel()[:diverging] = True
    stats = {
        "diverging": flags,
        "energy": rng.normal(size=shape) if energy is None else energy,
        "reached_max_treedepth": np.zeros(shape, dtype=bool),
    }
    names = [f"user {i}" for i in range(theta.shape[2])]
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {"theta": (("chain", "draw", "entity"), theta)}, coords={"entity": names}
            ),
            "sample_stats": xr.Dataset(
                {name: (("chain", "draw"), array) for name, array in stats.items()}
            ),
        }
    )


@given(
    r_hat=st.sampled_from(R_HATS),
    bulk=st.sampled_from(SIZES),
    tail=st.sampled_from(SIZES),
    diverging=st.sampled_from(DIVERGENCES),
    where=st.integers(0, ENTITIES - 1),
)
def test_the_verdict_is_the_worst_of_all_and_borders_are_where_they_are_said_to_be(
    r_hat: tuple[float, Verdict],
    bulk: tuple[float, Verdict],
    tail: tuple[float, Verdict],
    diverging: tuple[int, Verdict],
    where: int,
) -> None:
    measures = [np.full(ENTITIES, good) for good in (1.0, 4000.0, 4000.0)]
    for array, (value, _) in zip(measures, (r_hat, bulk, tail), strict=True):
        array[where] = value
    tree = chains(np.zeros((2, 200, ENTITIES)), diverging=diverging[0])

    found = diagnose(tree, measures={"theta": tuple(measures)})

    verdicts = [verdict for _, verdict in (r_hat, bulk, tail, diverging)]
    assert found.verdict == max(verdicts, key=ORDER.index)
    assert len(found.reasons) == sum(verdict != "good" for verdict in verdicts)
    if set(verdicts[:3]) != {"good"}:
        assert found.worst[0] == f"theta[user {where}]"


@pytest.mark.parametrize(
    ("least", "verdict"),
    [(0.31, "good"), (0.299, "warning"), (0.201, "warning"), (0.199, "problem")],
)
def test_energy_is_judged_by_its_least_chain(least: float, verdict: Verdict) -> None:
    rng = np.random.default_rng(3)
    energy = rng.normal(size=(4, 1000))
    # E-BFMI grows with the share of white noise in a walk: take the share that gives the wanted one
    walk = np.cumsum(rng.normal(size=1000)) * 0.2
    mixed = walk + np.linspace(0, 2, 4_001)[:, None] * energy[2]
    energy[2] = mixed[np.argmin(np.abs(bfmi(mixed) - least))]

    found = diagnose(chains(rng.normal(size=(4, 1000, 2)), energy=energy))

    assert bfmi(energy)[2] == pytest.approx(least, abs=5e-4)
    assert found.verdict == verdict
    assert found.divergences == 0


def test_one_stuck_chain_of_one_entity_among_thousands_is_a_problem() -> None:
    theta = np.random.default_rng(4).normal(size=(4, 500, ENTITIES))
    theta[3, :, 2_345] = 0.3

    found = diagnose(chains(theta))

    assert found.verdict == "problem"
    assert found.worst[0] == "theta[user 2345]"


@pytest.mark.parametrize("away", [0.0, 4.0])
def test_two_chains_are_judged_too(away: float) -> None:
    theta = np.random.default_rng(5).normal(size=(2, 1000, 5))
    theta[1, :, 2] += away

    found = diagnose(chains(theta))

    assert found.verdict == ("problem" if away else "good")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_draw_that_is_no_number_is_a_problem(value: float) -> None:
    theta = np.random.default_rng(6).normal(size=(4, 500, 50))
    theta[1, 7, 31] = value

    found = diagnose(chains(theta))

    assert (found.verdict, found.r_hat_max) == ("problem", None)
    assert found.worst[0] == "theta[user 31]"


def test_a_parameter_that_never_moves_is_a_problem() -> None:
    theta = np.random.default_rng(7).normal(size=(4, 500, 50))
    theta[..., 13] = 2.5

    found = diagnose(chains(theta))

    assert found.verdict == "problem"
    assert found.worst[0] == "theta[user 13]"
