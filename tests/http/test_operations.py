"""Headers that browsers obey, logs without secrets, counters without end, binding with care."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pymc_vibes.core.errors import BadConfig, UnsafeBinding
from pymc_vibes.http.app import create_app
from pymc_vibes.http.metrics import COHORT_SLOTS, OTHER, Metrics
from pymc_vibes.http.security import content_policy
from pymc_vibes.http.serve import check_binding
from pymc_vibes.settings import Settings, load_settings

CANARY = "canary-secret-that-nobody-may-ever-see-written"


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/kinds", "/nope", "/healthz", "/docs", "/static/nope.js"]
)
def test_every_answer_carries_the_security_headers(observed: TestClient, path: str) -> None:
    headers = observed.get(path).headers

    assert headers["content-security-policy"] == content_policy()
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_the_policy_allows_no_foreign_and_no_inline_script() -> None:
    policy = content_policy()

    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    assert re.search(r"style-src 'self' 'sha256-[\w+/=]+'", policy)


@pytest.mark.parametrize("path", ["/", "/api/v1/kinds", "/nope"])
def test_answers_are_private(observed: TestClient, path: str) -> None:
    headers = observed.get(path).headers

    assert headers["cache-control"] == "private, no-cache"
    assert "Cookie" in headers["vary"]


def test_static_files_are_kept_and_checked_by_tag(observed: TestClient) -> None:
    named = observed.get("/static/app.css?v=1")
    plain = observed.get("/static/app.css")
    again = observed.get("/static/app.css", headers={"If-None-Match": plain.headers["etag"]})

    assert "immutable" in named.headers["cache-control"]
    assert "immutable" not in plain.headers["cache-control"]
    assert again.status_code == 304


def test_a_safe_request_id_is_kept_and_any_other_replaced(observed: TestClient) -> None:
    kept = observed.get("/healthz", headers={"X-Request-ID": "trace-1.a_B"})
    made = observed.get("/healthz", headers={"X-Request-ID": "x\ty; <script>"})

    assert kept.headers["x-request-id"] == "trace-1.a_B"
    assert re.fullmatch(r"[0-9a-z]{26}", made.headers["x-request-id"])


def test_only_listed_origins_may_call_from_a_browser(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cors_origins=("https://friend.example",))
    with TestClient(create_app(settings, quiet=True)) as client:
        friend = client.get("/healthz", headers={"Origin": "https://friend.example"})
        other = client.get("/healthz", headers={"Origin": "https://other.example"})
        made = client.post(
            "/api/v1/experiments",
            json={"name": "x", "kind": "bernoulli"},
            headers={"Origin": "https://friend.example", "Sec-Fetch-Site": "cross-site"},
        )

    assert friend.headers["access-control-allow-origin"] == "https://friend.example"
    assert "access-control-allow-credentials" not in friend.headers
    assert "access-control-allow-origin" not in other.headers
    assert made.status_code == 201


def test_a_listed_origin_may_say_how_long_it_waits(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cors_origins=("https://friend.example",))
    asks = {
        "Origin": "https://friend.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, prefer",
    }
    with TestClient(create_app(settings, quiet=True)) as client:
        may = client.options("/analytics/its/analyze", headers=asks)
        told = client.get("/healthz", headers={"Origin": "https://friend.example"})

    assert may.status_code == 200
    assert "retry-after" in told.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize(
    "given",
    ["https://a.example, https://b.example", '["https://a.example", "https://b.example"]'],
)
def test_origins_are_listed_by_commas_or_as_json(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIBES_CORS_ORIGINS", given)

    assert load_settings().cors_origins == ("https://a.example", "https://b.example")


def test_origins_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBES_CORS_ORIGINS", '["https://a.example')

    with pytest.raises(BadConfig, match="VIBES_CORS_ORIGINS"):
        load_settings()


def test_without_a_list_no_origin_may(observed: TestClient) -> None:
    headers = observed.get("/healthz", headers={"Origin": "https://friend.example"}).headers

    assert "access-control-allow-origin" not in headers


def test_each_request_is_one_line_of_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with TestClient(create_app(Settings(home=tmp_path, log_format="json"))) as client:
        client.get("/api/v1/experiments?limit=1", headers={"X-Request-ID": "abc"})

    (line,) = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert line["event"] == "request"
    assert (line["service"], line["request_id"], line["status"]) == ("pymc-vibes", "abc", 200)
    assert (line["path"], line["route"]) == ("/api/v1/experiments", "/api/v1/experiments")
    assert line["ms"] >= 0


def test_the_line_of_a_request_names_its_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"ts": "2024-01-01", "cohort": "a", "event": "e"}]
    with TestClient(create_app(Settings(home=tmp_path, log_format="json"))) as client:
        client.post("/ingest", json=rows)
        begun = client.post("/api/v1/experiments/observations/runs").json()["run_id"]
        client.get(f"/api/v1/runs/{begun}/summary")
        client.get("/api/v1/runs/<nobody>")

    lines = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert [line.get("run_id") for line in lines] == [None, begun, begun, None]


def test_no_secret_is_logged_counted_or_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=tmp_path, auth_secret=CANARY, log_level="debug", log_format="json")
    token = f"eyJ{CANARY}.eyJ{CANARY}.{CANARY}"
    with TestClient(create_app(settings)) as client:
        said = [
            client.get(f"/{token}", headers={"Authorization": f"Bearer {CANARY}"}).text,
            client.get("/metrics", headers={"Cookie": f"vibes_session={token}"}).text,
            client.post("/sign-in", data={"token": CANARY}).text,
            client.get(f"/nope?token={CANARY}").text,
        ]
        counted = client.app.state.metrics.render().decode()  # type: ignore[attr-defined]

    written = capsys.readouterr().err
    assert written
    assert CANARY not in written.replace(f"/{token}", "")
    assert CANARY not in counted
    assert all(CANARY not in text.replace(f"/{token}", "") for text in said)
    assert CANARY not in repr(settings)


def test_requests_are_counted_by_template(rates: TestClient) -> None:
    rates.get("/posterior/north/claim")
    rates.get("/posterior/south/claim")
    rates.get("/nope/1")
    rates.get("/nope/2")

    text = rates.get("/metrics").text

    assert sample(text, "vibes_request_seconds_count", route="/posterior/{cohort}/{event}") == 2
    assert sample(text, "vibes_request_seconds_count", route="(none)", status="404") == 2
    assert "/nope" not in text


def test_rows_fits_hits_and_cohorts_are_counted(rates: TestClient) -> None:
    rates.get("/posterior/north/claim")
    rates.get("/posterior/north/claim")

    text = rates.get("/metrics").text

    assert sample(text, "vibes_ingested_rows_total", kind="poisson-cohorts") == 18
    assert sample(text, "vibes_fits_total", method="exact", verdict="good") == 1
    assert sample(text, "vibes_cache_hits_total", kind="poisson-cohorts") == 1
    assert sample(text, "vibes_cohort_updates_total", cohort="north") == 14


def test_updates_of_a_cohort_only_add_up(rates: TestClient) -> None:
    rates.get("/metrics")
    rates.post("/ingest", json=[{"ts": "2024-01-02", "cohort": "north", "event": "claim"}])

    text = rates.get("/metrics").text

    assert sample(text, "vibes_cohort_updates_total", cohort="north") == 15


def test_cohorts_beyond_the_slots_are_counted_together() -> None:
    metrics = Metrics()
    metrics.count_cohorts("1", {f"c{n}": 1000 - n for n in range(COHORT_SLOTS + 30)})
    metrics.count_cohorts("2", {f"c{n}": 1000 for n in range(COHORT_SLOTS + 60)})

    text = metrics.render().decode()

    assert text.count("vibes_cohort_updates_total{") == COHORT_SLOTS + 1
    assert sample(text, "vibes_cohort_updates_total", cohort="c0") == 1000
    assert sample(text, "vibes_cohort_updates_total", cohort=OTHER) == 60_000


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.1.2.3"])
def test_this_machine_is_safe_to_listen_on(host: str) -> None:
    assert not Settings().has_auth
    check_binding(Settings(), host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])  # noqa: S104  # refused
def test_beyond_this_machine_a_secret_is_needed(host: str) -> None:
    with pytest.raises(UnsafeBinding):
        check_binding(Settings(), host)
    check_binding(Settings(auth_secret=CANARY), host)


def sample(text: str, name: str, **labels: str) -> float:
    """Add up the samples of a counter that carry these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = [line for line in text.splitlines() if line.startswith(f"{name}{{")]
    found: list[Any] = [line for line in lines if all(part in line for part in wanted)]
    return sum(float(line.rpartition(" ")[2]) for line in found)
