"""Interrupted time series: dates, phases, sentences, refusals, and calibration of a drift."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.answer import Summary
from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds import catalog
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.study import MOST_DAYS
from pymc_vibes.stats.calibrate import distance, dkw_bound, sbc_ranks
from pymc_vibes.stats.series_cells import MOST_PEOPLE
from tests.contract.bench import Bench
from tests.stats.interrupted_worlds import ar1

KIND = catalog()["interrupted-time-series"]
START = datetime(2025, 1, 6)  # noqa: DTZ001  # storage is naive UTC
BEFORE, AFTER = 40, 40
CHANGE = (START + timedelta(days=BEFORE)).date().isoformat()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.disconnect()


def table(values: np.ndarray, *, user: str | None = "ana", phases: bool = False) -> pa.Table:
    """One row a day, at noon."""
    days = [START + timedelta(days=i, hours=12) for i in range(len(values))]
    columns: dict[str, Any] = {"timestamp": pa.array(days, pa.timestamp("us")), "outcome": values}
    if user is not None:
        columns["user_id"] = [user] * len(values)
    if phases:
        columns["phase"] = [
            "baseline" if i < BEFORE else "Intervention" for i in range(len(values))
        ]
    return pa.table(columns)


def noisy(effect: float, seed: int = 1, days: int = BEFORE + AFTER) -> np.ndarray:
    """Correlated days around 50 with an sd of 4, and a constant effect."""
    path = 50 + 4 * ar1(days, 0.4, np.random.default_rng(seed))
    return np.asarray(path + effect * (np.arange(days) >= BEFORE))


def settings(**given: Any) -> InterruptedConfig:
    return parse(InterruptedConfig, {"intervention_date": CHANGE} | given)


def answer(bench: Bench, events: pa.Table, config: InterruptedConfig) -> tuple[Posterior, Summary]:
    resolved, posterior = bench.fit(KIND, events, config)
    return posterior, KIND.summarize(posterior, resolved)


def table_of(summary: Summary, name: str) -> dict[Any, tuple[Any, ...]]:
    (found,) = (t for t in summary.tables if t.name == name)
    return {row[0]: row[1:] for row in found.rows}


def codes(summary: Summary) -> set[str]:
    return {finding.code for finding in summary.findings}


# what is said


@pytest.mark.parametrize(
    ("direction", "effect", "said", "action"),
    [
        ("higher", 8.0, "is higher by about", "keep the change"),
        ("higher", -8.0, "is lower by about", "undo the change"),
        ("lower", -8.0, "is lower by about", "keep the change"),
        ("lower", 8.0, "is higher by about", "undo the change"),
    ],
)
def test_the_direction_of_benefit_decides(
    bench: Bench, direction: str, effect: float, said: str, action: str
) -> None:
    _, summary = answer(bench, table(noisy(effect)), settings(direction=direction))

    assert said in summary.headline
    assert ("for the better" in summary.headline) == (action == "keep the change")
    assert summary.decision is not None
    assert summary.decision.action == action


def test_no_effect_is_left_open(bench: Bench) -> None:
    _, summary = answer(bench, table(noisy(0.0)), settings())

    assert summary.headline.startswith("It is open whether the change helped")
    assert summary.decision is not None
    assert summary.decision.action == "keep observing"


def test_practically_no_effect_is_said(bench: Bench) -> None:
    _, summary = answer(bench, table(noisy(0.0)), settings(smallest_effect=20.0))

    assert "practically unchanged" in summary.headline
    assert summary.decision is not None
    assert summary.decision.tone == "same"


def test_a_wide_interval_names_no_effect(bench: Bench) -> None:
    _, summary = answer(bench, table(noisy(8.0)), settings(widest_interval=0.5))

    assert summary.headline.startswith("Not enough information")
    assert summary.decision is not None
    assert summary.decision.action == "collect more days"
    assert all(claim.tone != "higher" for claim in summary.claims)


def test_a_wide_interval_names_no_effect_in_a_title(bench: Bench) -> None:
    config, posterior = bench.fit(KIND, table(noisy(8.0)), settings(widest_interval=0.5))

    titles = [figure.title for figure in KIND.figures(posterior, config)]

    assert not any(
        "helped" in title or "add up" in title or "about" in title for title in titles[:4]
    )


def test_chances_of_the_three_zones_add_up(bench: Bench) -> None:
    _, summary = answer(bench, table(noisy(2.0)), settings(smallest_effect=1.0))
    _, mirrored = answer(bench, table(noisy(2.0)), settings(smallest_effect=1.0, direction="lower"))

    benefit, none = table_of(summary, "effects")["average"][-2:]
    harm = table_of(mirrored, "effects")["average"][-2]
    assert benefit + none + harm == pytest.approx(1.0)


def test_the_cumulative_effect_is_the_average_over_calendar_days(bench: Bench) -> None:
    values = noisy(5.0)
    kept = np.array([i % 9 != 4 for i in range(len(values))])
    _, summary = answer(bench, table(values).filter(pa.array(kept)), settings())

    found = {estimate.name: estimate.mean for estimate in summary.estimates}
    missing = int((~kept[BEFORE:]).sum())
    row = table_of(summary, "calendar")["after"]
    assert found["cumulative"] == pytest.approx(AFTER * (found["average"] or 0))
    assert row[:3] == (AFTER, AFTER - missing, missing)
    assert row[3] + row[4] == pytest.approx(found["cumulative"])
    assert "missing-days" in codes(summary)


def test_the_relative_effect_is_a_share_of_the_expected_level(bench: Bench) -> None:
    _, summary = answer(bench, table(noisy(10.0)), settings())

    (relative,) = (e for e in summary.estimates if e.name == "relative")
    assert relative.percent
    assert relative.interval is not None
    assert relative.interval.low is not None
    assert relative.interval.high is not None
    assert relative.interval.low < 10 / 50 < relative.interval.high


def test_a_level_near_zero_has_no_relative_effect(bench: Bench) -> None:
    _, summary = answer(bench, table(noisy(2.0) - 50), settings())

    assert "relative" not in {estimate.name for estimate in summary.estimates}


def test_independent_days_carry_a_warning(bench: Bench) -> None:
    _, summary = answer(bench, table(noisy(3.0)), settings(correlation="independent"))

    assert "independent-days" in codes(summary)


def test_what_independent_days_leave_over_is_reported(bench: Bench) -> None:
    path = 50 + ar1(BEFORE + AFTER, 0.9, np.random.default_rng(2))

    _, summary = answer(bench, table(path), settings(correlation="independent"))

    assert "autocorrelation" in codes(summary)


def test_short_phases_are_warned_of(bench: Bench) -> None:
    _, summary = answer(bench, table(noisy(3.0)[: BEFORE + 12]), settings())

    assert "few-days" in codes(summary)


# who and when


def test_the_phase_gives_the_date_where_none_is_set(bench: Bench) -> None:
    events = table(noisy(5.0), phases=True)

    _, by_phase = answer(bench, events, InterruptedConfig())
    _, by_date = answer(bench, events, settings())

    assert by_phase == by_date


def test_rows_of_a_day_are_averaged(bench: Bench) -> None:
    values = noisy(5.0)
    twice = pa.concat_tables([table(values - 1), table(values + 1)])

    one, _ = answer(bench, table(values), settings())
    other, _ = answer(bench, twice, settings())

    np.testing.assert_allclose(
        other["average"].distribution.mean(), one["average"].distribution.mean(), rtol=1e-6
    )


def test_each_person_is_fitted_alone(bench: Bench) -> None:
    ana, ben = table(noisy(8.0)), table(noisy(0.0, seed=2), user="ben")

    both, summary = answer(bench, pa.concat_tables([ana, ben]), settings())
    alone, _ = answer(bench, ben, settings())
    chosen, _ = answer(bench, pa.concat_tables([ana, ben]), settings(user_id="ben"))

    at = both["average"].index("ben")
    assert both["average"].distribution.mean()[at] == alone["average"].distribution.mean()[0]
    assert chosen["average"].labels == ("ben",)
    assert "Of 2 series" in summary.headline


def test_rows_without_a_person_are_one_series(bench: Bench) -> None:
    posterior, summary = answer(bench, table(noisy(8.0), user=None), settings())

    assert posterior["average"].labels == ("all",)
    assert " of all " not in summary.headline


def test_a_person_with_too_few_days_is_left_out_and_named(bench: Bench) -> None:
    short = table(noisy(0.0)[:20], user="cem")

    posterior, summary = answer(bench, pa.concat_tables([table(noisy(8.0)), short]), settings())

    assert posterior["average"].labels == ("ana",)
    assert any("cem" in f.text for f in summary.findings if f.code == "too-few-days")


# refused


def test_too_few_days_are_counted(bench: Bench) -> None:
    with pytest.raises(InsufficientData, match=r"Need 8 .* have 40 before and 5 after") as raised:
        answer(bench, table(noisy(0.0)[: BEFORE + 5]), settings())

    assert raised.value.extras == {"need": 8, "have_before": 40, "have_after": 5}


def test_a_change_without_a_date_is_refused(bench: Bench) -> None:
    with pytest.raises(InsufficientData, match="Nothing says when"):
        answer(bench, table(noisy(0.0)), InterruptedConfig())


def test_days_that_never_vary_are_refused(bench: Bench) -> None:
    with pytest.raises(InsufficientData, match="same value"):
        answer(bench, table(np.full(BEFORE + AFTER, 3.0)), settings())


def test_a_person_who_is_not_there_is_not_found(bench: Bench) -> None:
    with pytest.raises(EntityNotFound, match="zoe"):
        answer(bench, table(noisy(0.0)), settings(user_id="zoe"))


def test_too_many_people_are_refused(bench: Bench) -> None:
    crowd = [table(np.zeros(1), user=f"u{i}") for i in range(MOST_PEOPLE + 1)]

    with pytest.raises(BadConfig, match="51 people"):
        answer(bench, pa.concat_tables(crowd), settings())


def test_too_long_a_series_is_refused(bench: Bench) -> None:
    values = np.random.default_rng(1).standard_normal(MOST_DAYS + 1)

    with pytest.raises(BadConfig, match="1,831 days"):
        answer(bench, table(values), settings())


@pytest.mark.parametrize("given", [{"start": CHANGE}, {"end": CHANGE}])
def test_the_change_lies_inside_the_window(given: dict[str, str]) -> None:
    with pytest.raises(BadConfig, match="must lie after start and before end"):
        settings(**given)


def test_a_world_needs_a_prior_that_does_not_look_at_data() -> None:
    with pytest.raises(BadConfig, match="center and a spread"):
        KIND.truth(settings(), np.random.default_rng(1))


# pictures


def test_three_panels_share_their_days(bench: Bench) -> None:
    config, posterior = bench.fit(KIND, table(noisy(5.0)), settings())

    found = {figure.name: figure for figure in KIND.figures(posterior, config)}

    assert set(found) >= {"observed_and_expected", "effect_by_day", "cumulative_effect", "placebo"}
    ends = {
        (min(days), max(days))
        for name in ("observed_and_expected", "effect_by_day", "cumulative_effect")
        for days in [[d for t in found[name].spec.tables.values() for d in t.get("day", ())]]
    }
    assert len(ends) == 1


def test_the_cumulative_effect_begins_at_zero(bench: Bench) -> None:
    config, posterior = bench.fit(KIND, table(noisy(5.0)), settings())

    (figure,) = (f for f in KIND.figures(posterior, config) if f.name == "cumulative_effect")

    total = figure.spec.tables["total"]["total"]
    assert set(total[:BEFORE]) == {0.0}
    assert total[-1] == pytest.approx(AFTER * posterior["average"].distribution.mean()[0], rel=1e-4)


def test_a_short_baseline_has_no_placebo_strip(bench: Bench) -> None:
    events = table(noisy(5.0)[BEFORE - 10 :])
    change = (START + timedelta(days=10)).date().isoformat()
    config, posterior = bench.fit(KIND, events, settings(intervention_date=change))

    assert "placebo" not in {figure.name for figure in KIND.figures(posterior, config)}


# right


def test_a_drifting_effect_is_calibrated(bench: Bench) -> None:
    config = KIND.example.model_copy(update={"effect": "drifting"})

    def learn(truth: Any, rng: np.random.Generator) -> Posterior:
        return bench.fit(KIND, KIND.simulate(truth, 200, rng), config)[1]

    places = sbc_ranks(lambda rng: KIND.truth(config, rng), learn, worlds=200, seed=5)

    # false-alarm rate at most 1e-6 for each effect; 200 worlds see a shift of half an sd
    assert set(places) == {"immediate", "sustained", "average"}
    for values in places.values():
        assert distance(values) < dkw_bound(len(values), alpha=1e-6)
