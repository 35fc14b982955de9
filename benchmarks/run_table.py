"""The run table itself: what grows with its runs, and how fast workers claim, on both databases."""

import sqlite3
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.report import Row, alternate, median_seconds, seconds
from pymc_vibes.core.answer import Answer
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.store.database import prepare_database
from pymc_vibes.store.queue import Queue

LEASE = 15.0
REPEATS = 9
OWNER = "01hzzzzzzzzzzzzzzzzzzzzzzz"
OVER = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


def a_run(number: int, answer: Answer | None = None) -> Run:
    """Make a run that is older than any real one: it waits, or it is over with that answer."""
    run_id, now = f"{number:026d}", datetime.now(UTC)
    return Run(
        id=run_id,
        experiment="cohorts",
        kind="poisson-cohorts",
        state=RunState.SUCCEEDED if answer else RunState.QUEUED,
        created=now,
        finished=now if answer else None,
        config={"seed": number},
        key=f"{number:064x}",
        answer=answer and answer.model_copy(update={"run_id": run_id}),
    )


def record(queue: Queue, owner: str, answer: Answer, numbers: range) -> None:
    """Write runs that are over, each with an answer that can be found."""
    for number in numbers:
        run = a_run(number, answer)
        queue.record(run, experiment_id=owner, names=[f"{number:064x}"])


def rows(folder: Path, answer: Answer, sizes: Sequence[int], claims: int) -> list[Row]:
    """Measure both databases."""
    with _databases(folder) as places:
        growing = [
            row for name, place in places.items() for row in _grow(name, place, answer, sizes)
        ]
        return growing + [_claim(name, place, claims) for name, place in places.items()]


@contextmanager
def _databases(folder: Path) -> Iterator[Mapping[str, str]]:
    from tests.servers import Postgres

    server = Postgres.create()
    try:
        shared = server.url(server.fresh_database())
        prepare_database(shared)
        yield {"SQLite": str(folder / "table.sqlite"), "PostgreSQL": shared}
    finally:
        server.hold.remove()


def _grow(name: str, place: str, answer: Answer, sizes: Sequence[int]) -> list[Row]:
    """Time each question to the table with few runs in it and with many."""
    queue = Queue(place)
    took: list[list[float]] = []
    have = 0
    for size in sizes:
        record(queue, OWNER, answer, range(have, size))
        have = size
        took.append([median_seconds(ask, repeats=REPEATS) for ask in _questions(queue).values()])
    queue.close()
    return [
        Row(
            work=f"{name}, {sizes[-1]:,} runs: {work}",
            ours=seconds(many),
            peer=f"{sizes[0]:,} runs: {seconds(few)}",
            ratio=f"{many / few:.1f}x",
        )
        for work, few, many in zip(_questions(queue), took[0], took[-1], strict=True)
    ]


def _questions(queue: Queue) -> dict[str, Callable[[], object]]:
    return {
        "find a remembered answer": partial(queue.remembered.recall, OWNER, f"{3:064x}"),
        "is a run of that key under way": partial(queue.unfinished, OWNER, f"{3:064x}"),
        "which of an experiment wait": partial(queue.waiting, OWNER),
        "is there work": partial(queue.has_work, lease=LEASE),
        "is there something to mirror": partial(queue.count_unmirrored, 1),
        "newest run of each experiment": queue.latest,
        "counts for /metrics": partial(queue.outcomes, OVER),
        "a page of 50": partial(queue.history, OWNER, limit=50),
    }


def _claim(name: str, place: str, claims: int) -> Row:
    """Claim runs, in turn with a lease in one bare statement, in the same database."""
    queue = Queue(place)
    for number in range(10**6, 10**6 + claims):
        queue.enqueue(a_run(number), experiment_id=OWNER, work={})
    with _bare(place, claims) as lease:
        ours, peer = alternate(
            lambda: queue.claim("worker", lease=LEASE), lease, repeats=claims - 1
        )
    queue.close()
    return Row(
        work=f"{name}: claims, one worker, {claims:,} waiting",
        ours=f"{1 / ours:,.0f} per second",
        peer=f"one bare statement, durable: {1 / peer:,.0f} per second",
        ratio=f"{peer / ours:.2f}x",
    )


TABLE = "CREATE TABLE bare (id INTEGER PRIMARY KEY, state TEXT, worker TEXT, until FLOAT)"
INDEX = "CREATE INDEX bare_waiting ON bare (state, id)"
FILL, WAITS = "INSERT INTO bare VALUES", "({}, 'queued', NULL, NULL)"
FIRST = "SELECT id FROM bare WHERE state = 'queued' ORDER BY id LIMIT 1"
TAKE = "UPDATE bare SET state = 'running', worker = 'w', until = 1 WHERE id = ({}) RETURNING id"


@contextmanager
def _bare(place: str, jobs: int) -> Iterator[Callable[[], object]]:
    """Give a lease in SQL and nothing else: what a claim costs at the least."""
    opened, first = _connect(place)
    opened.execute(TABLE)
    opened.execute(INDEX)
    opened.execute(f"{FILL} {', '.join(map(WAITS.format, range(jobs)))}")
    opened.commit()

    def lease() -> None:
        opened.execute(TAKE.format(first)).fetchone()
        opened.commit()

    yield lease
    opened.close()


def _connect(place: str) -> tuple[Any, str]:
    if "://" not in place:
        return sqlite3.connect(place), FIRST
    import psycopg

    return psycopg.connect(place), f"{FIRST} FOR UPDATE SKIP LOCKED"


def spread(took: Sequence[float]) -> str:
    """Write the median and the 99th percentile."""
    return f"{seconds(statistics.median(took))}, {seconds(statistics.quantiles(took, n=100)[98])}"
