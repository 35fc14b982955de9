"""A kind with a journal: a small one, so that what keeps journals can be tested.

The environment may name a folder where the authors of a first entry meet (`DIARY_MEETING`): each
waits until two are there, so that both have thought before either is kept.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pymc_vibes.core.answer import QueryAnswer, Summary
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.kind import JournalQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.http import schema
from pymc_vibes.kinds import bernoulli, catalog
from pymc_vibes.kinds.bernoulli.settings import ProportionConfig

ROOT = Path(__file__).parents[2]
FEW = "group,outcome\n" + "coin,1\ncoin,0\n" * 10


class Words(Parameters):
    """What to write."""

    text: str = setting("nothing new", "What is on your mind.", min_length=1, max_length=100)


def write(
    posterior: Posterior, _config: ProportionConfig, asked: Words, past: Sequence[QueryAnswer]
) -> QueryAnswer:
    """Write an entry that knows those before it."""
    if not past and (place := os.environ.get("DIARY_MEETING")):
        _meet(Path(place))
    before = [str(entry.data["text"]) for entry in past]
    mean = float(posterior["theta"].distribution.mean()[0])
    return QueryAnswer(
        summary=Summary(headline=f"{asked.text}, after {len(before)}."),
        data={"text": asked.text, "before": before, "mean": mean},
    )


def _meet(place: Path) -> None:
    (place / str(os.getpid())).touch()
    while len(list(place.iterdir())) < 2:
        threading.Event().wait(0.01)


kind = replace(
    bernoulli.kind,
    slug="diary",
    title="Diary",
    queries=(
        JournalQuery[ProportionConfig, Words](
            slug="write", title="Write", about="An entry.", parameters=Words, answer=write
        ),
    ),
)


@contextmanager
def registered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Put the diary among the kinds as another package would; give the path it is found on."""
    info = folder / "packages" / "diary-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: diary\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pymc_vibes.kinds]\ndiary = tests.service.diary:kind\n")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(info.parent)
        _forget_kinds()
        yield os.pathsep.join(map(str, (info.parent, ROOT)))
    _forget_kinds()


def _forget_kinds() -> None:
    catalog.cache_clear()
    schema._definitions.cache_clear()  # noqa: SLF001  # it holds the kinds there were
