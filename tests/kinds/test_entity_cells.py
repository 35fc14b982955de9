"""Every entity in every window: what is counted, what is silent, what does not matter."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.kinds.entity_rates import kind
from pymc_vibes.kinds.entity_rates.settings import EntityConfig
from tests.contract.bench import Bench
from tests.kinds.entity_worlds import analyze, events_of

START = datetime(2024, 1, 1)  # noqa: DTZ001  # storage is naive UTC
BENCH = Bench()
NAMES = st.sampled_from(["a", "b", "ü | 'x'", '"; drop', "\u202eevil"])
ROWS = st.lists(st.tuples(NAMES, st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=25)


def table(rows: Iterable[tuple[str, int, int]], *, step: timedelta = timedelta(days=1)) -> pa.Table:
    """Give rows of entity, window and count with a clock."""
    listed = list(rows)
    return pa.table(
        {
            "window_start": pa.array([START + j * step for _, j, _ in listed], pa.timestamp("us")),
            "entity": pa.array([name for name, _, _ in listed], pa.string()),
            "count": pa.array([y for _, _, y in listed], pa.int64()),
        }
    )


def cells_of(events: pa.Table, **settings: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = BENCH.cells(kind, events, parse(EntityConfig, settings))[
        1
    ].to_pylist()
    return rows


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_cells_are_those_of_a_slow_loop(rows: list[tuple[str, int, int]]) -> None:
    sums: Counter[tuple[str, int]] = Counter()
    for name, window, count in rows:
        sums[name, window] += count
    windows = sorted({window for _, window, _ in rows})
    slow: dict[tuple[str, int], list[int]] = {}
    for name in {name for name, _, _ in rows}:
        for window in windows:
            slow.setdefault((name, sums[name, window]), []).append(window)

    found = {(c["entity"], c["count"]): c for c in cells_of(table(rows))}

    assert {key: cell["windows"] for key, cell in found.items()} == {
        key: len(places) for key, places in slow.items()
    }
    for key, places in slow.items():
        first = START + timedelta(days=places[0])
        assert datetime(1970, 1, 1) + timedelta(microseconds=found[key]["at"]) == first  # noqa: DTZ001


def test_regular_windows_without_any_row_are_zeros() -> None:
    found = cells_of(table([("a", 0, 2), ("a", 6, 1)]), window="day")

    assert {c["count"]: c["windows"] for c in found} == {0: 5, 1: 1, 2: 1}


def test_raw_events_are_counted_in_windows() -> None:
    events = table([("a", j, 1) for j in range(10)], step=timedelta(hours=7)).drop(["count"])

    found = cells_of(events, window="day")

    assert sum(c["count"] * c["windows"] for c in found) == 10
    assert sum(c["windows"] for c in found) == 3


def test_windows_without_a_row_can_be_unobserved() -> None:
    found = cells_of(table([("a", 0, 2), ("a", 1, 2), ("b", 0, 5)]), missing="unobserved")

    assert {(c["entity"], c["count"]): c["windows"] for c in found} == {("a", 2): 2, ("b", 5): 1}


def test_time_and_number_of_windows_do_not_mix() -> None:
    numbered = events_of({"b": [1, 2]})
    timed = table([("a", 0, 1)])
    both = pa.concat_tables([numbered, timed], promote_options="default")

    with pytest.raises(BadConfig, match="number of the window"):
        BENCH.fit(kind, both, EntityConfig())


def test_a_row_without_exposure_is_refused_where_it_is_measured() -> None:
    events = events_of({"a": [1, 2]}, exposure=[1.0, None])

    with pytest.raises(BadConfig, match="no exposure"):
        BENCH.fit(kind, events, EntityConfig(exposure="measured"))


def test_aliases_of_sampler_settings_are_understood() -> None:
    given = {"n_samples": 500, "n_tune": 600, "n_chains": 2, "random_seed": 7}

    config = parse(EntityConfig, given | {"form": "non-centred"})

    assert (config.draws, config.tune, config.chains, config.seed) == (500, 600, 2, 7)
    assert config.form == "non-centered"


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(BadConfig, match="twice"):
        parse(EntityConfig, {"n_samples": 500, "draws": 600})


def test_zeros_cannot_be_filled_in_without_exposure() -> None:
    with pytest.raises(BadConfig, match="no exposure"):
        parse(EntityConfig, {"missing": "zero", "exposure": "measured"})


@pytest.mark.parametrize("switch", ["covariates", "sizes"])
def test_an_extension_without_its_column_says_so(switch: str) -> None:
    with pytest.raises(InsufficientData, match=r"x_|bytes"):
        analyze(BENCH, {"a": [1, 2], "b": [3, 4]}, **{switch: True})


@pytest.mark.parametrize(
    "told",
    [
        {"mu_prior_rate": 0.2, "alpha_prior_sd": 3.0, "overdispersion_prior_sd": 1.0},
        {
            "prior": {"mu_prior": {"kind": "exponential", "rate": 0.2}, "alpha_prior_sd": 3.0},
            "overdispersion_prior_sd": 1.0,
        },
    ],
    ids=["flat", "mixed"],
)
def test_settings_of_the_reference_prior_may_stand_beside_it(told: dict[str, Any]) -> None:
    nested = {
        "kind": "reference",
        "mu_prior": {"kind": "exponential", "rate": 0.2},
        "alpha_prior_sd": 3.0,
        "overdispersion_prior_sd": 1.0,
    }

    assert parse(EntityConfig, told) == parse(EntityConfig, {"prior": nested})


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"alpha_prior_sd": 3.0, "prior": {"kind": "scale-free"}}, "prior is another one"),
        ({"alpha_prior_sd": 3.0, "prior": {"alpha_prior_sd": 2.0}}, "given twice"),
        ({"mu_prior_rate": 0.2, "prior": {"mu_prior": {"kind": "gamma"}}}, "both set the prior"),
    ],
)
def test_a_prior_that_is_said_twice_is_refused(told: dict[str, Any], words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        parse(EntityConfig, told)
