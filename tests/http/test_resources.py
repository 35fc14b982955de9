"""The resource tree: experiments, runs and everything that can be had of them."""

import io
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

API = "/api/v1"


@pytest.fixture
def run(rates: TestClient) -> dict[str, Any]:
    """A run on the observations."""
    answer: dict[str, Any] = rates.post(f"{API}/experiments/observations/runs").json()
    return answer


@pytest.fixture(scope="module")
def recorded(observed: TestClient) -> dict[str, Any]:
    """A run for tests that only read."""
    answer: dict[str, Any] = observed.post(f"{API}/experiments/observations/runs").json()
    return answer


def test_an_experiment_lives_and_dies(client: TestClient) -> None:
    made = client.post(
        f"{API}/experiments",
        json={
            "name": "Test-1",
            "kind": "bernoulli",
            "display_name": "Ünïcode <b>",
            "config": {"level": 0.9},
        },
    )
    shown = client.get(f"{API}/experiments/test-1").json()
    gone = client.delete(f"{API}/experiments/test-1")

    assert made.status_code == 201
    assert made.headers["location"] == f"{API}/experiments/test-1"
    assert (shown["display_name"], shown["config"]) == ("Ünïcode <b>", {"level": 0.9})
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.get(f"{API}/experiments/test-1").status_code == 404


def test_a_name_is_taken_whatever_its_case(client: TestClient) -> None:
    client.post(f"{API}/experiments", json={"name": "victim", "kind": "bernoulli"})

    again = client.post(f"{API}/experiments", json={"name": "VICTIM", "kind": "bernoulli"})

    assert again.status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": 1, "kind": "bernoulli"},
        {"name": "x", "kind": "nope"},
        {"name": "../x", "kind": "bernoulli"},
        {"name": "x", "kind": "bernoulli", "config": []},
        {"name": "x", "kind": "bernoulli", "config": {"nope": 1}},
        {"name": "x", "kind": "bernoulli", "config": {"level": 2}},
        {"name": "x", "kind": "bernoulli", "color": "red"},
        {"name": "x", "kind": "bernoulli", "display_name": 5},
    ],
)
def test_a_bad_experiment_is_not_made(client: TestClient, body: dict[str, Any]) -> None:
    response = client.post(f"{API}/experiments", json=body)

    assert 400 <= response.status_code < 500
    assert client.get(f"{API}/experiments").json()["experiments"] == []


def test_lists_are_paged_and_linked(client: TestClient) -> None:
    for name in "cabed":
        client.post(f"{API}/experiments", json={"name": name, "kind": "bernoulli"})

    first = client.get(f"{API}/experiments", params={"limit": 2})
    second = client.get(first.links["next"]["url"])
    third = client.get(second.json()["next"])

    names = [
        [experiment["name"] for experiment in page.json()["experiments"]]
        for page in (first, second, third)
    ]
    assert names == [["a", "b"], ["c", "d"], ["e"]]
    assert third.json()["next"] is None
    assert "link" not in third.headers


def test_stored_settings_change_and_go_back(rates: TestClient) -> None:
    path = f"{API}/experiments/observations"

    changed = rates.patch(path, json={"level": 0.8}).json()["config"]
    restored = rates.patch(path, json={"level": None}).json()["config"]

    assert changed["level"] == 0.8
    assert "level" not in restored


def test_a_run_answers_and_is_found_again(observed: TestClient, recorded: dict[str, Any]) -> None:
    shown = observed.get(f"{API}/runs/{recorded['run_id']}").json()
    listed = observed.get(f"{API}/experiments/observations/runs").json()["runs"]

    assert shown["state"] == "succeeded"
    assert shown["answer"]["summary"] == recorded["summary"]
    assert [line["id"] for line in listed] == [recorded["run_id"]]
    assert listed[0]["headline"] == recorded["summary"]["headline"]


def test_the_same_question_is_answered_from_memory(
    observed: TestClient, recorded: dict[str, Any]
) -> None:
    again = observed.post(f"{API}/experiments/observations/runs", json={}).json()

    assert (recorded["cached"], again["cached"]) == (False, True)
    assert again["run_id"] == recorded["run_id"]


def test_forgetting_says_how_much_was_forgotten(rates: TestClient, run: dict[str, Any]) -> None:
    path = f"{API}/experiments/observations/cache"

    assert rates.delete(path).json() == {"cleared": 1}
    assert rates.delete(path).json() == {"cleared": 0}
    again = rates.post(f"{API}/experiments/observations/runs").json()
    assert again["run_id"] != run["run_id"]
    assert again["summary"] == run["summary"]


def test_settings_of_a_run_are_for_that_run_only(observed: TestClient) -> None:
    path = f"{API}/experiments/observations"

    answer = observed.post(f"{path}/runs", json={"level": 0.8}).json()

    assert answer["provenance"]["config"]["level"] == 0.8
    assert "level" not in observed.get(path).json()["config"]


