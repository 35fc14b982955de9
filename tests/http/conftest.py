"""The real application over a real lake in a folder of its own."""

import asyncio
import html
import re
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pymc_vibes.http.app import create_app
from pymc_vibes.http.auth import create_token
from pymc_vibes.settings import Settings

SECRET = "correct horse battery staple, twice over"  # noqa: S105  # of these tests only
ROWS = [
    {"ts": f"2024-01-{day:02d}T12:00:00Z", "cohort": cohort, "event": "claim"}
    for day in range(1, 15)
    for cohort in ("north", "south")
    if cohort == "north" or day % 3 == 0
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings without authentication and with small limits."""
    return Settings(home=tmp_path / "home", max_upload_bytes=200_000, max_body_bytes=20_000)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """An application that everybody on this machine may use."""
    with TestClient(create_app(settings, quiet=True)) as opened:
        yield opened


@pytest.fixture
def rates(client: TestClient) -> TestClient:
    """The same with observations of two cohorts."""
    client.post("/ingest", json={"rows": ROWS}).raise_for_status()
    return client


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Observations of two cohorts, for tests that only read."""
    settings = Settings(home=tmp_path_factory.mktemp("observed"))
    with TestClient(create_app(settings, quiet=True)) as opened:
        opened.post("/ingest", json={"rows": ROWS}).raise_for_status()
        yield opened


@pytest.fixture
def locked_settings(tmp_path: Path) -> Settings:
    """Settings that demand a token."""
    return Settings(home=tmp_path / "home", auth_secret=SECRET)


@pytest.fixture
def locked(locked_settings: Settings) -> Iterator[TestClient]:
    """An application that demands a token."""
    app = create_app(locked_settings, quiet=True)
    with TestClient(app, follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def reader(locked_settings: Settings) -> dict[str, str]:
    """The headers of somebody who may only read."""
    return {"Authorization": f"Bearer {create_token(locked_settings, 'ann', ['read'], 1)}"}


@pytest.fixture
def writer(locked_settings: Settings) -> dict[str, str]:
    """The headers of somebody who may change things."""
    token = create_token(locked_settings, "bob", ["admin"], 1)
    return {"Authorization": f"Bearer {token}"}


def run_aside[T](work: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread: where a browser was used before, this one has a loop already."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, work).result()


def words_of(page: str) -> str:
    """Read a page as a person does: its text, however the lines break."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())
