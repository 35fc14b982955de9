"""The client works wherever it is called from."""

import asyncio
from pathlib import Path

from pymc_vibes.cli.client import Client
from pymc_vibes.settings import Settings


def test_a_thread_that_runs_a_loop_can_ask_too(tmp_path: Path) -> None:
    async def as_a_notebook_does() -> object:
        with Client(Settings(home=tmp_path / "home")) as client:
            return client.get("/api/v1/kinds")

    answered = asyncio.run(as_a_notebook_does())

    assert isinstance(answered, dict)
    assert answered["kinds"]
