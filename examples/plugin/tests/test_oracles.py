"""Survival against closed forms, brute force, Kaplan and Meier, and published numbers."""

from itertools import pairwise

import numpy as np
import pytest
from bench import learned
from pymc_vibes_survival.reading import Reading
from pymc_vibes_survival.survival import kind
from remission import KAPLAN_MEIER, remissions
from scipy import stats

EXPONENTIAL = {"kind": "piecewise", "cuts": []}
WEEKS = {"unit": "weeks", "typical": 20.0, "weight": 0.5, "horizons": [10.0, 20.0]}
# quasi-random points: their error, in posterior sds, of means and of ends of 95 % intervals
CLOSE, CLOSE_ENDS = 0.002, 0.03


def test_hazards_are_the_published_ones() -> None:
    posterior, _ = learned(remissions(), model=EXPONENTIAL, unit="weeks", typical=1.0, weight=0.25)

    rate = posterior["rate"].distribution.parameters()

    # Kleinbaum and Klein: 9 events in 359 weeks, 21 in 182
    assert rate["alpha"] - 0.25 == pytest.approx([9, 21])
    assert rate["beta"] - 0.25 == pytest.approx([359, 182])
    assert posterior.method == "exact"


def test_kaplan_meier_is_the_published_one() -> None:
    posterior, config = learned(remissions(), **WEEKS)

    treated = Reading(posterior, config).groups["6-MP"]

    found = {week: treated.kaplan_meier_at(week) for week in KAPLAN_MEIER}
    assert found == pytest.approx(KAPLAN_MEIER, abs=5e-5)
    assert treated.kaplan_meier_at(5) == 1
    assert treated.kaplan_meier_at(36) is None


def test_a_constant_hazard_has_the_closed_form() -> None:
    posterior, config = learned(remissions(), model=EXPONENTIAL, **WEEKS)
    a, b = 0.5 + 9, 0.5 * 20 + 359

    mean, median, at_10, at_20 = Reading(posterior, config).of_group("6-MP")

    # E exp(-rate t) = (b / (b + t))^a, and its integral
    closed = {10: (b / (b + 10)) ** a, 20: (b / (b + 20)) ** a}
    assert at_10.mean == pytest.approx(closed[10], abs=CLOSE * at_10.sd)
    assert at_20.mean == pytest.approx(closed[20], abs=CLOSE * at_20.sd)
    area = b / (a - 1) * (1 - (b / (b + 20)) ** (a - 1))
    assert mean.mean == pytest.approx(area, abs=CLOSE * mean.sd)
    ends = np.log(2) / stats.gamma.ppf([0.975, 0.025], a, scale=1 / b)
    spread = (ends[1] - ends[0]) / 4
    assert (median.interval.low, median.interval.high) == pytest.approx(
        ends, abs=CLOSE_ENDS * spread
    )


@pytest.mark.parametrize("model", ["weibull", "piecewise"])
@pytest.mark.parametrize("group", ["6-MP", "placebo"])
def test_quasi_random_points_are_as_near_as_the_docstring_says(model: str, group: str) -> None:
    posterior, config = learned(remissions(), model={"kind": model}, **WEEKS)
    many = config.model_copy(update={"draws": 2**15, "seed": 1})

    found, known = (Reading(posterior, one).of_group(group) for one in (config, many))

    for few, right in zip(found, known, strict=True):
        if few.name == "median":  # of a time without a mean
            continue
        assert abs(few.mean - right.mean) < 0.001 * right.sd
        assert abs(few.interval.low - right.interval.low) < 0.1 * right.sd
        assert abs(few.interval.high - right.interval.high) < 0.1 * right.sd


def test_pieces_multiply_in_closed_form() -> None:
    posterior, config = learned(
        remissions(), model={"kind": "piecewise", "cuts": [6.0, 15.0]}, **WEEKS
    )
    rate = posterior["rate"].distribution.parameters()

    *_, at_20 = Reading(posterior, config).of_group("placebo")

    a, b, spent = rate["alpha"][3:], rate["beta"][3:], np.array([6.0, 9.0, 5.0])
    assert at_20.mean == pytest.approx(np.prod((b / (b + spent)) ** a), abs=CLOSE * at_20.sd)
    # an event at a cut belongs to the piece before it
    assert a.tolist() == [9.5, 9.5, 3.5]


