"""The web signs in to a cookie; other sites can do nothing with it."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.http.auth import COOKIE, create_token, csrf_token
from pymc_vibes.settings import Settings

EXPERIMENT = {"name": "x", "kind": "bernoulli"}


@pytest.fixture
def token(locked_settings: Settings) -> str:
    return create_token(locked_settings, "bob", ["admin"], 1)


@pytest.fixture
def signed_in(locked: TestClient, token: str) -> TestClient:
    locked.post("/sign-in", data={"token": token})
    return locked


@pytest.fixture
def secure(locked_settings: Settings) -> Iterator[TestClient]:
    app = create_app(locked_settings, quiet=True)
    with TestClient(app, base_url="https://vibes.example", follow_redirects=False) as opened:
        yield opened


def test_signing_in_sets_a_cookie_that_scripts_cannot_read(locked: TestClient, token: str) -> None:
    response = locked.post("/sign-in", data={"token": token, "next": "/kinds"})

    cookie = response.headers["set-cookie"].lower()
    assert (response.status_code, response.headers["location"]) == (303, "/kinds")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie


def test_over_https_the_cookie_is_secure(secure: TestClient, token: str) -> None:
    assert "secure" in secure.post("/sign-in", data={"token": token}).headers["set-cookie"].lower()


def test_the_cookie_reads(signed_in: TestClient) -> None:
    assert signed_in.get("/api/v1/experiments").status_code == 200


def test_a_bad_token_does_not_sign_in(locked: TestClient) -> None:
    response = locked.post("/sign-in", data={"token": "nonsense"})

    assert response.status_code == 401
    assert COOKIE not in response.cookies


@pytest.mark.parametrize(
    "address", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb", ""]
)
def test_signing_in_never_leads_elsewhere(locked: TestClient, token: str, address: str) -> None:
    response = locked.post("/sign-in", data={"token": token, "next": address})

    assert response.headers["location"] == "/"


def test_signing_out_drops_the_cookie(signed_in: TestClient, token: str) -> None:
    signed_in.post("/sign-out", data={"csrf_token": csrf_token(token)})

    assert signed_in.get("/api/v1/experiments").status_code == 401


def test_the_cookie_alone_changes_nothing(signed_in: TestClient) -> None:
    response = signed_in.post("/api/v1/experiments", json=EXPERIMENT)

    assert response.status_code == 403
    assert "token" in response.json()["detail"]


def test_the_cookie_with_the_token_of_its_forms_changes_things(
    signed_in: TestClient, token: str
) -> None:
    headers = {"X-CSRF-Token": csrf_token(token)}

    assert signed_in.post("/api/v1/experiments", json=EXPERIMENT, headers=headers).is_success


def test_the_form_token_of_another_session_is_refused(
    signed_in: TestClient, locked_settings: Settings
) -> None:
    other = create_token(locked_settings, "eve", ["admin"], 1)
    headers = {"X-CSRF-Token": csrf_token(other)}

    response = signed_in.post("/api/v1/experiments", json=EXPERIMENT, headers=headers)

    assert response.status_code == 403


def test_pages_carry_the_form_token_and_forms_work_with_it(
    signed_in: TestClient, token: str
) -> None:
    page = signed_in.get("/").text
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
    assert found is not None

    response = signed_in.post("/experiments", data=EXPERIMENT | {"csrf_token": found[1]})

    assert found[1] == csrf_token(token)
    assert response.status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
    ],
    ids=lambda headers: ",".join(headers.values()),
)
def test_another_site_changes_nothing_even_without_authentication(
    client: TestClient, headers: dict[str, str]
) -> None:
    response = client.post("/api/v1/experiments", json=EXPERIMENT, headers=headers)

    assert response.status_code == 403
    assert response.json()["type"] == "/problems/foreign-request"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
)
def test_our_own_pages_and_programs_may(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/api/v1/experiments", json=EXPERIMENT, headers=headers).is_success


def test_a_bearer_token_may_come_from_anywhere(locked: TestClient, writer: dict[str, str]) -> None:
    headers = writer | {"Sec-Fetch-Site": "cross-site", "Origin": "http://elsewhere.example"}

    assert locked.post("/api/v1/experiments", json=EXPERIMENT, headers=headers).is_success


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil.example", "10.0.0.1"]
)
def test_a_rebound_name_gets_nothing(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/experiments", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "127.8.8.8", "vibes.localhost:80"]
)
def test_names_of_this_machine_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/experiments", headers={"Host": host}).status_code == 200


def test_a_person_without_a_session_is_sent_to_sign_in(locked: TestClient) -> None:
    response = locked.get("/kinds?x=1", headers={"Accept": "text/html"})

    assert response.status_code == 303
    assert response.headers["location"].startswith("/sign-in?next=%2Fkinds")


def test_the_token_stands_in_no_page(signed_in: TestClient, token: str) -> None:
    assert token not in signed_in.get("/").text
