"""Experiments in periods and units of the model: days, activity, errors, refusals."""

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.lift import MeasuredLift
from pymc_vibes.kinds.marketing_mix.borrowing import BORROW
from pymc_vibes.kinds.marketing_mix.canonical import Panel, panel_of
from pymc_vibes.kinds.marketing_mix.evidence import (
    evidence_of,
    experiments_of,
    readouts_of,
)
from pymc_vibes.kinds.marketing_mix.features import Features, features_of
from pymc_vibes.kinds.marketing_mix.windows import Span, span_of
from pymc_vibes.stats.media_experiments import Evidence, Experiment
from pymc_vibes.stats.media_sampling import measures
from tests.kinds.mix_worlds import TWO_YEARS, cells, good, months, settings, table, weeks

# weeks begin on Mondays from 2023-01-02: 2024-01-01 is the 52nd after the first
NEW_YEAR = 52
FOUR = {"first": "2024-01-01", "last": "2024-01-28"}
NUMBERS: dict[str, Any] = {"channel": "tv", **FOUR, "lift": 500, "sd": 60}
AFTER = {"after_last": "2024-02-11", "after_lift": 80, "after_sd": 30}
TV = 1  # channels are radio and tv
ACTIVITY = np.array(weeks(TWO_YEARS)["act_tv"])[NEW_YEAR : NEW_YEAR + 4]


@cache
def told(**given: Any) -> pa.Table:
    return cells(table(good()), **given)


def laid(config: Any, reduced: pa.Table | None = None) -> tuple[Panel, Span, Features, Any]:
    panel = panel_of(told() if reduced is None else reduced, config)
    span = span_of(panel, config)
    return panel, span, features_of(panel, span, config), config


def evidence(*entries: dict[str, Any], **given: Any) -> Evidence:
    found = evidence_of(*laid(settings(experiments=entries, **given)))
    assert found is not None
    return found


def experiment(entry: dict[str, Any], **given: Any) -> Experiment:
    ((_, found),) = experiments_of(*laid(settings(experiments=[entry], **given)))
    return found


def measured(entry: dict[str, Any], **lift: Any) -> Any:
    """Give settings in which the service has put what a run measured."""
    config = settings(experiments=[{"channel": "tv", "run_id": "01run"} | entry])
    known = {"covariance": [[3600.0]], "grade": "randomized", "readouts": [{"mean": 500.0} | FOUR]}
    return BORROW.informed(config, {"01run": parse(MeasuredLift, known | lift)})


# what is told


def test_without_experiments_there_is_no_evidence() -> None:
    assert evidence_of(*laid(settings())) is None
    assert readouts_of(*laid(settings())) is None


def test_numbers_by_hand_count_by_their_grade() -> None:
    geo = NUMBERS | {"grade": "geo", "name": "regions"}
    found = evidence(NUMBERS, geo, NUMBERS | {"grade": "randomized", "name": "people"})

    assert found.lift.tolist() == [500, 500, 500]
    assert found.sd == pytest.approx([90, 72, 60])
    assert found.period.tolist() == 3 * list(range(NEW_YEAR, NEW_YEAR + 4))
    assert np.isinf(found.freedom).all()


def test_what_comes_after_a_test_is_a_readout_of_its_own() -> None:
    found = evidence(NUMBERS | AFTER)

    assert found.lift.tolist() == [500, 80]
    assert found.member.sum(axis=1).tolist() == [4, 2]
    assert found.period.tolist() == list(range(NEW_YEAR, NEW_YEAR + 6))


def test_activity_is_in_the_unit_of_the_model() -> None:
    _, _, features, _ = laid(settings())
    scale = measures(features.series, features.form)[0].scale[TV]

    found = evidence(NUMBERS | {"change": 100, "is_in_panel": False})

    assert found.other[:, TV, 0].tolist() == pytest.approx((ACTIVITY / scale).tolist())
    assert found.actual[:, TV, 0].tolist() == pytest.approx(((ACTIVITY + 25) / scale).tolist())


def test_a_run_is_scaled_to_whom_the_change_reached_and_to_sales() -> None:
    entry = {"scale": 20_000, "value": 30}

    found = evidence_of(*laid(measured(entry, units=1000, freedom=12)))

    assert found is not None
    assert found.lift.tolist() == [500 * 20 * 30]
    assert found.sd.tolist() == [60 * 20 * 30]
    assert found.freedom.tolist() == [12]


def test_without_a_scale_a_run_is_of_those_whom_it_treated() -> None:
    found = evidence_of(*laid(measured({}, units=1000)))

    assert found is not None
    assert found.lift.tolist() == [500]


