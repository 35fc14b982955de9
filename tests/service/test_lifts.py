"""Runs lend what they measured to kinds that name them, and the answer keeps the numbers."""

import dataclasses
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import Pending
from pymc_vibes.kinds import catalog
from pymc_vibes.kinds.ab_test import kind as ab_test
from pymc_vibes.service import Service, analysis
from pymc_vibes.settings import Settings
from tests.sampled.registered import TOSSES, Gate
from tests.service.borrower import FEW, registered

VARIANTS = "variant,trials,successes\nA,1000,100\nB,1000,130\n"
FIRST, BEFORE, AFTER = date(2025, 1, 6), 28, 21
CHANGE = (FIRST + timedelta(days=BEFORE)).isoformat()


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A lake with an A/B test, an interrupted series and a kind that borrows."""
    with registered(tmp_path, monkeypatch):
        opened = Service.open(Settings(home=tmp_path / "home"))
        fill(opened, tmp_path, "test", "ab-test", VARIANTS)
        fill(opened, tmp_path, "series", "interrupted-time-series", days())
        fill(opened, tmp_path, "taker", "borrower", FEW)
        yield opened
        opened.close()


def fill(service: Service, folder: Path, name: str, kind: str, text: str) -> None:
    service.create(name, kind)
    path = folder / f"{name}.csv"
    path.write_text(text)
    service.upload(name, path, UploadOptions(format="csv"))


def days() -> str:
    """Write one row a day, with five more from the change on."""
    rng = np.random.default_rng(3)
    rows = [
        f"{(FIRST + timedelta(days=i)).isoformat()}T12:00:00Z,{50 + 5 * (i >= BEFORE) + e:.4f}"
        for i, e in enumerate(rng.normal(0, 2, BEFORE + AFTER))
    ]
    return "\n".join(["timestamp,outcome", *rows]) + "\n"


def measured(service: Service, name: str) -> list[dict[str, Any]]:
    """Give what the answer of a run keeps of the runs that it names."""
    found: list[dict[str, Any]] = list(service.answer(name).provenance.config["measured"])
    return found


@pytest.fixture
def lenders(service: Service) -> list[str]:
    series = service.analyze("series", {"intervention_date": CHANGE})
    return [service.analyze("test").run_id, series.run_id]


def test_an_answer_keeps_what_the_runs_that_it_names_measured(
    service: Service, lenders: list[str]
) -> None:
    answer = service.analyze("taker", {"runs": lenders})

    test, series = measured(service, answer.run_id)
    assert [test["run_id"], series["run_id"]] == lenders
    assert (test["kind"], test["experiment"]) == ("ab-test", "test")
    assert (test["grade"], series["grade"]) == ("randomized", "interrupted")
    assert test["readouts"][0]["mean"] == pytest.approx(1000 * (131 - 101) / 1002)
    last = (FIRST + timedelta(days=BEFORE + AFTER - 1)).isoformat()
    assert (series["readouts"][0]["first"], series["readouts"][0]["last"]) == (CHANGE, last)
    total = test["readouts"][0]["mean"] + series["readouts"][0]["mean"]
    assert answer.summary.headline == f"In all {total:.12g}."


def test_an_answer_is_rebuilt_without_the_runs_that_it_names(
    service: Service, lenders: list[str], tmp_path: Path
) -> None:
    answer = service.analyze("taker", {"runs": lenders})
    for name in ("test", "series"):
        service.delete(name)

    other = Service.open(Settings(home=tmp_path / "home"))
    analysis_again, reproduced = other.rebuilt(answer.run_id), other.reproduce(answer.run_id)
    other.close()

    assert analysis_again.answer.summary == answer.summary
    assert reproduced.equal


def test_the_same_runs_are_the_same_question_and_others_another(
    service: Service, lenders: list[str]
) -> None:
    first = service.analyze("taker", {"runs": lenders})
    again = service.analyze("taker", {"runs": lenders})
    fewer = service.analyze("taker", {"runs": lenders[:1]})
    none = service.analyze("taker")

    assert again.cached
    assert again.run_id == first.run_id
    keys = {one.provenance.key for one in (first, fewer, none)}
    assert len(keys) == 3


def test_what_is_said_to_be_measured_is_looked_up_all_the_same(
    service: Service, lenders: list[str]
) -> None:
    forged = {
        "run_id": lenders[0], "readouts": [{"mean": 1e6}], "covariance": [[1.0]],
        "grade": "randomized",
    }  # fmt: skip

    answer = service.analyze("taker", {"runs": lenders[:1], "measured": [forged]})

    assert measured(service, answer.run_id)[0]["readouts"][0]["mean"] < 100


# what cannot be taken


def refused(service: Service, run_id: str) -> BadConfig:
    with pytest.raises(BadConfig) as caught:
        service.analyze("taker", {"runs": [run_id]})
    (fault,) = caught.value.extras["fields"]
    assert fault == {"field": "runs", "reason": caught.value.detail}
    return caught.value


def test_a_run_that_there_is_not_is_refused(service: Service) -> None:
    assert "01nowhere" in refused(service, "01nowhere").detail


def test_a_run_of_a_kind_that_measures_no_effect_is_refused(service: Service) -> None:
    found = refused(service, service.analyze("taker").run_id)

    assert "borrower, which measures no effect" in found.detail
    assert "A/B test" in str(found.hint)


def test_a_run_that_failed_is_refused(service: Service, tmp_path: Path) -> None:
    fill(service, tmp_path, "lonely", "ab-test", "variant,trials,successes\nA,10,1\n")
    with pytest.raises(InsufficientData):
        service.analyze("lonely")
    (failed,) = service.runs("lonely")

    assert "measured nothing: it failed" in refused(service, failed.id).detail


def test_a_run_that_is_not_over_is_refused_until_it_is(
    tmp_path: Path, gate: Gate, service: Service
) -> None:
    catalog.cache_clear()  # now the coin is among the kinds too
    fill(service, tmp_path, "coin", "coin", TOSSES)
    with pytest.raises(Pending) as pending:
        service.without_waiting().analyze("coin")

    waiting = refused(service, pending.value.run.id)
    gate.open()
    service.analyze("coin")
    over = refused(service, pending.value.run.id)

    assert "is not over" in waiting.detail
    assert "measures no effect" in over.detail


def test_a_run_of_another_version_is_refused(
    lenders: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    newer = dataclasses.replace(ab_test, version=ab_test.version + 1)
    found = analysis.find_kind
    monkeypatch.setattr(analysis, "find_kind", lambda s: newer if s == "ab-test" else found(s))
    other = Service.open(Settings(home=tmp_path / "home"))

    said = refused(other, lenders[0]).detail
    other.close()

    assert f"made by version {ab_test.version} of ab-test" in said


def test_a_test_whose_units_were_split_wrongly_is_refused(service: Service, tmp_path: Path) -> None:
    uneven = "variant,trials,successes\nA,1000,100\nB,2000,260\n"
    fill(service, tmp_path, "uneven", "ab-test", uneven)

    found = refused(service, service.analyze("uneven").run_id)

    assert "not split as planned" in found.detail
