"""Commands on pages: pasted into another terminal, they reach the server that showed them."""

import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.auth import create_token
from pymc_vibes.settings import Settings
from tests.http.conftest import words_of

HTML = {"Accept": "text/html", "Host": "localhost:8731"}
HERE = "http://localhost:8731"
EXPERIMENT = {"name": "signups", "kind": "ab-test"}


def words(client: TestClient, address: str) -> str:
    return words_of(client.get(address, headers=HTML).text)


@pytest.fixture
def signups(client: TestClient) -> TestClient:
    client.post("/api/v1/experiments", json=EXPERIMENT).raise_for_status()
    return client


def test_an_empty_server_gives_commands_that_reach_it(client: TestClient) -> None:
    assert f"export VIBES_URL={HERE}" in words(client, "/")
    assert f"export VIBES_URL={HERE}" in words(client, "/runs")


def test_an_experiment_without_events_says_how_to_send_some(signups: TestClient) -> None:
    told = words(signups, "/experiments/signups")

    assert f"export VIBES_URL={HERE} vibes events upload --name signups --file" in told


def test_a_guarded_server_wants_a_token_in_the_terminal_too(
    locked: TestClient, locked_settings: Settings
) -> None:
    token = create_token(locked_settings, "bob", ["admin"], 1)
    locked.post("/sign-in", data={"token": token})

    told = words(locked, "/")

    assert "export VIBES_TOKEN=" in told
    assert token not in told


@pytest.mark.parametrize("address", ["/runs/zzz", "/experiments/zzz"])
def test_what_is_not_there_gives_a_command_that_reaches_the_server(
    client: TestClient, address: str
) -> None:
    assert f"vibes --url {HERE} " in words(client, address)


def test_an_experiment_that_is_not_there_can_be_made(client: TestClient) -> None:
    missing = client.get("/experiments/signups", headers=HTML).text
    form = client.get("/?name=signups", headers=HTML).text

    assert 'href="/?name=signups#create"' in missing
    assert 'name="name" type="text" required maxlength="64" value="signups"' in form


@pytest.mark.parametrize(
    ("address", "onward"), [("/runs/zzz", "/runs"), ("/kinds/zzz", "/kinds"), ("/zzz", "/docs")]
)
def test_what_is_not_there_leads_on(client: TestClient, address: str, onward: str) -> None:
    main = client.get(address, headers=HTML).text.partition("<main")[2].partition("</main>")[0]

    assert f'href="{onward}"' in main