def test_a_run_without_days_is_of_the_days_given() -> None:
    found = evidence_of(*laid(measured(FOUR, readouts=[{"mean": 500.0}])))

    assert found is not None
    assert found.period.tolist() == list(range(NEW_YEAR, NEW_YEAR + 4))


def test_errors_in_common_count_once() -> None:
    after = {"first": "2024-01-29", "last": "2024-02-11", "mean": 80.0}
    covariance = [[3600.0, 1000.0], [1000.0, 900.0]]
    readouts = [{"mean": 500.0} | FOUR, after]

    found = evidence_of(*laid(measured({}, readouts=readouts, covariance=covariance)))

    assert found is not None
    changes = np.array([400.0, 50.0, 30.0, 20.0, 10.0, 5.0])  # by period
    away = found.lift - found.member @ changes
    direct = np.array([500.0 - 500.0, 80.0 - 15.0])
    # independent errors after the change of coordinates weigh as the joint ones did before
    wanted = direct @ np.linalg.solve(np.array(covariance), direct)
    assert (away**2 / found.sd**2).sum() == pytest.approx(wanted, rel=1e-4)
    volume = np.linalg.det(np.array(covariance))
    assert np.prod(found.sd**2) == pytest.approx(volume, rel=1e-4)


def test_readouts_are_shown_as_they_were_measured() -> None:
    after = {"first": "2024-01-29", "last": "2024-02-11", "mean": 80.0}
    covariance = [[3600.0, 1000.0], [1000.0, 900.0]]
    readouts = [{"mean": 500.0} | FOUR, after]

    found = readouts_of(*laid(measured({}, readouts=readouts, covariance=covariance)))

    assert found is not None
    assert found.lift.tolist() == [500, 80]
    assert found.sd == pytest.approx([60, 30])
    assert found.member.sum(axis=1).tolist() == [4, 2]


# what was changed


@pytest.mark.parametrize(
    ("entry", "change"),
    [
        ({}, ACTIVITY),
        ({"factor": 2}, ACTIVITY / 2),
        ({"factor": 0.5}, -ACTIVITY),
        ({"factor": 2, "is_in_panel": False}, ACTIVITY),
        ({"factor": 0, "is_in_panel": False}, -ACTIVITY),
        ({"change": -40}, np.full(4, -10.0)),
        ({"change": 40, "is_in_panel": False}, np.full(4, 10.0)),
    ],
)
def test_a_change_is_with_the_test_less_without_it(
    entry: dict[str, Any], change: np.ndarray
) -> None:
    found = experiment(NUMBERS | entry)

    assert found.change[:, TV] == pytest.approx(change)
    assert not found.change[:, 0].any()


def test_a_test_that_begins_within_a_week_changes_a_part_of_it() -> None:
    late = NUMBERS | {"first": "2024-01-05", "is_in_panel": False}

    doubled, more = experiment(late | {"factor": 2}), experiment(late | {"change": 240})

    share = np.array([3 / 7, 1, 1, 1])
    assert doubled.start == NEW_YEAR
    assert doubled.change[:, TV] == pytest.approx(share * ACTIVITY)
    assert more.change[:, TV] == pytest.approx([30, 70, 70, 70])


def test_a_part_of_a_week_in_the_panel_is_what_it_would_have_been() -> None:
    found = experiment(NUMBERS | {"first": "2024-01-05", "factor": 2})

    without = ACTIVITY[0] - found.change[0, TV]
    assert without * (4 / 7 + 3 / 7 * 2) == pytest.approx(ACTIVITY[0])


def test_months_have_their_own_days() -> None:
    config = settings(
        experiments=[
            NUMBERS | {"first": "2024-02-01", "last": "2024-03-31", "change": 60,
                       "is_in_panel": False}
        ]
    )  # fmt: skip

    ((_, found),) = experiments_of(*laid(config, cells(table(months(72)))))

    assert found.start == 49
    assert found.change[:, TV] == pytest.approx([29, 31])


def test_the_last_periods_are_there_though_they_are_held_out() -> None:
    last = {"first": "2025-01-27", "last": "2025-02-09"}

    found = evidence(NUMBERS | last, holdout_periods=8)

    assert found.period.tolist() == [TWO_YEARS - 2, TWO_YEARS - 1]


# what is refused


