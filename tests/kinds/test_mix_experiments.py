"""Entries of experiments: what they may say, and what of it is refused in which words."""

from typing import Any

import pytest

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.lift import MeasuredLift
from pymc_vibes.kinds.marketing_mix.borrowing import BORROW
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from tests.kinds.mix_worlds import settings

NUMBERS: dict[str, Any] = {
    "channel": "tv", "first": "2024-01-01", "last": "2024-01-28", "lift": 500, "sd": 60,
}  # fmt: skip
RUN: dict[str, Any] = {"channel": "tv", "run_id": "01run"}
AFTER = {"after_last": "2024-02-11", "after_lift": 80, "after_sd": 30}


def lift(**given: Any) -> MeasuredLift:
    readouts = [{"first": "2024-01-01", "last": "2024-01-28", "mean": 500.0}]
    known = {"readouts": readouts, "covariance": [[3600.0]], "grade": "interrupted"}
    return parse(MeasuredLift, known | given)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (RUN | NUMBERS, "a run_id or numbers, not both: lift"),
        (RUN | AFTER, "a run_id or numbers, not both: after_last"),
        ({"channel": "tv"}, "give a run_id, or lift and sd"),
        (NUMBERS | {"sd": None}, "give a run_id, or lift and sd"),
        (NUMBERS | {"first": None, "last": None}, "numbers need their days"),
        (NUMBERS | {"last": None}, "numbers need their days"),
        (RUN | {"first": "2024-01-01"}, "first and last belong together"),
        (NUMBERS | {"last": "2023-12-31"}, "must not lie before the first"),
        (NUMBERS | AFTER | {"after_last": "2024-01-28"}, "after_last must lie after last"),
        (NUMBERS | {"after_lift": 3}, "after_last, after_lift and after_sd belong together"),
        (NUMBERS | {"factor": 2, "change": 10}, "as factor or as change"),
        (NUMBERS | {"factor": 1}, "changed nothing"),
        (NUMBERS | {"change": 0}, "changed nothing"),
        (NUMBERS | {"is_in_panel": False}, "needs factor or change"),
        (NUMBERS | {"scale": 1000}, "scale belongs to a run_id"),
        (NUMBERS | {"measured": lift().model_dump()}, "measured belongs to a run_id"),
        (NUMBERS | {"sd": 0}, "greater than 0"),
        (NUMBERS | {"weight": 4.1}, "less than or equal to 4"),
        (NUMBERS | {"first": 0}, "must be a date"),
        (NUMBERS | {"grade": "sure"}, "randomized"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_by_its_place(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfig, match=said) as caught:
        settings(experiments=[NUMBERS, entry])

    assert all(f["field"].startswith("experiments.1") for f in caught.value.extras["fields"])


def test_a_run_counts_once() -> None:
    with pytest.raises(BadConfig, match="run 01run twice"):
        settings(experiments=[RUN, RUN | {"channel": "radio"}])


def test_runs_are_named_in_order_and_told_what_they_measured() -> None:
    config = settings(experiments=[RUN, NUMBERS, RUN | {"run_id": "02run"}])

    assert BORROW.wanted(config) == ("01run", "02run")
    lifts = {run: lift(run_id=run) for run in BORROW.wanted(config)}
    found = BORROW.informed(config, lifts)
    assert [entry.measured for entry in found.experiments] == [lifts["01run"], None, lifts["02run"]]


def test_settings_that_hold_what_was_measured_come_back_from_json() -> None:
    config = BORROW.informed(settings(experiments=[RUN]), {"01run": lift(run_id="01run")})

    assert parse(MarketingMixConfig, config.model_dump(mode="json")) == config


def test_what_was_measured_anew_stands_in_the_place_of_what_was_said() -> None:
    said = RUN | {"measured": lift(run_id="01run", freedom=9).model_dump()}
    true = lift(run_id="01run")

    found = BORROW.informed(settings(experiments=[said]), {"01run": true})

    assert found.experiments[0].measured == true