def test_an_earlier_state_can_be_asked(rates: TestClient) -> None:
    before = rates.get(f"{API}/experiments/observations").json()["snapshot"]
    more = [{"ts": "2024-01-02", "cohort": "north", "event": "claim"}]
    now = rates.post(f"{API}/experiments/observations/runs").json()
    rates.post("/ingest", json=more)

    then = rates.post(f"{API}/experiments/observations/runs", params={"snapshot": before}).json()

    assert then["provenance"]["cells_hash"] == now["provenance"]["cells_hash"]


@pytest.mark.parametrize("part", ["summary", "diagnostics", "figures"])
def test_parts_of_a_run_are_those_of_its_answer(
    observed: TestClient, recorded: dict[str, Any], part: str
) -> None:
    found = observed.get(f"{API}/runs/{recorded['run_id']}/{part}").json()

    assert found == ({"figures": recorded["figures"]} if part == "figures" else recorded[part])


@pytest.mark.parametrize(
    ("suffix", "query", "kind", "begins"),
    [
        ("", "", "application/json", b"{"),
        (".json", "", "application/json", b"{"),
        (".png", "", "image/png", b"\x89PNG"),
        ("", "?format=png&dark=true", "image/png", b"\x89PNG"),
        (".svg", "", "image/svg+xml", b"<?xml"),
        ("", "?format=vega", "application/vnd.vegalite.v6+json", b"{"),
    ],
)
def test_a_figure_comes_in_every_form(
    observed: TestClient,
    recorded: dict[str, Any],
    suffix: str,
    query: str,
    kind: str,
    begins: bytes,
) -> None:
    name = recorded["figures"][0]["name"]

    response = observed.get(f"{API}/runs/{recorded['run_id']}/figures/{name}{suffix}{query}")

    assert response.headers["content-type"].partition(";")[0] == kind
    assert response.content.startswith(begins)


def test_the_posterior_is_a_tree_that_opens_elsewhere(
    observed: TestClient, recorded: dict[str, Any], tmp_path: Any
) -> None:
    import xarray as xr

    response = observed.get(f"{API}/runs/{recorded['run_id']}/posterior", params={"n": 7})
    file = tmp_path / "posterior.nc"
    file.write_bytes(response.content)

    with xr.open_datatree(file, engine="netcdf4") as tree:
        assert set(tree.children) >= {"posterior", "observed_data"}
        assert tree["posterior"].sizes["draw"] == 7


def test_samples_are_repeatable_and_named(observed: TestClient, recorded: dict[str, Any]) -> None:
    path = f"{API}/runs/{recorded['run_id']}/samples"

    one, two = (observed.get(path, params={"n": 4, "seed": 9}) for _ in range(2))
    other = observed.get(path, params={"n": 4, "seed": 10})

    assert one.content == two.content
    assert one.json()["samples"] != other.json()["samples"]
    assert set(one.json()["samples"]) == {"north", "south"}


def test_samples_stream_a_line_per_draw(observed: TestClient, recorded: dict[str, Any]) -> None:
    path = f"{API}/runs/{recorded['run_id']}/samples"

    lines = observed.get(path, params={"n": 4500, "format": "ndjson", "label": "north"}).text

    assert lines.count("\n") == 4500
    assert lines.startswith('{"north": ')


def test_the_report_is_one_page(observed: TestClient, recorded: dict[str, Any]) -> None:
    response = observed.get(f"{API}/runs/{recorded['run_id']}/report")

    assert response.headers["content-type"].startswith("text/html")
    assert recorded["summary"]["headline"] in response.text


@pytest.mark.parametrize(
    "path",
    ["", "/summary", "/figures", "/figures/x", "/diagnostics", "/posterior", "/samples", "/report"],
)
@pytest.mark.parametrize("run_id", ["nope", "..%2F..%2Fetc", "%00", "0" * 26])
def test_a_run_that_is_not_there_is_404(client: TestClient, run_id: str, path: str) -> None:
    assert client.get(f"{API}/runs/{run_id}{path}").status_code == 404


def test_a_question_is_asked_of_an_experiment_and_of_a_run(
    observed: TestClient, recorded: dict[str, Any]
) -> None:
    asked = {"a": "north", "b": "south"}
    paths = [f"{API}/experiments/observations/compare", f"{API}/runs/{recorded['run_id']}/compare"]

    answers = [observed.get(path, params=asked).json() for path in paths]
    answers += [observed.post(path, json={"parameters": asked}).json() for path in paths]

    assert answers[0]["data"]["p_A_gt_B"] > 0.5
    assert all(answer == answers[0] for answer in answers)


