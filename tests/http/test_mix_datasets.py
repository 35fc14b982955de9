"""Datasets of a marketing mix: uploaded, named, checked and shown."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.kinds.marketing_mix.samples import SAMPLE, SAMPLE_COLUMNS, sample
from pymc_vibes.settings import Settings
from tests.http.mix import RUN_SPEC, as_csv, as_parquet, sample_csv, upload

TABLE = sample()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server with the sample as a dataset."""
    settings = Settings(home=tmp_path_factory.mktemp("mix"), max_upload_bytes=200_000)
    with TestClient(create_app(settings, quiet=True)) as client:
        upload(client, sample_csv()).raise_for_status()
        yield client


def check(client: TestClient, name: str, body: Any = None) -> dict[str, Any]:
    answer = client.post(f"/datasets/{name}/validate", json=body)
    return dict(answer.raise_for_status().json())


def named(content: bytes, filename: str) -> dict[str, Any]:
    return {"files": {"file": (filename, content, "application/octet-stream")}}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (named(sample_csv(), "Media Spend (2024).CSV"), "media-spend-2024"),
        (named(as_parquet(TABLE), "weekly.parquet"), "weekly"),
        (named(sample_csv(), "../../etc/../by path.csv"), "by-path"),
        (named(sample_csv(), "told.csv") | {"params": {"dataset_id": "by-query"}}, "by-query"),
        (named(sample_csv(), "told.csv") | {"data": {"dataset_id": "by-field"}}, "by-field"),
        (
            {
                "content": sample_csv(),
                "headers": {"Content-Type": "text/csv"},
                "params": {"dataset_id": "plain-body"},
            },
            "plain-body",
        ),
    ],
    ids=["file name", "parquet", "path", "query", "field", "body"],
)
def test_an_upload_makes_a_dataset(server: TestClient, sent: dict[str, Any], name: str) -> None:
    made = server.post("/datasets/upload", **sent).raise_for_status()

    assert made.headers["location"] == f"/datasets/{name}"
    assert made.json()["dataset_id"] == name
    assert (made.json()["created"], made.json()["rows"]) == (True, 104)
    shown = server.get(f"/api/v1/experiments/{name}").json()
    assert (shown["kind"], shown["rows"]) == ("marketing-mix", 104)


def test_a_dataset_without_any_name_is_named_by_its_content(server: TestClient) -> None:
    headers = {"Content-Type": "text/csv"}
    sent = [
        server.post("/datasets/upload", content=sample_csv(), headers=headers).json()
        for _ in range(2)
    ]

    assert sent[0]["dataset_id"] == sent[1]["dataset_id"]
    assert sent[0]["dataset_id"].startswith("dataset-")
    assert (sent[0]["created"], sent[1]["created"]) == (True, False)


def test_the_same_file_has_one_effect_unless_it_is_read_otherwise(server: TestClient) -> None:
    asked = {"dataset_id": "same-file"}
    once, twice = (upload(server, sample_csv(), params=asked).json() for _ in range(2))
    shifted = upload(server, sample_csv(), params={**asked, "timezone": "Asia/Tokyo"}).json()

    assert (once["replayed"], twice["replayed"], shifted["replayed"]) == (False, True, False)
    assert (once["rows"], twice["rows"], shifted["rows"]) == (104, 104, 208)


def test_the_same_upload_has_one_effect(server: TestClient) -> None:
    headers = {"Idempotency-Key": "monday"}
    once, twice = (
        upload(server, sample_csv(), params={"dataset_id": "once"}, headers=headers)
        .raise_for_status()
        .json()
        for _ in range(2)
    )
    other = upload(server, sample_csv(90), params={"dataset_id": "once"}, headers=headers)

    assert (once["replayed"], twice["replayed"]) == (False, True)
    assert server.get("/datasets/once").json()["rows"] == 104
    assert other.status_code == 409


def test_a_name_of_another_kind_is_refused(server: TestClient) -> None:
    server.post("/ingest", json={"rows": [{"ts": "2024-01-01", "cohort": "a", "event": "e"}]})

    refused = upload(server, sample_csv(), params={"dataset_id": "observations"})
    shown = server.get("/datasets/observations")

    assert (refused.status_code, shown.status_code) == (409, 409)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"PAR1 this is no Parquet file", 422),
        (b"\x00\xff\xfe\x00" * 500, 422),
        (b"a,b\n1,2\n", 422),
        (b"entity_id,period_start,sales\nx,not a date,1\n", 422),
        (b"entity_id,period_start,sales\nx,2024-01-01,=cmd|'/c calc'!A0\n", 422),
        (b"entity_id,period_start,sales,act_tv\nx,2024-01-01,1,-5\n", 422),
        (b"entity_id,period_start,sales\n" + b"x" * 300_000, 413),
    ],
    ids=[
        *("empty", "not parquet", "bytes", "other columns", "no date", "formula", "negative"),
        "too large",
    ],
)
def test_a_file_that_cannot_be_used_leaves_nothing_behind(
    server: TestClient, content: bytes, status: int
) -> None:
    refused = upload(server, content, params={"dataset_id": "hostile"})

    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert server.get("/datasets/hostile").status_code == 404


def test_a_bad_row_is_named_by_its_line(server: TestClient) -> None:
    lines = sample_csv(60).decode().splitlines()
    lines[7] = lines[7].replace(lines[7].split(",")[1], '"in spring"')

    refused = upload(server, "\n".join(lines).encode(), params={"dataset_id": "bad-row"})

    assert refused.status_code == 422
    assert refused.json()["rows"][0]["line"] == 8


