"""Following a run on a server by its events; where that does not work, by asking again and again.

A connection that is lost is taken up where it was left: the server is told the last event that was
seen, and sends what came after it.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from pydantic_core import from_json

from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.run import Run
from pymc_vibes.service.standing import Place

AGAIN_SECONDS = 0.5  # between two connections, and longer each time
HEALTHY_SECONDS = 5.0  # a connection that lasts so long works
MOST_LOST = 5  # connections in a row that did not


class Heard(NamedTuple):
    """A run as an event tells of it, and its place among the others."""

    run: Run
    place: Place


class Listens(Protocol):
    """What following by events needs of a client."""

    @property
    def is_remote(self) -> bool:
        """Whether a server answers, which can send while it works."""
        ...

    def lines(self, path: str, last_event: str) -> Iterator[str]:
        """GET a stream of events line by line, what came after that one."""
        ...


def heard(client: Listens, where: str) -> Iterator[Heard]:
    """Give the run at that address as it is now and after each change, up to its end.

    Ends early where the server has no events to give.
    """
    lost, last = 0, ""
    while client.is_remote and lost < MOST_LOST:
        began = time.monotonic()
        try:
            for name, known, data in _events(client.lines(f"{where}/events", last)):
                last = known
                yield _read(data)
                if name == "end":
                    return
        except VibesError:
            if not last:
                return  # asking for the run itself tells what is wrong
        lost = lost + 1 if time.monotonic() - began < HEALTHY_SECONDS else 0
        time.sleep(AGAIN_SECONDS * lost)


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    """Give name, id and data of each event."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, text = line.partition(":")
            fields[name] = text.removeprefix(" ")
            continue
        if "data" in fields:
            yield fields.get("event", ""), fields.get("id", ""), fields["data"]
        fields = {}


def _read(data: str) -> Heard:
    told = from_json(data)
    known = {name: told[name] for name in Run.model_fields if name in told}
    return Heard(Run.model_validate(known), Place.model_validate(told["place"] or {}))