@pytest.mark.parametrize(
    ("entry", "field", "said"),
    [
        ({"name": "sound"}, "name", "another one has that name"),
        ({"channel": "cinema"}, "channel", "no channel 'cinema'"),
        ({"first": "2022-12-01"}, "last", "not within the fitted data, 2023-01-02 to 2025-02-09"),
        ({"last": "2025-02-16"}, "last", "not within the fitted data"),
        ({"last": "2024-01-26"}, "last", "is not the last day of a week"),
        (AFTER | {"after_last": "2024-02-10"}, "after_last", "is not the last day of a week"),
        (AFTER | {"after_last": "2025-03-02"}, "after_last", "not within the fitted data"),
        ({"factor": 0}, "factor", "do not say what it would have been"),
        ({"change": 4e6}, "change", "without the test, activity would be below zero"),
        (
            {"change": -4e6, "is_in_panel": False}, "change",
            "with the test, activity would be below zero",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_data_is_refused(
    entry: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(BadConfig, match=said) as caught:
        evidence(NUMBERS | {"name": "sound"}, NUMBERS | entry)

    (fault,) = caught.value.extras["fields"]
    assert fault["field"] == f"experiments.1.{field}"
    assert caught.value.hint


def test_a_readout_within_a_week_is_told_where_weeks_end() -> None:
    with pytest.raises(BadConfig) as caught:
        evidence(NUMBERS | {"last": "2024-01-26"})

    assert caught.value.hint == "Take a readout that ends on 2024-01-21 or 2024-01-28."


@pytest.mark.parametrize(
    ("entry", "lift", "field", "said"),
    [
        ({"scale": 5}, {}, "scale", "measured the whole"),
        ({}, {"readouts": [{"mean": 1.0}]}, "first", "does not know its days"),
        (FOUR | {"last": "2024-02-04"}, {}, "first", "not of the days given"),
        ({}, {"readouts": [FOUR | {"mean": 1.0, "last": "2024-01-27"}]}, "run_id", "last day of"),
    ],
)
def test_a_run_that_does_not_fit_its_entry_is_refused(
    entry: dict[str, Any], lift: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(BadConfig, match=said) as caught:
        evidence_of(*laid(measured(entry, **lift)))

    assert caught.value.extras["fields"][0]["field"] == f"experiments.0.{field}"


def test_later_days_begin_with_a_period() -> None:
    inside = {"first": "2024-01-01", "last": "2024-01-28", "mean": 1.0}
    after = {"first": "2024-01-31", "last": "2024-02-11", "mean": 1.0}
    covariance = [[1.0, 0.0], [0.0, 1.0]]

    with pytest.raises(BadConfig, match="is no first day of a week"):
        evidence_of(*laid(measured({}, readouts=[inside, after], covariance=covariance)))


def test_a_run_that_nobody_looked_up_is_refused() -> None:
    with pytest.raises(BadConfig, match="01run measured is not known here"):
        evidence({"channel": "tv", "run_id": "01run"})


def test_a_channel_that_was_silent_has_no_multiple() -> None:
    silent = np.array(good()["act_tv"])
    silent[NEW_YEAR : NEW_YEAR + 4] = 0
    reduced = cells(table(good(act_tv=silent)))

    with pytest.raises(BadConfig, match="no activity on those days") as caught:
        evidence_of(*laid(settings(experiments=[NUMBERS | {"factor": 2}]), reduced))

    assert "Give change" in str(caught.value.hint)


def test_a_dark_test_in_the_data_says_what_was_cut() -> None:
    silent = np.array(good()["act_tv"])
    silent[NEW_YEAR : NEW_YEAR + 4] = 0
    reduced = cells(table(good(act_tv=silent)))

    found = evidence_of(*laid(settings(experiments=[NUMBERS | {"change": -400}]), reduced))

    assert found is not None
    assert found.actual[:, TV, 0].tolist() == [0, 0, 0, 0]
    assert (found.other[:, TV, 0] > 0).all()


def test_entities_that_are_kept_apart_take_no_experiments() -> None:
    both = table(weeks(60), weeks(60, entity="other", seed=2))
    config = settings(experiments=[NUMBERS], panel="entities")

    with pytest.raises(BadConfig, match="entities are kept apart") as caught:
        evidence_of(*laid(config, cells(both, panel="entities")))

    assert caught.value.hint == "Set panel to total, or leave experiments out."


def test_the_reference_model_takes_no_experiments() -> None:
    with pytest.raises(BadConfig, match="reference model takes no experiments"):
        evidence(NUMBERS, preset="reference")


def test_the_order_of_entries_is_that_of_the_evidence() -> None:
    named = [NUMBERS | {"name": "spring"}, NUMBERS | {"name": "autumn", "lift": 300}]

    one, other = evidence(*named), evidence(*named[::-1])

    assert one.labels == other.labels[::-1] == ("spring", "autumn")
    assert one.lift.tolist() == other.lift.tolist()[::-1] == [500, 300]
