"""A kind that takes what runs of other kinds measured: a small one, to test the service."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from pymc_vibes.core.answer import Summary
from pymc_vibes.core.config import setting
from pymc_vibes.core.kind import Borrow, Kind
from pymc_vibes.core.lift import MeasuredLift
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import Watch
from pymc_vibes.http import schema
from pymc_vibes.kinds import bernoulli, catalog
from pymc_vibes.kinds.bernoulli.pictures import figures
from pymc_vibes.kinds.bernoulli.settings import SCHEMA, ProportionConfig

FEW = "group,outcome\n" + "coin,1\ncoin,0\n" * 10


class BorrowerConfig(ProportionConfig):
    """Settings with runs, and what they measured."""

    runs: tuple[str, ...] = setting((), "Runs.", max_length=5)
    measured: tuple[MeasuredLift, ...] = setting((), "What they measured.", max_length=5)


def wanted(config: BorrowerConfig) -> tuple[str, ...]:
    return config.runs


def informed(config: BorrowerConfig, lifts: Mapping[str, MeasuredLift], /) -> BorrowerConfig:
    return config.model_copy(update={"measured": tuple(lifts[run] for run in config.runs)})


def fit(cells: pa.Table, config: BorrowerConfig, watch: Watch) -> Posterior:
    """Fit what it is, and refuse runs that nobody looked up."""
    assert [one.run_id for one in config.measured] == list(config.runs)
    return bernoulli.kind.fit(cells, config, watch)


def summarize(posterior: Posterior, config: BorrowerConfig) -> Summary:
    """Say the sum of what was measured."""
    assert posterior.cells.num_rows
    total = sum(one.mean for lift in config.measured for one in lift.readouts)
    return Summary(headline=f"In all {total:.12g}.")


kind = Kind[BorrowerConfig](
    slug="borrower",
    title="Borrower",
    question="What did others measure?",
    about="It says what others measured.",
    version=1,
    schema=SCHEMA,
    config=BorrowerConfig,
    example=BorrowerConfig(prior=bernoulli.kind.example.prior),
    truth=bernoulli.kind.truth,
    simulate=bernoulli.kind.simulate,
    reduce=bernoulli.kind.reduce,
    fit=fit,
    summarize=summarize,
    figures=figures,
    borrow=Borrow[BorrowerConfig](setting="runs", wanted=wanted, informed=informed),
)


@contextmanager
def registered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the kind among the others as another package would."""
    info = folder / "packages" / "borrower-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: borrower\nVersion: 1.0\n")
    entry = "[pymc_vibes.kinds]\nborrower = tests.service.borrower:kind\n"
    (info / "entry_points.txt").write_text(entry)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(info.parent)
        _forget_kinds()
        yield
    _forget_kinds()


def _forget_kinds() -> None:
    catalog.cache_clear()
    schema._definitions.cache_clear()  # noqa: SLF001  # it holds the kinds there were
