"""The verdict looks at every parameter, names the worst, and never trusts one metric alone."""

import json

import numpy as np
import pytest
import xarray as xr

from pymc_vibes.stats.diagnose import Fault, diagnose, faults

SHAPE = (4, 1000)


def tree(**changes: np.ndarray) -> xr.DataTree:
    """Give chains that are perfect, but for what is changed."""
    rng = np.random.default_rng(5)
    posterior = {
        "mu": ("chain", "draw"),
        "theta": ("chain", "draw", "entity"),
    }
    values = {"mu": rng.standard_normal(SHAPE), "theta": rng.standard_normal((*SHAPE, 30))}
    stats = {
        "diverging": np.zeros(SHAPE, dtype=bool),
        "energy": rng.standard_normal(SHAPE),
        "reached_max_treedepth": np.zeros(SHAPE, dtype=bool),
    }
    chains = xr.Dataset(
        {name: (dims, changes.get(name, values[name])) for name, dims in posterior.items()},
        coords={"entity": [f"user {i}" for i in range(30)]},
    )
    sampler = xr.Dataset(
        {name: (("chain", "draw"), changes.get(name, array)) for name, array in stats.items()}
    )
    return xr.DataTree.from_dict({"posterior": chains, "sample_stats": sampler})


def theta_shifted(by: float) -> np.ndarray:
    """Give thetas of which one stands elsewhere in one chain."""
    values = np.random.default_rng(6).standard_normal((*SHAPE, 30))
    values[0, :, 17] += by
    return values


def slow_walk(correlation: float) -> np.ndarray:
    noise = np.random.default_rng(7).standard_normal(SHAPE)
    values = noise.copy()
    for t in range(1, SHAPE[1]):
        values[:, t] = correlation * values[:, t - 1] + noise[:, t]
    return values


def flags(count: int) -> np.ndarray:
    flat = np.zeros(SHAPE[0] * SHAPE[1], dtype=bool)
    flat[:count] = True
    return flat.reshape(SHAPE)


def test_perfect_chains_are_good_without_a_reason() -> None:
    found = diagnose(tree(), why="it was asked for")

    assert (found.verdict, found.reasons, found.why) == ("good", (), "it was asked for")
    assert faults(found) == frozenset()
    assert found.converged


@pytest.mark.parametrize(("by", "verdict"), [(0.35, "warning"), (3.0, "problem")])
def test_one_entity_of_thirty_is_enough_for_a_verdict(by: float, verdict: str) -> None:
    found = diagnose(tree(theta=theta_shifted(by)))

    assert found.verdict == verdict
    assert found.worst[0] == "theta[user 17]"
    assert any("R-hat" in reason and "theta[user 17]" in reason for reason in found.reasons)
    assert Fault.R_HAT in faults(found)


@pytest.mark.parametrize(("correlation", "verdict"), [(0.9, "warning"), (0.985, "problem")])
def test_few_effective_draws_ask_for_more(correlation: float, verdict: str) -> None:
    found = diagnose(tree(mu=slow_walk(correlation)))

    assert found.verdict == verdict
    assert any("Take more draws" in reason for reason in found.reasons)
    assert Fault.ESS in faults(found)


@pytest.mark.parametrize(("count", "verdict"), [(1, "warning"), (10, "warning"), (11, "problem")])
def test_divergences_are_counted(count: int, verdict: str) -> None:
    found = diagnose(tree(diverging=flags(count)))

    assert (found.verdict, found.divergences) == (verdict, count)
    assert faults(found) == {Fault.DIVERGENCES}


@pytest.mark.parametrize(("correlation", "verdict"), [(0.865, "warning"), (0.97, "problem")])
def test_slow_energy_is_an_alarm_without_any_divergence(correlation: float, verdict: str) -> None:
    found = diagnose(tree(energy=slow_walk(correlation)))

    assert (found.verdict, found.divergences) == (verdict, 0)
    assert "E-BFMI" in found.reasons[0]
    assert faults(found) == {Fault.BFMI}


@pytest.mark.parametrize(("count", "verdict"), [(200, "warning"), (201, "problem")])
def test_full_trees_are_counted(count: int, verdict: str) -> None:
    found = diagnose(tree(reached_max_treedepth=flags(count)))

    assert (found.verdict, found.tree_depth_share) == (verdict, count / 4000)
    assert faults(found) == {Fault.DEPTH}


def test_the_absence_of_divergences_is_not_convergence() -> None:
    found = diagnose(tree(theta=theta_shifted(5.0)))

    assert found.divergences == 0
    assert not found.converged


@pytest.mark.parametrize("value", [1.0, np.nan, np.inf])
def test_chains_that_stand_still_or_are_no_numbers_are_a_problem(value: float) -> None:
    found = diagnose(tree(mu=np.full(SHAPE, value)))

    assert found.verdict == "problem"
    assert found.r_hat_max is None
    assert found.worst[0] == "mu"
    assert Fault.R_HAT in faults(found)


def test_a_constant_that_is_derived_is_meant_to_be_one() -> None:
    chains = tree(mu=np.full(SHAPE, 1.0))
    posterior = chains["posterior"].to_dataset().assign_attrs(derived=json.dumps(["mu"]))
    stats = chains["sample_stats"].to_dataset()

    found = diagnose(xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats}))

    assert found.verdict == "good"


def test_the_gravest_reason_comes_first() -> None:
    found = diagnose(tree(diverging=flags(1), energy=slow_walk(0.97)))

    assert [reason.split()[0] for reason in found.reasons] == ["E-BFMI", "1"]
    assert found.verdict == "problem"


def test_diagnostics_survive_json() -> None:
    found = diagnose(tree(mu=np.full(SHAPE, np.nan)))

    assert type(found).model_validate_json(found.model_dump_json()) == found
