"""What is special about times to an event: data, findings, refusals, questions, and a real lake."""

from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from bench import counted, learned, reduced
from hypothesis import given, settings
from hypothesis import strategies as st
from pymc_vibes_survival.questions import Moment, Pair, compare, survival
from pymc_vibes_survival.settings import SurvivalConfig
from pymc_vibes_survival.survival import kind
from pymc_vibes_survival.world import truth
from remission import remissions

import pymc_vibes as pv
from pymc_vibes.core.answer import Summary
from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData

DAY = 86_400


def rows(*found: tuple[str, float, bool]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"group": group, "duration": time, "observed": seen} for group, time, seen in found]
    )


def told(events: pa.Table, **given: Any) -> Summary:
    posterior, config = learned(events, **given)
    return kind.summarize(posterior, config)


def codes(summary: Summary) -> dict[str, set[str]]:
    """Which groups each finding is about."""
    found: dict[str, set[str]] = {}
    for finding in summary.findings:
        found.setdefault(finding.code, set()).add(finding.text.partition(":")[0])
    return found


@settings(max_examples=25, deadline=None, database=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "ä, é"]),
            st.sampled_from([0.5, 1.0, 2.5, 7.0]),
            st.booleans(),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_counting_in_the_lake_is_counting_by_hand(units: list[tuple[str, float, bool]]) -> None:
    events = rows(*units)

    assert reduced(events).equals(counted(events))


