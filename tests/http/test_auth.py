"""Nobody gets in without a good token, whatever the route and whatever the forgery."""

import base64
import json
import time
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.testclient import TestClient

from pymc_vibes.core.errors import BadConfig, NotAuthenticated
from pymc_vibes.http.app import create_app
from pymc_vibes.http.auth import Verifier, create_token
from pymc_vibes.http.deps import SAFE
from pymc_vibes.http.security import OPEN
from pymc_vibes.kinds import catalog
from pymc_vibes.settings import Settings
from tests.http.conftest import SECRET

NOW = 1_800_000_000.0
GOOD: dict[str, Any] = {
    "sub": "ann",
    "scope": "read ingest",
    "aud": "pymc-vibes",
    "iss": "pymc-vibes",
    "nbf": NOW - 60,
    "exp": NOW + 3600,
}
RSA = RSAKey.generate_key(2048)
PUBLIC = RSA.as_pem(private=False).decode()


def signed(claims: dict[str, Any], *, secret: str = SECRET, **header: Any) -> str:
    key = OctKey.import_key(secret)
    return jwt.encode({"alg": "HS256", **header}, dict(claims), key, algorithms=["HS256"])


def without(claim: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != claim}


def bare(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in (header, claims)
    )
    return f"{'.'.join(parts)}."


FORGERIES = {
    "empty": "",
    "garbage": "no.token.at-all",
    "no algorithm": bare({"alg": "none"}, GOOD),
    "no algorithm, spelled oddly": bare({"alg": "NoNe"}, GOOD),
    "another secret": signed(GOOD, secret="x" * 40),
    "cut": signed(GOOD)[:-5],
    "claims of another token": ".".join(
        [
            signed(GOOD).split(".")[0],
            signed(GOOD | {"sub": "bob"}).split(".")[1],
            signed(GOOD).split(".")[2],
        ]
    ),
    "no expiry": signed(without("exp")),
    "expired": signed(GOOD | {"exp": NOW - 3600}),
    "expiry as text": signed(GOOD | {"exp": str(int(NOW) + 3600)}),
    "expiry as truth": signed(GOOD | {"exp": True}),
    "expiry past all time": signed(GOOD | {"exp": 10**30}),
    "expiry without end": signed(GOOD | {"exp": float("inf")}),
    "lives too long": signed(GOOD | {"exp": NOW + 400 * 86_400}),
    "not valid yet": signed(GOOD | {"nbf": NOW + 3600}),
    "no audience": signed(without("aud")),
    "another audience": signed(GOOD | {"aud": "elsewhere"}),
    "no issuer": signed(without("iss")),
    "another issuer": signed(GOOD | {"iss": "elsewhere"}),
    "unknown critical header": signed(GOOD).replace(
        signed(GOOD).split(".")[0],
        base64.urlsafe_b64encode(b'{"alg":"HS256","crit":["x"],"x":1}').rstrip(b"=").decode(),
    ),
    "enormous": "e" * 100_000,
    "without a signature": f"{signed(GOOD).rpartition('.')[0]}.",
    "another algorithm": jwt.encode(
        {"alg": "HS512"}, dict(GOOD), OctKey.import_key("x" * 64), algorithms=["HS512"]
    ),
    "issued in the future": signed(GOOD | {"iat": NOW + 3600}),
    "issued at no time": signed(GOOD | {"iat": "yesterday"}),
    "a key of its own": signed(
        GOOD, secret="x" * 40, jwk={"kty": "oct", "k": "eHh4eHh4eHg"}, jku="http://evil.example"
    ),
    "a key that is a file": bare({"alg": "HS256", "kid": "../../../../dev/null"}, GOOD),
    "a key that is a query": bare({"alg": "HS256", "kid": "x' UNION SELECT 'x"}, GOOD),
    "claims that are no object": bare({"alg": "HS256"}, ["ann"]),  # type: ignore[arg-type]
    "deeply nested": f"{'W' * 4000}.{'W' * 4000}.x",
    "not text of this world": "\ud800.\x00.\u202e",
}


def verifier(**settings: Any) -> Verifier:
    return Verifier(Settings(**settings), now=lambda: NOW)