def test_fine_pieces_are_nearly_kaplan_meier() -> None:
    rng = np.random.default_rng(4)
    events = (
        remissions()
        .slice(0, 0)
        .from_pydict(
            {
                "group": ["all"] * 4000,
                "duration": 10 * rng.weibull(1.7, 4000),
                "observed": rng.random(4000) < 0.7,
            }
        )
    )
    cuts = np.quantile(events["duration"], np.linspace(0.05, 0.95, 19)).tolist()

    posterior, config = learned(events, model={"kind": "piecewise", "cuts": cuts}, weight=0.25)

    reading = Reading(posterior, config)
    estimate, spread, _ = reading.groups["all"].kaplan_meier()
    at = np.searchsorted(reading.groups["all"].times, cuts, side="right") - 1
    curve = reading.points("all")[0].survival(np.array(cuts)).mean(axis=0)
    # both use the same 200 events of a piece; they differ by how those lie in it
    assert (np.abs(np.log(curve / estimate[at])) < 0.25 * spread[at]).all()


def brute(weeks: list[tuple[float, bool]], grid: int = 500) -> dict[str, float]:
    """Integrate a Weibull posterior over a lattice of shape and hazard, unit by unit."""
    shape, hazard = np.meshgrid(
        np.exp(np.linspace(-2.5, 2.0, grid)), np.exp(np.linspace(-6, 3, grid)), indexing="ij"
    )
    log = stats.norm.logpdf(np.log(shape), 0, 0.5) + stats.gamma.logpdf(hazard, 0.5, scale=2)
    log += np.log(hazard)  # cells are equal in logs
    for time, seen in weeks:
        log -= hazard * (time / 20) ** shape
        log += seen * (np.log(hazard * shape) + (shape - 1) * np.log(time / 20))
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    survival = np.exp(-hazard * 0.5**shape)
    quantities = {"shape": shape, "hazard": hazard, "survival": survival}
    means = {name: float((weight * values).sum()) for name, values in quantities.items()}
    squares = {name: float((weight * values**2).sum()) for name, values in quantities.items()}
    return means | {f"{name} sd": (squares[name] - means[name] ** 2) ** 0.5 for name in means}


def test_a_weibull_hazard_agrees_with_brute_force() -> None:
    events = remissions()
    posterior, config = learned(events, **WEEKS)

    for index, name in enumerate(("6-MP", "placebo")):
        rows = [r for r in events.to_pylist() if r["group"] == name]
        known = brute([(row["duration"], row["observed"]) for row in rows])
        _, _, at_10, _ = Reading(posterior, config).of_group(name)
        for quantity in ("shape", "hazard"):
            own, spread = posterior[quantity].distribution, known[f"{quantity} sd"]
            assert own.mean()[index] == pytest.approx(known[quantity], abs=1e-4 * spread)
            assert own.sd()[index] == pytest.approx(spread, rel=1e-4)
        assert at_10.mean == pytest.approx(known["survival"], abs=CLOSE * known["survival sd"])
        assert at_10.sd == pytest.approx(known["survival sd"], rel=0.01)
    assert posterior.method == "quadrature"
    assert posterior.diagnostics.error_estimate < 1e-6


def test_joint_draws_are_those_of_the_answer() -> None:
    posterior, config = learned(remissions(), **WEEKS)

    draws = posterior.draw(20_000, seed=3)
    alive = np.exp(-draws["hazard"][:, 0] * 0.5 ** draws["shape"][:, 0])

    _, _, at_10, _ = Reading(posterior, config).of_group("6-MP")
    assert abs(alive.mean() - at_10.mean) < 6 * at_10.sd / 20_000**0.5
    # shape and hazard hang together: apart, the spread of survival would be another
    assert alive.std() == pytest.approx(at_10.sd, rel=6 / 40_000**0.5)


def test_more_remission_under_treatment_is_found() -> None:
    posterior, config = learned(remissions(), unit="weeks")

    summary = kind.summarize(posterior, config)

    assert summary.decision.tone == "higher"
    assert summary.claims[0].probability > 0.999
    assert summary.headline.startswith("6-MP has a higher mean time without the event")


def test_hazards_of_many_pieces_invert() -> None:
    posterior, config = learned(remissions(), model={"kind": "piecewise"}, **WEEKS)
    [hazards] = Reading(posterior, config).points("placebo")

    times = hazards.times(0.9)

    at = np.exp(-0.9)
    alive = np.diag(hazards.survival(times[:50]))
    assert alive == pytest.approx(np.full(50, at))
    assert all(low < high for low, high in pairwise(hazards.starts))
    assert len(hazards.starts) == 5