def test_times_between_instants_are_durations_in_the_unit() -> None:
    begin = np.datetime64("2024-02-28T12:00:00", "us")
    ends = begin + np.array([DAY, DAY // 2, 3 * DAY]) * np.timedelta64(1, "s")
    events = pa.table({"start": [begin] * 3, "end": ends, "observed": [True, False, True]})

    in_days, in_hours = (reduced(events, unit=unit) for unit in ("days", "hours"))

    assert in_days["duration"].to_pylist() == [0.5, 1.0, 3.0]
    assert in_hours["duration"].to_pylist() == [12.0, 24.0, 72.0]
    assert set(in_days["group"].to_pylist()) == {"all"}


def test_rows_without_time_and_repeated_units_are_said() -> None:
    connection = ibis.duckdb.connect()
    instant = np.datetime64("2024-01-01", "us")
    events = connection.create_table(
        "events",
        pa.table(
            {
                "unit": ["x", "x", "y"],
                "duration": pa.array([1.0, 2.0, None]),
                "start": [instant] * 3,
                "end": [instant] * 3,
                "observed": [True] * 3,
            }
        ),
    )

    found = kind.check(events, SurvivalConfig())

    texts = {finding.code: finding.text for finding in found}
    connection.disconnect()
    assert set(texts) == {"no-time", "repeated-units"}
    assert all(text.startswith("1 ") for text in texts.values())


@pytest.mark.parametrize("model", ["weibull", "piecewise"])
def test_the_unit_of_time_does_not_matter(model: str) -> None:
    events = remissions()
    at = events.column_names.index("duration")
    days = events.set_column(at, "duration", [[7 * t for t in events["duration"].to_pylist()]])

    weekly = told(events, unit="weeks", model={"kind": model})
    daily = told(days, unit="days", model={"kind": model})

    assert daily.claims[0].probability == pytest.approx(weekly.claims[0].probability)
    assert daily.estimates[0].mean == pytest.approx(7 * weekly.estimates[0].mean, rel=1e-9)
    assert daily.estimates[1].median == pytest.approx(7 * weekly.estimates[1].median, rel=1e-9)


def test_a_group_without_events_is_a_lower_bound() -> None:
    events = rows(*[("a", float(t), True) for t in range(1, 21)], *[("b", 9.0, False)] * 15)

    summary = told(events, horizons=[8.0])

    assert codes(summary)["no-event"] == {"b"}
    median = next(e for e in summary.estimates if (e.name, e.label) == ("median", "b, median"))
    assert median.mean is None
    assert median.interval.low > 9
    assert "b" in codes(summary)["extrapolated"]  # its median is the model's alone


def test_few_events_and_times_beyond_follow_up_are_said() -> None:
    events = rows(*[("a", float(t), True) for t in range(1, 41)], *[("b", 5.0, True)] * 4)

    summary = told(events, horizons=[30.0])

    assert codes(summary) == {"few-events": {"b"}, "extrapolated": {"b"}}


def test_a_hazard_of_another_form_is_a_misfit() -> None:
    total = np.random.default_rng(2).standard_exponential(600)
    # half of the units fail from day 1 to 1.7, all others from day 50 on: no power of time does so
    times = np.where(total < 0.7, 1 + total, 50 + 2 * (total - 0.7))
    events = rows(*[("a", float(t), True) for t in times])

    assert codes(told(events))["misfit"] == {"a"}
    cuts = {"kind": "piecewise", "cuts": [1.0, 1.7, 50.0]}
    assert "misfit" not in codes(told(events, model=cuts))


def test_no_event_at_all_needs_a_prior_with_a_scale() -> None:
    events = rows(("a", 3.0, False), ("a", 4.0, False))

    with pytest.raises(InsufficientData, match="No event was seen") as raised:
        told(events)

    assert "typical" in raised.value.hint
    assert codes(told(events, typical=10.0))["no-event"] == {"a"}


def test_several_groups_are_told_from_highest_to_lowest() -> None:
    events = rows(*[(g, t * f, True) for f, g in enumerate("abc", 1) for t in (1.0, 2.0, 3.0)])

    summary = told(events, horizons=[3.0])

    assert summary.claims == ()
    assert "(c) to" in summary.headline
    assert len(summary.tables[0].rows) == 3


def test_two_groups_are_compared_in_numbers() -> None:
    posterior, config = learned(remissions(), unit="weeks", horizons=[10.0, 20.0])

    one = compare(posterior, config, Pair(a="6-MP", b="placebo"))
    other = compare(posterior, config, Pair(a="placebo", b="6-MP", horizon=20.0))

    difference, ratio, chance = one.summary.estimates
    assert difference.unit == "weeks"
    assert difference.interval.low > 0
    assert ratio.interval.low > 1
    assert chance.percent
    assert other.data["difference"]["mean"] == pytest.approx(-difference.mean, abs=0.01)
    assert other.data["p_A_gt_B"] == pytest.approx(1 - one.data["p_A_gt_B"], abs=0.002)
    assert one.figures[0].title.endswith("zero excluded")


def test_survival_at_a_moment_is_told_for_one_group_or_all() -> None:
    posterior, config = learned(remissions(), unit="weeks")

    everybody = survival(posterior, config, Moment(at=10.0))
    one = survival(posterior, config, Moment(at=10.0, group="6-MP"))

    assert set(everybody.data["groups"]) == {"6-MP", "placebo"}
    assert one.data["groups"]["6-MP"] == everybody.data["groups"]["6-MP"]


def test_what_cannot_be_asked_is_refused_in_words() -> None:
    posterior, config = learned(remissions())

    with pytest.raises(BadConfig, match="itself"):
        compare(posterior, config, Pair(a="6-MP", b="6-MP"))
    with pytest.raises(EntityNotFound, match="placbo") as raised:
        compare(posterior, config, Pair(a="6-MP", b="placbo"))
    with pytest.raises(BadConfig, match="must rise"):
        parse(SurvivalConfig, {"model": {"kind": "piecewise", "cuts": [2.0, 2.0]}})
    with pytest.raises(BadConfig, match="waits for data"):
        truth(SurvivalConfig(), np.random.default_rng(1))
    assert "6-MP, placebo" in raised.value.hint


def test_a_stranger_gets_an_answer_from_a_file(tmp_path: Path) -> None:
    lines = [f"{r['group']},{r['duration']},{int(r['observed'])}" for r in remissions().to_pylist()]
    file = tmp_path / "remission.csv"
    file.write_text("\n".join(["arm,time,status", *lines]))

    with pv.connect(tmp_path / "home") as lake:
        lake.create("leukemia", "survival")
        lake.upload("leukemia", file)
        answer = lake.analyze("leukemia", {"unit": "weeks"})

    assert answer.kind == "survival"
    assert answer.summary.decision.tone == "higher"
    assert [figure.name for figure in answer.figures] == ["survival", "hazard"]
    assert answer.diagnostics.method == "quadrature"