def test_a_question_takes_settings_beside_its_parameters(observed: TestClient) -> None:
    path = f"{API}/experiments/observations/rate"

    by_address = observed.get(path, params={"cohort": "north", "unit": "hour"}).json()
    by_body = observed.post(
        path, json={"parameters": {"cohort": "north"}, "config": {"unit": "hour"}}
    ).json()

    assert by_address["data"]["unit"] == "hour"
    assert by_address["data"] == by_body["data"]
    assert by_address["summary"] == by_body["summary"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 400),
        ({"cohort": "north"}, 400),
        ({"parameters": []}, 400),
        ({"parameters": {}}, 422),
        ({"parameters": {"cohort": "nobody"}}, 404),
        ({"parameters": {"cohort": "north"}, "config": {"nope": 1}}, 422),
    ],
)
def test_a_bad_question_is_a_problem(observed: TestClient, body: Any, status: int) -> None:
    response = observed.post(f"{API}/experiments/observations/rate", json=body)

    assert response.status_code == status


def test_an_unknown_question_names_those_there_are(observed: TestClient) -> None:
    problem = observed.get(f"{API}/experiments/observations/nonsense").json()

    assert problem["type"] == "/problems/query-not-found"
    assert "compare" in problem["hint"]


def test_an_assignment_is_kept_and_never_made_by_reading(client: TestClient) -> None:
    client.post(f"{API}/experiments", json={"name": "b", "kind": "multi-armed-bandits"})
    rewards = [
        {"timestamp": "2024-01-01", "arm": arm, "reward": reward}
        for arm in "xyz"
        for reward in (0, 1)
    ]
    client.post(f"{API}/experiments/b/events", json=rewards).raise_for_status()
    path = f"{API}/experiments/b/assign"
    asked = {"parameters": {"unit_id": "u1"}}

    first = client.post(path, json=asked)
    again = [client.post(path, json=asked | {"config": {"seed": n}}).json() for n in range(5)]
    read = client.get(path, params={"unit_id": "u2"})

    assert first.status_code == 200
    assert all(answer == first.json() for answer in again)
    assert (read.status_code, read.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "parquet"])
def test_simulated_events_fit_an_experiment_of_their_kind(client: TestClient, form: str) -> None:
    client.post(f"{API}/experiments", json={"name": "x", "kind": "ab-test"})
    made = client.get(f"{API}/kinds/ab-test/generate", params={"num_events": 50, "format": form})

    receipt = client.post(
        f"{API}/experiments/x/events",
        content=made.content,
        headers={"Content-Type": made.headers["content-type"]},
    ).json()

    assert receipt["ingested"] > 0
    assert receipt["rejected"] == 0


def test_simulated_events_repeat_with_their_seed(client: TestClient) -> None:
    def made(seed: int) -> bytes:
        query = {"num_events": 50, "seed": seed, "format": "csv"}
        return client.get(f"{API}/kinds/bernoulli/generate", params=query).content

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_parquet_keeps_types(client: TestClient) -> None:
    made = client.get(f"{API}/kinds/bernoulli/generate", params={"format": "parquet"})

    assert "timestamp" in str(pq.read_schema(io.BytesIO(made.content)).field("timestamp").type)


def test_an_answer_that_is_known_need_not_be_sent_again(
    observed: TestClient, recorded: dict[str, Any]
) -> None:
    path = f"{API}/runs/{recorded['run_id']}"
    first = observed.get(path)
    tag = first.headers["etag"]

    same = observed.get(path, headers={"If-None-Match": tag})
    among = observed.get(path, headers={"If-None-Match": f'"other", {tag}'})
    other = observed.get(path, headers={"If-None-Match": '"other"'})

    assert tag.startswith('"')
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert among.status_code == 304
    assert (other.status_code, other.content) == (200, first.content)


def test_a_tag_changes_with_the_data(rates: TestClient) -> None:
    path = "/posterior/north/claim"
    before = rates.get(path).headers["etag"]
    rates.post("/ingest", json=[{"ts": "2024-01-02", "cohort": "north", "event": "claim"}])

    after = rates.get(path, headers={"If-None-Match": before})

    assert after.status_code == 200
    assert after.headers["etag"] != before


def test_the_lake_shows_tables_and_snapshots(observed: TestClient) -> None:
    tables = observed.get(f"{API}/tables").json()["tables"]
    snapshots = observed.get(f"{API}/snapshots", params={"limit": 2}).json()["snapshots"]

    assert [table["experiment"] for table in tables] == ["observations"]
    assert snapshots[0]["id"] > snapshots[1]["id"]


def test_every_reading_says_by_which_run_and_whether_it_was_cached(rates: TestClient) -> None:
    asked = {"event": "claim", "A": "north", "B": "south"}
    first = rates.get("/posterior/north/claim").json()["origin"]
    readings = [
        rates.get("/posterior/north/claim"),
        rates.get("/posterior", params={"cohort": "north", "event": "claim"}),
        rates.get("/compare", params=asked),
        rates.post(
            f"{API}/experiments/observations/rate", json={"parameters": {"cohort": "north"}}
        ),
        rates.post(f"{API}/runs/{first['run_id']}/rate", json={"parameters": {"cohort": "north"}}),
    ]

    origins = [reading.raise_for_status().json()["origin"] for reading in readings]

    assert first["cached"] is False
    assert origins == [first | {"cached": True}] * len(readings)
