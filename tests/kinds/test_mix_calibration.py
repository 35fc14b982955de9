"""Experiments in worlds whose demand nobody records: what is true, and what a fit makes of it."""

from dataclasses import replace

import numpy as np
import pytest

from pymc_vibes.core.answer import Summary
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.marketing_mix import kind
from pymc_vibes.kinds.marketing_mix.calibration import (
    expected_of,
    moved_of,
    shift_of,
)
from pymc_vibes.kinds.marketing_mix.effects import true_effects
from pymc_vibes.kinds.marketing_mix.evidence import evidence_of
from pymc_vibes.kinds.marketing_mix.market import spec_of
from pymc_vibes.kinds.marketing_mix.study import Study, study_of
from pymc_vibes.stats.media_calibration import find_conflict
from pymc_vibes.stats.media_effects import Link, MediaDraws
from pymc_vibes.stats.media_experiments import Evidence
from pymc_vibes.stats.media_sampling import measures
from pymc_vibes.stats.special import Array
from tests.kinds.mix_lifts import CHANNEL, Misled, misled
from tests.kinds.mix_worlds import cells, settings

DRAWS = 40


@pytest.fixture(scope="module")
def world() -> Misled:
    return misled(1)


def laid(world: Misled) -> tuple[Study, Evidence]:
    config = settings(experiments=world.experiments)
    study = study_of(cells(world.events), config)
    found = evidence_of(study.panel, study.span, study.features, config)
    assert found is not None
    return study, found


def true_draws(world: Misled, study: Study, times: float = 1.0) -> MediaDraws:
    """Draws that all are the truth, or a world whose media do a multiple of it."""
    truth, features = world.truth, study.features
    (measure,) = measures(features.series, features.form)
    order = [list(truth["channel"].values).index(name) for name in study.panel.channels]
    size, is_log = float(truth["size"].mean()) / measure.unit, truth.attrs["link"] == "log"
    params = {name: truth[name].to_numpy()[order] for name in ("decay", "half")}
    params["effect"] = times * (1.0 if is_log else size) * truth["coefficient"].to_numpy()[order]
    return MediaDraws(
        spec=spec_of(truth),
        link=truth.attrs["link"],
        noise="student",
        channels=study.panel.channels,
        scale=measure.scale,
        params={name: np.tile(values, (DRAWS, 1)) for name, values in params.items()},
        baseline=np.tile(rest_of(world)[0] + np.log(size), (DRAWS, 1)),
        sigma=np.ones(DRAWS),
        unit=measure.unit,
    )


def rest_of(world: Misled) -> Array:
    """The world without media before its link, in units of its size."""
    rest = true_effects(world.truth, world.events)["rest"] / world.truth["size"]
    found = rest.transpose("entity", "period").to_numpy()
    return np.log(found) if world.truth.attrs["link"] == "log" else found


@pytest.mark.parametrize("link", ["identity", "log"])
def test_a_mix_that_knows_the_truth_expects_the_lifts_that_are_true(link: Link) -> None:
    world = misled(1, link)
    study, evidence = laid(world)

    expected = expected_of(evidence, true_draws(world, study))

    assert expected[0] == pytest.approx(world.lifts, rel=1e-9)


def test_a_mix_that_overstates_a_channel_contradicts_its_tests(world: Misled) -> None:
    study, evidence = laid(world)

    right, wrong = (
        find_conflict(evidence, expected_of(evidence, true_draws(world, study, times=t)))
        for t in (1.0, 2.0)
    )

    assert right.together > 0.01
    assert wrong.together == pytest.approx(1 / (DRAWS + 1))


def test_what_moved_is_told_of_what_can_move(world: Misled) -> None:
    study, _ = laid(world)
    truth = true_draws(world, study)
    effect = truth.params["effect"] * (1 + np.linspace(-0.1, 0.1, DRAWS)[:, None])
    before, after = (
        replace(truth, params={**truth.params, "effect": times * effect}) for times in (1.0, 0.5)
    )

    moved = moved_of(before, after, prob=0.9)

    assert set(moved) == {"effect"}
    assert moved["effect"].after.mean == pytest.approx(before.params["effect"].mean(0) / 2)
    assert moved["effect"].narrowed == pytest.approx(0.5)


def test_two_fits_are_compared_as_they_are() -> None:
    draws = np.random.default_rng(1).normal(size=(500, 2))

    found = shift_of(draws, draws[:200] + 3, prob=0.8)

    assert found.before.mean == pytest.approx(draws.mean(0))
    assert found.after.mean == pytest.approx(draws[:200].mean(0) + 3)
    assert found.before.low == pytest.approx(np.quantile(draws, 0.1, axis=0), abs=0.02)


# sampled


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_experiments_mend_a_world_whose_demand_nobody_records(seed: int) -> None:
    world = misled(seed)
    config = settings(experiments=world.experiments, draws=2000, currency="EUR")

    posterior = kind.fit(cells(world.events), config, NOBODY)
    summary = kind.summarize(posterior, config)

    before, after = returns(summary)
    bias = abs(before - world.roas[CHANNEL]), abs(after - world.roas[CHANNEL])
    assert posterior.diagnostics.converged
    # years of history outvote three tests in part: 4 %, 18 % and 40 % of the bias are left
    assert bias[0] > 0.4 * world.roas[CHANNEL]
    assert bias[1] < bias[0] / 2
    assert "experiments-contradict" in {finding.code for finding in summary.findings}


def returns(summary: Summary) -> tuple[float, float]:
    """Give sales per money of the tested channel, without the experiments and with them."""
    (table,) = (one for one in summary.tables if one.name == "calibration")
    (row,) = (dict(zip(table.columns, row, strict=True)) for row in table.rows if row[0] == CHANNEL)
    return float(str(row["roas_without"])), float(str(row["roas_with"]))
