"""The client works wherever it is called from."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pymc_vibes.cli.client import Client
from pymc_vibes.settings import Settings


def test_a_thread_that_runs_a_loop_can_ask_too(tmp_path: Path) -> None:
    async def as_a_notebook_does() -> object:
        with Client(Settings(home=tmp_path / "home")) as client:
            return client.get("/api/v1/kinds")

    # a thread of its own: this one may run a loop already, left there by a browser
    with ThreadPoolExecutor(1) as aside:
        answered = aside.submit(lambda: asyncio.run(as_a_notebook_does())).result()

    assert isinstance(answered, dict)
    assert answered["kinds"]
