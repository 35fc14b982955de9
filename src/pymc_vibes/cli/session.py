"""What a command has at hand: the settings and a client made on first use."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pymc_vibes.cli.client import Client
from pymc_vibes.settings import Settings, load_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Session:
    """Settings under the global options, and the client for them."""

    def __init__(self, *, home: Path | None, url: str | None) -> None:
        given: dict[str, Any] = {"home": home, "url": url}
        self._given = {name: value for name, value in given.items() if value is not None}
        self._client: Client | None = None

    @property
    def settings(self) -> Settings:
        """The settings, environment and global options together."""
        return load_settings(**self._given)

    @property
    def client(self) -> Client:
        """The client; the first use connects."""
        if self._client is None:
            self._client = Client(self.settings)
        return self._client

    def close(self) -> None:
        """Close the client, if there is one."""
        if self._client is not None:
            self._client.close()


def session(context: typer.Context) -> Session:
    """Give the session of a running command."""
    found = context.find_root().obj
    if not isinstance(found, Session):
        raise TypeError("the root command makes the session")
    return found
