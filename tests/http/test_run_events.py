"""A run is followed by server-sent events: over a real connection, from any point, to its end."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Message

from pymc_vibes.core.run import Run, RunState
from pymc_vibes.http import events
from pymc_vibes.http.app import create_app
from pymc_vibes.http.auth import COOKIE, create_token
from pymc_vibes.http.events import Streams
from pymc_vibes.http.pending import RunLine, line
from pymc_vibes.http.serve import server_of
from pymc_vibes.settings import Settings
from tests.http.conftest import run_aside, words_of
from tests.running import running
from tests.sampled.registered import TOSSES, Gate

API = "/api/v1/experiments/coin"
PATIENCE = 120.0
HTML = {"Accept": "text/html"}


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event as it came over the wire."""

    id: int
    name: str
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Up:
    """A server on a port, in a thread of this process."""

    app: FastAPI
    server: uvicorn.Server
    thread: threading.Thread
    client: httpx2.Client

    def begin(self, **config: Any) -> str:
        """Ask a question that must be sampled, and give where its run is."""
        pending = self.client.post(f"{API}/runs", json=config)
        assert pending.status_code == 202
        return pending.headers["Location"]

    @contextmanager
    def stream(self, where: str, **headers: str) -> Iterator[Iterator[Event]]:
        """Follow a run."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        with self.client.stream("GET", f"{where}/events", headers=named) as response:
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            yield read(response.iter_lines())

    def followed(self, where: str, **headers: str) -> list[Event]:
        """Give everything that comes."""
        with self.stream(where, **headers) as told:
            return list(told)


def read(lines: Iterator[str]) -> Iterator[Event]:
    """Read events; comments and hints when to come back are passed over."""
    fields: dict[str, str] = {}
    for one in lines:
        if one:
            name, _, text = one.partition(":")
            fields[name] = text.removeprefix(" ")
            continue
        if "data" in fields:
            told = json.loads(fields["data"])
            yield Event(id=int(fields["id"]), name=fields["event"], data=told)
        fields = {}


@contextmanager
def serving(settings: Settings, *, works: bool = True) -> Iterator[Up]:
    app = create_app(settings, quiet=True, works=works)
    server = server_of(app, log_level="error")
    with (
        running(server) as (base, thread),
        httpx2.Client(base_url=base, timeout=PATIENCE) as client,
    ):
        yield Up(app=app, server=server, thread=thread, client=client)


def tossed(up: Up) -> Up:
    up.client.post("/api/v1/experiments", json={"name": "coin", "kind": "coin"}).raise_for_status()
    headers = {"Content-Type": "text/csv"}
    up.client.post(f"{API}/events", content=TOSSES, headers=headers).raise_for_status()
    return up


@pytest.fixture
def coin(settings: Settings, gate: Gate) -> Iterator[Up]:
    """A server with a kind that must sample, and some tosses."""
    with serving(settings) as up:
        yield tossed(up)
        gate.open()


def half_way(told: Iterator[Event]) -> Event:
    """Read on until the run stands before the gate."""
    return next(event for event in told if (event.data["progress"] or {}).get("done") == 20)


def test_the_state_comes_at_once_then_each_change_up_to_the_end(coin: Up, gate: Gate) -> None:
    where = coin.begin()
    with coin.stream(where) as told:
        first = next(told)
        waits = half_way(told)
        gate.open()
        rest = list(told)

    ids = [first.id, waits.id, *(event.id for event in rest)]
    assert first.data["id"] == where.rpartition("/")[2]
    assert waits.data["state"] == "running"
    assert waits.data["progress"]["facts"]["chain_4"] == 5
    assert ids == sorted(ids)
    assert [event.name for event in rest].count("end") == 1
    assert rest[-1].name == "end"
    assert rest[-1].data["state"] == "succeeded"
    assert rest[-1].data["headline"] == "The coin falls on heads now and then."
    assert coin.client.get(where).json()["revision"] == rest[-1].id


@pytest.mark.parametrize("how", ["header", "query"])
def test_who_comes_back_gets_only_what_came_after(coin: Up, gate: Gate, how: str) -> None:
    where = coin.begin()
    with coin.stream(where) as told:
        known = half_way(told).id
    gate.open()
    response = coin.client.get(
        f"{where}/events",
        headers={"Last-Event-ID": str(known)} if how == "header" else {},
        params={"last_event_id": known} if how == "query" else {},
    )
    later = list(read(iter(response.text.split("\n"))))

    assert all(event.id > known for event in later)
    assert [event.name for event in later].count("end") == 1


def test_the_header_of_the_browser_wins_over_the_address(coin: Up, gate: Gate) -> None:
    gate.open()
    where = coin.begin()
    last = coin.followed(where)[-1].id
    response = coin.client.get(
        f"{where}/events", headers={"Last-Event-ID": str(last)}, params={"last_event_id": 0}
    )

    assert response.status_code == 204


def test_a_run_that_is_over_gives_one_end(coin: Up, gate: Gate) -> None:
    gate.open()
    where = coin.begin()
    coin.followed(where)
    (only,) = coin.followed(where)
    known = coin.client.get(f"{where}/events", headers={"Last-Event-ID": str(only.id)})

    assert only.name == "end"
    assert (known.status_code, known.content) == (204, b"")


@pytest.mark.parametrize("ends", ["broken", "cancelled"])
def test_a_run_without_an_answer_ends_too(coin: Up, gate: Gate, ends: str) -> None:
    where = coin.begin(ends="broken")
    with coin.stream(where) as told:
        half_way(told)
        if ends == "cancelled":
            coin.client.post(f"{where}/cancel").raise_for_status()
        else:
            gate.open()
        *_, last = told

    assert last.name == "end"
    assert last.data["state"] == ("cancelled" if ends == "cancelled" else "failed")


def test_an_unknown_run_is_not_found(coin: Up) -> None:
    response = coin.client.get("/api/v1/runs/nowhere/events")

    assert response.status_code == 404
    assert response.json()["type"] == "/problems/run-not-found"


def test_only_so_many_follow_and_who_goes_makes_room(coin: Up, gate: Gate) -> None:
    coin.app.state.streams = Streams(1)
    where = coin.begin()
    with coin.stream(where) as told:
        next(told)
        refused = coin.client.get(f"{where}/events")
    gate.open()
    while coin.client.get(where).json()["state"] != "succeeded":
        threading.Event().wait(0.01)
    while (later := coin.client.get(f"{where}/events")).status_code == 503:
        threading.Event().wait(0.01)

    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "2"
    assert "GET /api/v1/runs/" in refused.json()["hint"]
    assert later.status_code == 200


def test_open_streams_end_with_the_server(settings: Settings, gate: Gate) -> None:
    with serving(settings) as up:
        where = tossed(up).begin()
        with up.stream(where) as told:
            half_way(told)
            up.server.should_exit = True
            rest = list(told)
        up.thread.join(PATIENCE)
        is_gone = not up.thread.is_alive()
        gate.open()

    assert all(event.name == "progress" for event in rest)
    assert is_gone


def test_events_are_sent_as_they_are_even_to_a_browser(coin: Up, gate: Gate) -> None:
    gate.open()
    where = coin.begin()
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip"}
    with coin.client.stream("GET", f"{where}/events", headers=headers) as response:
        text = "".join(response.iter_text())

    assert "content-encoding" not in response.headers
    assert response.headers["x-accel-buffering"] == "no"
    assert text.startswith("retry: ")


def test_without_a_worker_the_events_and_the_page_say_so(settings: Settings, gate: Gate) -> None:
    with serving(settings, works=False) as up:
        tossed(up)
        first, second = up.begin(), up.begin(level=0.9)
        with up.stream(first) as told, up.stream(second) as beside:
            place, behind = next(told).data["place"], next(beside).data["place"]
        page = up.client.get(second.replace("/api/v1", ""), headers=HTML).text
    gate.open()

    assert place == {"ahead": 0, "is_served": False}
    assert behind == {"ahead": 1, "is_served": False}
    assert "no worker is running; start one with vibes worker ." in words_of(page)
    assert "1 run goes first." in words_of(page)


def test_the_events_need_what_other_reads_need(
    locked: TestClient, locked_settings: Settings, writer: dict[str, str], reader: dict[str, str]
) -> None:
    made = {"name": "even", "kind": "bernoulli"}
    locked.post("/api/v1/experiments", json=made, headers=writer).raise_for_status()
    headers = {**writer, "Content-Type": "text/csv"}
    locked.post("/api/v1/experiments/even/events", content=TOSSES, headers=headers)
    run = locked.post("/api/v1/experiments/even/runs", json={}, headers=writer).json()["run_id"]
    where = f"/api/v1/runs/{run}/events"
    cookie = {"Cookie": f"{COOKIE}={create_token(locked_settings, 'eve', ['read'], 1)}"}

    codes = [locked.get(where, headers=given).status_code for given in ({}, reader, cookie)]

    assert codes == [401, 200, 200]


def standing(revision: int, state: RunState = RunState.RUNNING) -> RunLine:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    run = Run(id="1", experiment="e", kind="k", state=state, created=now, config={})
    return line(run.model_copy(update={"revision": revision}))


SCOPE = {"type": "http", "asgi": {"spec_version": "2.4"}}


async def unheard() -> Message:
    raise AssertionError("nobody asks")


def test_a_slow_reader_gets_the_run_as_it_is_when_it_is_ready() -> None:
    states = iter([standing(1), standing(7), standing(9, RunState.SUCCEEDED)])
    now = [next(states)]
    sent: list[bytes] = []

    async def slowly(message: Message) -> None:
        sent.append(message.get("body", b""))
        if b"data:" in sent[-1]:
            now[0] = next(states, now[0])
            now[0] = next(states, now[0])

    stream = Streams().stream("1", lambda: now[0], None)
    run_aside(stream(SCOPE, unheard, slowly))

    assert [event.id for event in read(iter(b"".join(sent).decode().split("\n")))] == [1, 9]


def test_silence_is_broken_by_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.001)
    now, sent = standing(1), bytearray()
    streams = Streams()
    streams.is_ending = lambda: sent.count(b": ping") >= 2

    async def send(message: Message) -> None:
        sent.extend(message.get("body", b""))

    stream = streams.stream("1", lambda: now, now)
    run_aside(stream(SCOPE, unheard, send))

    assert sent.count(b": ping") == 2
    assert b"data:" not in sent


def test_those_who_follow_the_same_run_share_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FRESH_SECONDS", PATIENCE)
    streams, looks, sent = Streams(), [], bytearray()

    def look() -> RunLine:
        looks.append(1)
        return standing(3, RunState.SUCCEEDED)

    async def send(message: Message) -> None:
        sent.extend(message.get("body", b""))

    async def follow_at_once() -> None:
        followers = (streams.stream("1", look, None) for _ in range(20))
        await asyncio.gather(*(follower(SCOPE, unheard, send) for follower in followers))

    run_aside(follow_at_once())

    assert sent.count(b"event: end") == 20
    assert len(looks) == 1


def test_the_stream_is_described(coin: Up) -> None:
    described = coin.client.get("/openapi.json").json()["paths"]["/api/v1/runs/{run_id}/events"]

    assert list(described["get"]["responses"]["200"]["content"]) == ["text/event-stream"]
    assert "204" in described["get"]["responses"]
    assert {"last_event_id", "Last-Event-ID"} <= {
        parameter["name"] for parameter in described["get"]["parameters"]
    }
