"""The CENT 2015 report: every part of the checklist has a status, and files hold all of it."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.kinds.n_of_1.cent_items import ITEMS
from pymc_vibes.kinds.n_of_1.config import Protocol
from pymc_vibes.settings import Settings
from tests.kinds.conduct_worlds import FIRST, ask, cells, config, data, fitted, noise, pairs

API = "/api/v1/experiments/trial"


def report(table: pa.Table, **settings: Any) -> Any:
    chosen = config(**settings)
    return ask("cent", chosen, fitted(table, chosen))


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(1)
    return cells(noise(40, rng).tolist(), pairs(40, rng))


def rows(answer: Any) -> dict[str, Any]:
    return {item["number"]: item for item in data(answer)["items"]}


def test_the_checklist_has_25_items_in_44_parts() -> None:
    numbers = [item.number for item in ITEMS]

    assert len(set(numbers)) == len(numbers) == 44
    assert {int("".join(c for c in n.split(".")[0] if c.isdigit())) for n in numbers} == set(
        range(1, 26)
    )


def test_every_text_of_the_protocol_answers_an_item() -> None:
    # dates of recruitment stand beside those of the days
    assert {item.field for item in ITEMS if item.field} | {"recruitment"} == set(
        Protocol.model_fields
    )


def test_every_part_has_a_status_and_a_content(table: pa.Table) -> None:
    answer = report(table)

    found = rows(answer)
    counts = data(answer)["counts"]
    assert list(found) == [item.number for item in ITEMS]
    assert all(one["content"] for one in found.values())
    assert dict(Counter(one["status"] for one in found.values())) == counts
    assert f"{counts['filled']} of 44" in answer.summary.headline
    shown = [row[0] for table in answer.summary.tables for row in table.rows if row[0] in found]
    assert shown == list(found)


def test_what_the_data_say_is_filled_in(table: pa.Table) -> None:
    found = rows(report(table, design={"block": 2, "seed": 7}, outcome_name="pain", washout_days=0))

    filled = [number for number, one in found.items() if one["status"] == "filled"]
    assert filled == [
        "3a", "6a.1", "7b", "8a", "8b", "8c", "12a", "12c", "13a.1", "14a", "14b", "16", "17a.1",
        "17a.2", "18",
    ]  # fmt: skip
    assert "pain" in found["6a.1"]["content"]
    assert found["5"]["status"] == "yours to write"
    assert found["5"]["content"].endswith("Write the rest as protocol.interventions.")
    assert "1,048,576 schedules" in found["8a"]["content"]
    assert "with seed 7" in found["8a"]["content"]
    assert f"from {FIRST}" in found["14a"]["content"]


def test_a_sequence_that_nobody_drew_is_missing(table: pa.Table) -> None:
    answer = report(table)

    missing = [number for number, one in rows(answer).items() if one["status"] == "missing"]
    assert missing == ["8a", "8b"]
    assert [f.code for f in answer.summary.findings if f.severity == "warning"] == [
        "missing-8a", "missing-8b",
    ]  # fmt: skip


def test_the_texts_of_the_protocol_are_in_their_places(table: pa.Table) -> None:
    texts = {name: f"Said of {name}." for name in Protocol.model_fields}

    found = rows(report(table, protocol=texts, design={"block": 2}))

    said = [f"Said of {item.field}." for item in ITEMS if item.field]
    assert [found[item.number]["content"][: len(text)] for item, text in zip(
        [item for item in ITEMS if item.field], said, strict=True
    )] == said  # fmt: skip
    assert {one["status"] for one in found.values()} == {"filled", "does not apply"}


def test_what_is_asked_of_series_applies_to_several_people(table: pa.Table) -> None:
    rng = np.random.default_rng(2)
    others = [cells(noise(40, rng).tolist(), pairs(40, rng), user=user) for user in ("ben", "cem")]

    alone, together = rows(report(table)), rows(report(pa.concat_tables([table, *others])))

    series = ["12b", "13a.2", "13b"]
    assert [alone[number]["status"] for number in series] == ["does not apply"] * 3
    assert [together[number]["status"] for number in series] == ["filled"] * 3
    assert "3 people have data, 3 are analyzed" in together["13a.2"]["content"]


def test_absolute_and_relative_effects_are_for_yes_or_no_outcomes(table: pa.Table) -> None:
    rng = np.random.default_rng(3)
    given = pairs(60, rng)
    likely = np.array([0.75 if one == "b" else 0.25 for one in given])
    yes = (rng.random(60) < likely).astype(float)

    found = rows(report(cells(yes.tolist(), given)))

    assert rows(report(table))["17b"]["status"] == "does not apply"
    assert found["17b"]["status"] == "filled"
    assert "relative" in found["17b"]["content"]


# through the whole house


def day_rows(first: int, end: int) -> str:
    """Write days `[first, end)` of a trial of 48 days as a file."""
    rng = np.random.default_rng(4)
    given, values = pairs(48, rng), noise(48, rng)
    lines = [
        f"{FIRST + timedelta(days=day)},{given[day]},{values[day]:.4f}" for day in range(first, end)
    ]
    return "\n".join(["timestamp,treatment,outcome", *lines])


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[TestClient]:
    """A trial of 24 days, of which 48 are planned."""
    settings = {
        "comparator": "a", "treatment": "b", "design": {"block": 2},
        "monitoring": {"planned_width": 1.0},
    }  # fmt: skip
    with TestClient(create_app(Settings(home=tmp_path, ledger="off"), quiet=True)) as web:
        body = {"name": "trial", "kind": "n-of-1", "config": settings}
        web.post("/api/v1/experiments", json=body).raise_for_status()
        send(web, day_rows(0, 24))
        yield web


def send(web: TestClient, text: str) -> None:
    sent = web.post(f"{API}/events", content=text, headers={"Content-Type": "text/csv"})
    sent.raise_for_status()


def test_a_trial_is_looked_at_twice_and_every_look_is_kept(trial: TestClient) -> None:
    first = trial.post(f"{API}/look", json={}).json()
    again = trial.post(f"{API}/look", json={}).json()
    send(trial, day_rows(24, 48))
    trial.delete(f"{API}/cache").raise_for_status()
    second = trial.post(f"{API}/look", json={"parameters": {"is_last": True}}).json()

    kept = trial.get(f"{API}/look").json()["entries"]
    assert again == first
    assert [entry["entry"]["number"] for entry in kept] == [1, 2]
    assert kept == [first, second]
    assert second["data"]["fraction"] > first["data"]["fraction"]
    assert second["data"]["error_spent"] == pytest.approx(0.05)
    assert len(second["summary"]["tables"][0]["rows"]) == 2


def test_the_report_is_one_file_with_its_figures(trial: TestClient) -> None:
    page = trial.get(f"{API}/cent", params={"format": "html"})

    assert page.headers["Content-Disposition"] == 'attachment; filename="trial-cent.html"'
    assert page.text.count("<svg") >= 3
    for banned in ("<script", "<link", 'src="http', "url(http"):
        assert banned not in page.text
    assert all(item.asks.split(",")[0] in page.text for item in ITEMS if "'" not in item.asks)
