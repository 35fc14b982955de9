"""Secrets stand in no log, no answer, no page and no file, whatever goes wrong."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from pymc_vibes.core.errors import Unavailable
from pymc_vibes.http.app import create_app
from pymc_vibes.http.auth import create_token
from pymc_vibes.service.logs import log_like_us
from pymc_vibes.service.secrets import Redactor
from pymc_vibes.settings import Settings

CANARIES = {
    "auth_secret": "canary-1-of-thirty-two-bytes-or-more",
    "s3_secret": 'canary-2-"quoted"\\and/odd',
    "token": "canary-3-of-the-command-line",
}
PASSWORD = "canary-4%40password"  # noqa: S105  # of this test only
ADDRESS = f"postgresql://ada:{PASSWORD}@127.0.0.1:9/lake"
SEEDS = ("canary-1", "canary-2", "canary-3", "canary-4")
HTML = {"Accept": "text/html"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path / "home", ledger="off", log_level="debug", log_format="json", **CANARIES
    )


@pytest.fixture
def token(settings: Settings) -> str:
    return create_token(settings, "ann", ["admin"], 1)


def careless(settings: Settings) -> FastAPI:
    """Give the application with two routes that break and tell everything they know."""
    app = create_app(settings)
    told = f"{ADDRESS} {' '.join(CANARIES.values())}"

    def foreseen() -> None:
        raise Unavailable(f"Cannot reach {told}.", hint=f"Try {told}.", given=[{"at": told}])

    def unforeseen() -> None:
        password = CANARIES["s3_secret"]
        raise RuntimeError(f"cannot connect to {told}: {password!r}")

    app.add_api_route("/careless/foreseen", foreseen)
    app.add_api_route("/careless/unforeseen", unforeseen)
    return app


def serving(settings: Settings, token: str) -> TestClient:
    headers = {"Authorization": f"Bearer {token}"}
    return TestClient(careless(settings), headers=headers, raise_server_exceptions=False)


@pytest.fixture
def client(settings: Settings, token: str) -> Iterator[TestClient]:
    with serving(settings, token) as opened:
        yield opened


def said(client: TestClient, token: str) -> Iterator[str]:
    """Use the server in many ways and give everything that it answers."""
    secret = CANARIES["auth_secret"]
    rows = [{"ts": "2024-01-01", "cohort": "a", "event": "e"}]
    requests = [
        client.post("/ingest", json=rows),
        client.post("/ingest", json=rows, headers={"Idempotency-Key": "k"}),
        client.get("/posterior/a/e"),
        client.get("/", headers=HTML),
        client.get("/openapi.json"),
        client.get("/metrics"),
        client.get("/docs", headers=HTML),
        client.get("/nope", params={"token": token, "password": secret}),
        client.get("/nope", headers={"Authorization": f"Bearer {secret}"}),
        client.get("/nope", headers={"Authorization": f"Basic {secret}"}),
        client.get("/nope", headers={"Cookie": f"vibes_session={secret}", "Authorization": ""}),
        client.post("/sign-in", data={"token": secret}, headers={"Authorization": ""}),
        client.post("/sign-in", json={"token": f"{token}x"}, headers={"Authorization": ""}),
        client.post("/api/v1/experiments", content=b"{", headers={"X-Api-Key": secret}),
        *(client.get(f"/careless/{how}") for how in ("foreseen", "unforeseen")),
        *(client.get(f"/careless/{how}", headers=HTML) for how in ("foreseen", "unforeseen")),
    ]
    for response in requests:
        yield f"{response.status_code} {response.headers} {response.text}"


def test_no_answer_page_or_header_tells_a_secret(client: TestClient, token: str) -> None:
    answers = list(said(client, token))

    assert any(answer.startswith("503") for answer in answers)
    assert any(answer.startswith("500") for answer in answers)
    assert [answer for answer in answers if any(seed in answer for seed in SEEDS)] == []
    assert [answer for answer in answers if token.rpartition(".")[2] in answer] == []


def test_no_log_line_tells_a_secret_and_what_broke_is_there(
    settings: Settings, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(settings, token) as client:  # made here: a log writes to where it began
        answers = list(said(client, token))

    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line for line in lines if any(seed in str(line) for seed in SEEDS)] == []
    assert {line["service"] for line in lines} == {"pymc-vibes"}
    assert token.rpartition(".")[2] not in written
    broke = [line for line in lines if line["event"] == "request_broke"]
    assert len([line for line in lines if line["event"] == "request"]) == len(answers)
    assert {"RuntimeError: cannot connect to" in line["exception"] for line in broke} == {True}


def test_no_file_holds_a_secret(client: TestClient, token: str, settings: Settings) -> None:
    assert list(said(client, token))

    files = [path for path in settings.home.rglob("*") if path.is_file() and not path.is_symlink()]
    held = {path.name: path.read_bytes() for path in files}
    assert held
    needles = [*(seed.encode() for seed in SEEDS), token.rpartition(".")[2].encode()]
    assert [name for name, data in held.items() if any(needle in data for needle in needles)] == []


def test_what_libraries_log_tells_no_secret(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    level = logging.root.level
    log_like_us(settings)
    error = RuntimeError(f"at {ADDRESS} with {CANARIES['s3_secret']}")
    logging.getLogger("a.library").error(
        "broken: %s", CANARIES["auth_secret"], exc_info=error, extra={"api_key": "canary-4"}
    )
    logging.root.setLevel(level)

    (line,) = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert "RuntimeError" in line["exception"]
    assert line["service"] == "pymc-vibes"
    assert [seed for seed in SEEDS if seed in str(line)] == []


def test_a_password_in_an_address_is_known_as_written_and_as_meant() -> None:
    redactor = Redactor(Settings(catalog=ADDRESS, ledger="off"))

    cleaned = redactor.value({"detail": f"{ADDRESS} {PASSWORD} canary-4@password"})

    assert "canary-4" not in cleaned["detail"]
    assert "127.0.0.1" in cleaned["detail"]


def test_a_text_without_secrets_stays_as_it_is() -> None:
    text = 'Cohort "a b", 12:30, x@y.example, https://example.org/a?b=1 and eyJust'

    assert Redactor(Settings(**CANARIES)).text(text) == text


def test_settings_do_not_show_their_secrets(settings: Settings) -> None:
    assert [
        seed for seed in SEEDS if seed in f"{settings!r} {settings} {settings.model_dump()}"
    ] == []
