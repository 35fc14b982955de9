"""Events come in as any format, under a limit, once per key, and leave no file behind."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.uploads import FOLDER
from pymc_vibes.settings import Settings

EVENTS = "/api/v1/experiments/x/events"
TABLE = pa.table(
    {
        "timestamp": ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z"],
        "cohort": ["a", "b", "a"],
        "event": ["e", "e", "e"],
    }
)
ROWS = TABLE.to_pylist()


def as_csv(table: pa.Table = TABLE) -> bytes:
    sink = io.BytesIO()
    pc.write_csv(table, sink)
    return sink.getvalue()


def as_parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink)
    return sink.getvalue()


NDJSON = "".join(f"{json.dumps(row)}\n" for row in ROWS).encode()
BODIES = {
    "csv": ("text/csv", as_csv()),
    "csv with charset": ("text/csv; charset=utf-8", as_csv()),
    "ndjson": ("application/x-ndjson", NDJSON),
    "json list": ("application/json", json.dumps(ROWS).encode()),
    "json rows": ("application/json", json.dumps({"rows": ROWS}).encode()),
    "parquet": ("application/vnd.apache.parquet", as_parquet()),
    "csv, untold": ("application/octet-stream", as_csv()),
    "ndjson, untold": ("application/octet-stream", NDJSON),
    "json, untold": ("application/octet-stream", json.dumps(ROWS).encode()),
    "parquet, untold": ("application/octet-stream", as_parquet()),
    "what curl sends": ("application/x-www-form-urlencoded", as_csv()),
}


@pytest.fixture
def ready(client: TestClient) -> TestClient:
    made = {"name": "x", "kind": "poisson-cohorts"}
    client.post("/api/v1/experiments", json=made).raise_for_status()
    return client


def send(client: TestClient, body: bytes, kind: str = "text/csv", **more: Any) -> Any:
    headers = {"Content-Type": kind, **more.pop("headers", {})}
    return client.post(EVENTS, content=body, headers=headers, params=more)


def stored(client: TestClient) -> int:
    return int(client.get("/api/v1/experiments/x").json()["rows"])


@pytest.mark.parametrize(("kind", "body"), BODIES.values(), ids=BODIES.keys())
def test_every_format_is_taken(ready: TestClient, kind: str, body: bytes) -> None:
    response = send(ready, body, kind)

    assert response.json()["ingested"] == 3
    assert stored(ready) == 3


@pytest.mark.parametrize(
    "name", ["data.csv", "../../etc/passwd", "<img src=x>.csv", "x" * 500, "\U0001f600.csv"]
)
def test_a_form_with_a_file_is_taken_whatever_its_name(ready: TestClient, name: str) -> None:
    response = ready.post(EVENTS, files={"file": (name, as_csv(), "text/csv")})

    assert response.json()["ingested"] == 3


@pytest.mark.parametrize("files", [{}, {"a": ("a.csv", b"x"), "b": ("b.csv", b"x")}])
def test_a_form_holds_exactly_one_file(ready: TestClient, files: dict[str, Any]) -> None:
    response = ready.post(EVENTS, files=files or {"file": (None, "text")})

    assert response.status_code == 400


@pytest.mark.parametrize("kind", ["image/png", "application/pdf", "text/html"])
def test_another_media_type_is_415(ready: TestClient, kind: str) -> None:
    assert send(ready, as_csv(), kind).status_code == 415


def test_a_compressed_body_is_415(ready: TestClient) -> None:
    assert send(ready, as_csv(), headers={"Content-Encoding": "gzip"}).status_code == 415


def test_an_empty_body_is_a_problem(ready: TestClient) -> None:
    assert send(ready, b"").json()["type"] == "/problems/unreadable-file"


def test_a_declared_size_above_the_limit_is_413(ready: TestClient, settings: Settings) -> None:
    response = send(ready, b"x" * (settings.max_upload_bytes + 1))

    assert response.status_code == 413
    assert response.json()["limit"] == settings.max_upload_bytes


def test_an_undeclared_size_above_the_limit_is_413(ready: TestClient, settings: Settings) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(settings.max_upload_bytes // 1000 + 2):
            yield b"x" * 1000

    response = ready.post(EVENTS, content=pieces(), headers={"Content-Type": "text/csv"})

    assert response.status_code == 413


def test_a_form_above_the_limit_is_413(ready: TestClient, settings: Settings) -> None:
    body = b"x" * (settings.max_upload_bytes + 1)

    assert ready.post(EVENTS, files={"file": ("x.csv", body)}).status_code == 413


def test_other_bodies_have_a_smaller_limit(ready: TestClient, settings: Settings) -> None:
    body = b" " * (settings.max_body_bytes + 1)

    response = ready.post("/api/v1/experiments", content=body)

    assert response.status_code == 413


def test_nothing_is_stored_of_a_file_with_bad_rows(ready: TestClient) -> None:
    bad = as_csv() + b'"never","c","e"\n'

    problem = send(ready, bad).json()

    assert problem["type"] == "/problems/bad-rows"
    assert problem["rows"][0]["line"] == 5
    assert stored(ready) == 0


def test_good_rows_may_be_kept(ready: TestClient) -> None:
    receipt = send(ready, as_csv() + b'"never","c","e"\n', skip_bad_rows="true").json()

    assert (receipt["ingested"], receipt["rejected"]) == (3, 1)
    assert receipt["bad_rows"][0]["line"] == 5


def test_source_columns_are_mapped_joined_and_filled(ready: TestClient) -> None:
    table = pa.table({"when": ["2024-07-01 12:00"], "model": ["T"], "year": [1908]})

    response = send(
        ready,
        as_csv(table),
        map=["timestamp=when", "cohort=model+year"],
        set="event=sold",
        timezone="America/New_York",
    )

    row = ready.get(EVENTS).json()
    found = dict(zip(row["columns"], row["rows"][0], strict=True))
    assert response.json()["ingested"] == 1
    assert found["cohort"] == "T | 1908"
    assert found["event"] == "sold"
    assert found["timestamp"].startswith("2024-07-01T16:00:00")


@pytest.mark.parametrize("given", ["cohort", "=x", "cohort=", ""])
def test_a_mapping_that_cannot_be_read_is_400(ready: TestClient, given: str) -> None:
    assert send(ready, as_csv(), map=given).status_code == 400


def test_an_unknown_time_zone_is_a_problem(ready: TestClient) -> None:
    assert send(ready, as_csv(), timezone="Mars/Olympus").status_code == 422


def test_the_same_key_and_body_have_one_effect(ready: TestClient) -> None:
    key = {"Idempotency-Key": "once"}

    first, second = (send(ready, as_csv(), headers=key).json() for _ in range(2))

    assert (first["replayed"], second["replayed"]) == (False, True)
    assert first["batch"] == second["batch"]
    assert stored(ready) == 3


def test_the_same_key_with_another_body_is_409(ready: TestClient) -> None:
    key = {"Idempotency-Key": "once"}
    send(ready, as_csv(), headers=key)

    response = send(ready, as_csv() + as_csv().split(b"\n")[1] + b"\n", headers=key)

    assert response.status_code == 409
    assert stored(ready) == 3


def test_no_staged_file_is_left_behind(ready: TestClient, settings: Settings) -> None:
    send(ready, as_csv())
    send(ready, b"nonsense")
    send(ready, b"x" * (settings.max_upload_bytes + 1))

    assert list((settings.home / FOLDER).iterdir()) == []


def test_what_a_killed_process_left_is_swept_away(settings: Settings) -> None:
    import os

    from pymc_vibes.http.app import create_app

    old, young = settings.home / FOLDER / "old", settings.home / FOLDER / "young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))

    with TestClient(create_app(settings, quiet=True)):
        pass

    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_what_is_exported_can_be_uploaded_again(ready: TestClient, form: str) -> None:
    send(ready, as_csv())
    exported = ready.get(EVENTS, params={"format": form})
    ready.post("/api/v1/experiments", json={"name": "y", "kind": "poisson-cohorts"})

    again = ready.post("/api/v1/experiments/y/events", content=exported.content)

    assert again.json()["ingested"] == 3


def test_a_download_leaves_no_file_behind(ready: TestClient, settings: Settings) -> None:
    send(ready, as_csv())
    ready.get(EVENTS, params={"format": "parquet"})

    assert list((settings.home / FOLDER).iterdir()) == []