def test_a_good_token_names_its_holder_and_scopes() -> None:
    found = verifier(auth_secret=SECRET).verify(signed(GOOD), "bearer")

    assert (found.subject, found.scopes, found.expires) == (
        "ann",
        frozenset({"read", "ingest"}),
        NOW + 3600,
    )


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_refused(forgery: str) -> None:
    with pytest.raises(NotAuthenticated):
        verifier(auth_secret=SECRET).verify(forgery, "bearer")


@pytest.mark.parametrize("other", [None, SECRET])
def test_a_public_key_cannot_pass_as_a_secret(other: str | None) -> None:
    # without a warning: the library itself advises against such keys
    head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=").decode()
    claims = base64.urlsafe_b64encode(json.dumps(GOOD).encode()).rstrip(b"=").decode()
    import hashlib
    import hmac

    mac = hmac.new(PUBLIC.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    forged = f"{head}.{claims}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    with pytest.raises(NotAuthenticated):
        verifier(auth_public_key=PUBLIC, auth_secret=other).verify(forged, "bearer")


def test_a_public_key_checks_tokens_signed_elsewhere() -> None:
    token = jwt.encode({"alg": "RS256"}, dict(GOOD), RSA, algorithms=["RS256"])

    assert verifier(auth_public_key=PUBLIC).verify(token, "bearer").subject == "ann"


def test_a_secret_does_not_open_a_server_that_trusts_a_public_key() -> None:
    with pytest.raises(NotAuthenticated):
        verifier(auth_public_key=PUBLIC).verify(signed(GOOD), "bearer")


def test_a_private_key_is_not_taken_for_a_public_one() -> None:
    with pytest.raises(BadConfig, match="private"):
        verifier(auth_public_key=RSA.as_pem(private=True).decode())


@pytest.mark.parametrize(
    ("scopes", "days"), [([], 1), (["write"], 1), (["read"], 0), (["read"], 4000)]
)
def test_a_token_that_would_be_refused_is_not_made(
    locked_settings: Settings, scopes: list[str], days: int
) -> None:
    with pytest.raises(BadConfig):
        create_token(locked_settings, "ann", scopes, days)


def requests_of(app: FastAPI) -> list[tuple[str, str]]:
    found = []
    for route in iter_route_contexts(app.routes):
        path = (route.path_format or route.path or "").replace("{path}", "x")
        for name in (
            "{name}",
            "{slug}",
            "{query}",
            "{run_id}",
            "{figure}",
            "{cohort}",
            "{event}",
            "{user_id}",
        ):
            path = path.replace(name, "x")
        methods = sorted(route.methods or {"GET"})
        found += [(method, path) for method in methods if "{" not in path]
    return found


KEPT = {query.slug for kind in catalog().values() for query in kind.queries if query.is_kept}
QUERIES = {query.slug for kind in catalog().values() for query in kind.queries}
ON_CONFIG = [
    (kind.slug, query.slug)
    for kind in catalog().values()
    for query in kind.queries
    if query.on == "config"
]
CLOSED = [
    pair
    for pair in requests_of(create_app(Settings(), quiet=True))
    if pair[1] not in OPEN and not pair[1].startswith("/static")
]


def test_the_walk_knows_every_address() -> None:
    assert {("POST", "/api/v1/experiments/x/events"), ("GET", "/metrics"), ("GET", "/docs"),
            ("GET", "/openapi.json"), ("POST", "/ingest"), ("GET", "/")} <= set(CLOSED)  # fmt: skip
    assert len(CLOSED) > 60


def test_no_address_answers_without_a_token(locked: TestClient) -> None:
    answers = {pair: locked.request(*pair).status_code for pair in CLOSED}

    assert {pair: status for pair, status in answers.items() if status != 401} == {}


@pytest.mark.parametrize(
    "claims", [GOOD | {"exp": 1.0}, GOOD | {"aud": "elsewhere"}], ids=["expired", "audience"]
)
def test_no_address_answers_a_bad_token(locked: TestClient, claims: dict[str, Any]) -> None:
    late = {"exp": time.time() + 60, "nbf": 0} if claims["exp"] != 1.0 else {}
    headers = {"Authorization": f"Bearer {signed(claims | late)}"}

    answers = {pair: locked.request(*pair, headers=headers).status_code for pair in CLOSED}

    assert {pair: status for pair, status in answers.items() if status != 401} == {}


def test_a_token_without_scopes_gets_no_further_than_the_door(locked: TestClient) -> None:
    token = signed(GOOD | {"scope": "", "exp": time.time() + 60, "nbf": 0})
    headers = {"Authorization": f"Bearer {token}"}
    described = {("GET", "/openapi.json"), ("HEAD", "/openapi.json")}

    answers = {
        pair: locked.request(*pair, headers=headers).status_code
        for pair in CLOSED
        if pair not in described
    }

    assert {pair: status for pair, status in answers.items() if status != 403} == {}


# every address that takes an unsafe method, by the scope that opens it; what is not here needs
# `admin`, so a route that is added without a thought is closed
OPENED_BY = {
    "ingest": {
        "/api/v1/experiments",
        "/api/v1/experiments/x/events",
        "/ingest",
        "/datasets/upload",
        "/experiments",
        "/experiments/x/upload",
        "/example",
        "/ui/mix/demo",
        "/ui/mix/upload",
        "/experiments/x/workbench/upload",
    },
    "run": {
        "/api/v1/experiments/x/runs",
        *(f"/api/v1/experiments/x/{query}" for query in KEPT),
        "/api/v1/runs/x/cancel",
        "/api/v1/runs/x/reproduce",
        "/experiments/x/ask/x",
        "/runs/x/cancel",
        "/runs/x/reproduce",
        "/analytics/its/analyze",
        "/runs/create",
        "/runs/x/build_features",
        "/runs/x/train",
        "/experiments/x/workbench/train",
        "/experiments/x/workbench/cancel",
    },
    "read": {
        "/api/v1/experiments/x/x",
        "/api/v1/kinds/x/x",
        "/datasets/x/validate",
        "/api/v1/runs/x/x",
        "/sign-out",
        *(f"/api/v1/runs/x/{query}" for query in QUERIES),
        *(f"/api/v1/experiments/x/{query}" for query in QUERIES - KEPT),
        *(f"/api/v1/kinds/{kind}/{query}" for kind, query in ON_CONFIG),
    },
}
CHANGING = [pair for pair in CLOSED if pair[0] not in SAFE]


def allowed(client: TestClient, *scopes: str) -> set[tuple[str, str]]:
    """Give the unsafe requests that a token with these scopes gets through with."""
    claims = GOOD | {"scope": " ".join(scopes), "exp": time.time() + 600, "nbf": 0}
    headers = {"Authorization": f"Bearer {signed(claims)}"}
    return {pair for pair in CHANGING if client.request(*pair, headers=headers).status_code != 403}


@pytest.mark.parametrize("scope", OPENED_BY)
def test_a_scope_opens_its_own_addresses_and_no_other(locked: TestClient, scope: str) -> None:
    assert allowed(locked, scope) == {
        pair for pair in CHANGING if pair[0] == "POST" and pair[1] in OPENED_BY[scope]
    }


def test_only_an_administrator_takes_away(locked: TestClient) -> None:
    others = allowed(locked, *OPENED_BY)

    assert allowed(locked, "admin") == set(CHANGING)
    assert set(CHANGING) - others == {
        ("PATCH", "/api/v1/experiments/x"),
        ("DELETE", "/api/v1/experiments/x"),
        ("DELETE", "/api/v1/experiments/x/cache"),
        ("POST", "/experiments/x/settings"),
        ("POST", "/experiments/x/clear-cache"),
        ("POST", "/experiments/x/delete"),
        ("POST", "/experiments/x/workbench/replace"),
        ("POST", "/experiments/x/workbench/settings"),
        ("POST", "/experiments/x/workbench/experiments"),
        ("POST", "/experiments/x/workbench/experiments/remove"),
    }


def test_who_may_only_add_does_not_see(locked: TestClient) -> None:
    claims = GOOD | {"scope": "ingest run", "exp": time.time() + 600, "nbf": 0}
    headers = {"Authorization": f"Bearer {signed(claims)}"}

    assert locked.get("/api/v1/experiments", headers=headers).status_code == 403


@pytest.mark.parametrize("path", sorted(OPEN - {"/sign-in"}))
def test_health_needs_no_token(locked: TestClient, path: str) -> None:
    assert locked.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/static/../api/v1/kinds", "//healthz", "/healthz/../metrics", "/static%2f..%2fmetrics"],
)
def test_no_spelling_of_an_open_address_opens_another(locked: TestClient, path: str) -> None:
    raw = locked.build_request("GET", "/")
    raw.url = raw.url.copy_with(raw_path=path.encode())

    assert locked.send(raw).status_code in {401, 404}