def test_a_refused_file_does_not_take_a_dataset_away(server: TestClient) -> None:
    upload(server, sample_csv(), params={"dataset_id": "stays"}).raise_for_status()

    refused = upload(server, b"a,b\n1,2\n", params={"dataset_id": "stays"})

    assert refused.status_code == 422
    assert server.get("/datasets/stays").json()["rows"] == 104


@pytest.mark.parametrize("name", ["", "NUL\x00", "a/b", "x" * 65, "-begins", "sp ace"])
def test_a_name_that_is_none_is_refused(server: TestClient, name: str) -> None:
    answer = upload(server, sample_csv(), name="???.csv", params={"dataset_id": name})

    assert answer.status_code == (200 if not name else 422)


def test_a_form_holds_one_file(server: TestClient) -> None:
    none = server.post("/datasets/upload", files={"dataset_id": (None, "x")})
    two = server.post(
        "/datasets/upload",
        files=[("file", ("a.csv", sample_csv())), ("file", ("b.csv", sample_csv()))],
    )

    assert (none.status_code, two.status_code) == (400, 400)


def test_a_dataset_shows_the_parts_of_its_columns(server: TestClient) -> None:
    shown = server.get(f"/datasets/{SAMPLE}").raise_for_status().json()
    roles = {column["name"]: column["role"] for column in shown["columns"]}

    assert set(roles) == set(SAMPLE_COLUMNS)
    assert shown["channels"] == ["digital", "social", "tv"]
    assert roles["sales"] == "target"
    assert roles["entity_id"] == "entity"
    assert roles["period_start"] == "period"
    assert {name for name, role in roles.items() if role == "activity"} == {
        *("act_tv", "act_digital", "act_social")
    }
    assert {name for name, role in roles.items() if role == "control"} == {
        *("ctrl_price", "ctrl_promo")
    }
    assert shown["first"].startswith("2023-01-02")


def test_a_dataset_whose_settings_name_a_column_it_lacks_is_still_shown(
    server: TestClient,
) -> None:
    upload(server, sample_csv(), params={"dataset_id": "lacking"}).raise_for_status()
    server.patch("/api/v1/experiments/lacking", json={"controls": ["ctrl_gone"]}).raise_for_status()

    shown = server.get("/datasets/lacking").raise_for_status().json()
    found = check(server, "lacking")

    assert shown["channels"] == []
    assert not found["is_valid"]
    assert found["validation_summary"]["errors"][0]["code"] == "unknown-column"


def test_the_sample_can_be_fitted(server: TestClient) -> None:
    own, told = check(server, SAMPLE), check(server, SAMPLE, RUN_SPEC)

    for found in (own, told):
        assert found["is_valid"]
        assert found["validation_summary"]["errors"] == []
        assert found["validation_summary"]["periods"] == 104
        assert found["validation_summary"]["channels"] == ["digital", "social", "tv"]


def test_errors_name_the_rows_that_they_are_about(server: TestClient) -> None:
    twice = pa.concat_tables([TABLE, TABLE.slice(3, 1)])
    upload(server, as_csv(twice), params={"dataset_id": "twice"}).raise_for_status()

    found = check(server, "twice")
    (error,) = (
        e for e in found["validation_summary"]["errors"] if any(p["period"] for p in e["places"])
    )

    assert not found["is_valid"]
    assert error["places"][0]["entity"] == "brand_total"
    assert error["places"][0]["period"] == str(TABLE["period_start"][3].as_py().date())


def test_a_check_looks_as_a_run_of_that_specification_would(server: TestClient) -> None:
    spec = RUN_SPEC | {"controls": ["ctrl_price"], "drivers": ["act_tv"]}

    found = check(server, SAMPLE, spec)["validation_summary"]

    assert found["channels"] == ["tv"]
    assert found["controls"] == ["ctrl_price"]


def test_a_check_names_a_field_that_is_wrong(server: TestClient) -> None:
    refused = server.post(f"/datasets/{SAMPLE}/validate", json={"grain": "fortnight"})

    assert refused.status_code == 422
    assert [item["field"] for item in refused.json()["fields"]] == ["grain"]


def test_an_unknown_dataset_says_how_to_make_one(server: TestClient) -> None:
    answers = [server.get("/datasets/nowhere"), server.post("/datasets/nowhere/validate")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert all("/datasets/upload" in answer.json()["hint"] for answer in answers)


def test_an_empty_dataset_says_that_there_are_no_rows(server: TestClient) -> None:
    made = {"name": "empty", "kind": "marketing-mix"}
    server.post("/api/v1/experiments", json=made).raise_for_status()

    found = check(server, "empty")
    shown = server.get("/datasets/empty").raise_for_status().json()

    assert not found["is_valid"]
    assert shown["rows"] == 0


def test_other_sites_may_ask_where_they_are_listed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home, site = tmp_path_factory.mktemp("cors"), "https://bench.example"
    asks = {"Origin": site, "Access-Control-Request-Method": "POST"}
    answers = []
    for origins in ((), (site,)):
        settings = Settings(home=home, cors_origins=origins)
        with TestClient(create_app(settings, quiet=True)) as client:
            answers.append(client.options("/datasets/upload", headers=asks))

    assert "access-control-allow-origin" not in answers[0].headers
    assert answers[1].headers["access-control-allow-origin"] == site
