"""A run's answer computed again from what was recorded of it, and what came out differently.

    snapshot, settings, seed ──► cells ──► posterior ──► answer ◄── held against ──► recorded answer

The events are read from the lake as it was then; where that state is gone, the recorded cells stand
in for them. Nothing is looked up in the cache, and nothing computed here is remembered: it is a
check, not an answer. What needs a sampler becomes a run that waits, as every such fit does.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any, Literal

from pydantic import JsonValue

from pymc_vibes.core.answer import Answer, Finding, Provenance
from pymc_vibes.core.config import Config, parse
from pymc_vibes.core.errors import BadRequest, InsufficientData, SnapshotNotFound
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.core.kind import Kind
from pymc_vibes.core.records import Record
from pymc_vibes.core.run import Pending, Run, RunState, SamplingNeeded
from pymc_vibes.kinds import find_kind
from pymc_vibes.service import keys
from pymc_vibes.service.analysis import new_id
from pymc_vibes.service.compute import Work, as_problem, compute
from pymc_vibes.service.watches import Refuses

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.service.background import Background
    from pymc_vibes.store.artifacts import Artifacts
    from pymc_vibes.store.lake import Lake
    from pymc_vibes.store.queue import Queue

BEHIND = -1  # the priority of a check: what people wait for goes first
LISTED = 500  # differences of an answer; more say no more
_CLOCKED = frozenset({"seconds", "compile_seconds"})  # how long it took is no part of the answer
_LABELS = ("label", "name", "text", "title", "code")


class Difference(Record):
    """Something that is not what it was."""

    what: str
    recorded: JsonValue
    again: JsonValue


class Reproduction(Record):
    """A run's answer held against the same question computed again."""

    run_id: str
    experiment: str
    kind: str
    equal: bool
    """Whether cells and every number, sentence and point of a figure came out the same."""
    headline: str
    source: Literal["snapshot", "cells"]
    """What it was computed from: the lake as it was, or the cells that were recorded."""
    snapshot: int | None
    by: str | None
    """The run that sampled it anew; None where it was computed on the spot."""
    compared: int
    """Values of the answer that were compared."""
    surroundings: tuple[Difference, ...]
    """What it rests on and is not as it was: cells, version of the kind, versions of libraries."""
    differences: tuple[Difference, ...]
    """Values of the answer that differ, the first of them."""
    total: int
    """How many differ."""
    reasons: tuple[str, ...]
    """What to know about this comparison, in words."""


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What a recorded question is answered from."""

    cells: "pa.Table"
    findings: tuple[Finding, ...]
    snapshot: int | None


class Reproductions:
    """Computes recorded answers again."""

    def __init__(
        self, lake: "Lake", queue: "Queue", artifacts: "Artifacts", background: "Background"
    ) -> None:
        self._lake = lake
        self._queue = queue
        self._artifacts = artifacts
        self._background = background

    def reproduce(self, run: Run, recorded: Answer) -> Reproduction:
        """Compute the answer again; raise `Pending` where that takes a run of its own."""
        kind = find_kind(recorded.kind)
        config = parse(kind.config, recorded.provenance.config)
        experiment_id = self._queue.experiment_id(run.id)
        source = self._source(experiment_id, recorded, kind, config)
        work = _work(recorded, kind, config, source)
        fresh = Run(
            id=new_id(),
            experiment=run.experiment,
            kind=run.kind,
            state=RunState.RUNNING,
            created=datetime.now(UTC),
            config=work.provenance.config,
            key=work.provenance.key,
        )
        try:
            analysis = compute(fresh, work, source.cells, Refuses())
        except SamplingNeeded:
            self._artifacts.put_cells(work.provenance.cells_hash, source.cells)
            raise Pending(self._background.enqueue(fresh, experiment_id, work)) from None
        except Exception as error:
            raise as_problem(error, config.seed) from error
        return compare(recorded, analysis.answer, by=None)

    def judge(self, run: Run, recorded: Answer, fresh: Run, again: Answer) -> Reproduction:
        """Compare the answer with that of a run that computed it again."""
        owners = {self._queue.experiment_id(one.id) for one in (run, fresh)}
        same = again.provenance.config == recorded.provenance.config
        if len(owners) > 1 or not same or fresh.id <= run.id:
            raise BadRequest(
                f"Run {fresh.id} does not compute run {run.id} again.",
                hint=f"Begin anew: vibes runs reproduce {run.id}",
            )
        return compare(recorded, again, by=fresh.id)

    def _source(
        self, experiment_id: str, recorded: Answer, kind: Kind[Any], config: Config
    ) -> _Source:
        """Read the events as they were, or take the cells that they were reduced to."""
        snapshot = recorded.provenance.snapshot
        owners = [one for one in self._lake.experiments() if one.id == experiment_id]
        if owners and snapshot is not None:
            with suppress(SnapshotNotFound, InsufficientData):  # that state is gone
                return self._read(owners[0], snapshot, kind, config)
        cells = self._artifacts.cells(recorded.provenance.cells_hash)
        return _Source(cells=cells, findings=(), snapshot=None)

    def _read(
        self, experiment: Experiment, snapshot: int, kind: Kind[Any], config: Config
    ) -> _Source:
        with self._lake.reading(experiment, snapshot, kind.schema) as view:
            findings = kind.check(view.events, config) if kind.check is not None else ()
            cells = view.to_arrow(kind.reduce(view.events, view.roster, config))
        return _Source(cells=keys.canonical(cells), findings=tuple(findings), snapshot=snapshot)


def _work(recorded: Answer, kind: Kind[Any], config: Config, source: _Source) -> Work:
    settings = config.model_dump(mode="json")
    content = keys.cells_hash(source.cells)
    key = keys.answer_key(kind=kind.slug, kind_version=kind.version, config=settings, cells=content)
    provenance = Provenance(
        kind=kind.slug,
        kind_version=kind.version,
        config=settings,
        cells_hash=content,
        snapshot=source.snapshot,
        seed=config.seed,
        versions=keys.versions(),
        key=key,
    )
    name = keys.digest({"reproduces": recorded.run_id, "key": key})
    return Work(
        name=name,
        findings=source.findings,
        provenance=provenance,
        is_remembered=False,
        priority=BEHIND,
    )


def compare(recorded: Answer, again: Answer, *, by: str | None) -> Reproduction:
    """Hold an answer against the same question answered again."""
    source: Literal["snapshot", "cells"] = (
        "cells" if again.provenance.snapshot is None else "snapshot"
    )
    before, after = (_comparable(one, source) for one in (recorded, again))
    surroundings = tuple(_surroundings(recorded.provenance, again.provenance))
    found = list(_differences(before, after, ""))
    is_equal = not found and again.provenance.cells_hash == recorded.provenance.cells_hash
    return Reproduction(
        run_id=recorded.run_id,
        experiment=recorded.experiment,
        kind=recorded.kind,
        equal=is_equal,
        headline=_headline(len(found), is_equal=is_equal),
        source=source,
        snapshot=again.provenance.snapshot,
        by=by,
        compared=sum(1 for _ in _leaves(before)),
        surroundings=surroundings,
        differences=tuple(islice(found, LISTED)),
        total=len(found),
        reasons=tuple(_reasons(recorded, again)),
    )


def _headline(total: int, *, is_equal: bool) -> str:
    if is_equal:
        return "Equal: the answer came out the same to the last digit."
    if not total:
        return "Different: the cells changed, and the answer came out the same."
    return f"Different: {total:,} value{'s' if total > 1 else ''} of the answer changed."


def _reasons(recorded: Answer, again: Answer) -> Iterator[str]:
    """Say what explains a difference, or limits the comparison."""
    before, after = recorded.provenance, again.provenance
    if after.snapshot is None:
        yield (
            f"The lake no longer has the events as of snapshot {before.snapshot}, so the answer "
            "was computed from the recorded cells; findings about events were not checked."
        )
    if after.cells_hash != before.cells_hash:
        yield "The cells are not those that were recorded, so another answer is no surprise."
    if after.kind_version != before.kind_version:
        yield (
            f"The kind is at version {after.kind_version} and was at {before.kind_version}: its "
            "numbers may change between versions."
        )
    changed = [
        name for name, version in before.versions.items() if after.versions.get(name) != version
    ]
    if changed:
        names = ", ".join(changed)
        yield f"Other versions are installed now, which may change last digits: {names}."


def _surroundings(before: Provenance, after: Provenance) -> Iterator[Difference]:
    pairs: dict[str, tuple[JsonValue, JsonValue]] = {
        "cells": (before.cells_hash, after.cells_hash),
        "kind version": (before.kind_version, after.kind_version),
    }
    for name in {**before.versions, **after.versions}:
        pairs[f"version of {name}"] = before.versions.get(name), after.versions.get(name)
    for what, (recorded, again) in pairs.items():
        if recorded != again:
            yield Difference(what=what, recorded=recorded, again=again)


def _comparable(answer: Answer, source: Literal["snapshot", "cells"]) -> JsonValue:
    """Give all of an answer that must come out again, as JSON."""
    # through text, so that both sides went the way that the recorded one did
    plain: Any = Answer.model_validate_json(answer.model_dump_json()).model_dump(mode="json")
    if source == "cells":
        del plain["summary"]["findings"]
    return {part: plain[part] for part in ("summary", "diagnostics", "figures")}


def _differences(before: Any, after: Any, where: str) -> Iterator[Difference]:
    """Walk both in step and give the leaves that differ."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in {**before, **after}:
            if name not in _CLOCKED:
                path = f"{where}.{name}" if where else name
                yield from _differences(before.get(name), after.get(name), path)
    elif isinstance(before, list) and isinstance(after, list):
        for index, (one, other) in enumerate(zip_longest(before, after)):
            yield from _differences(one, other, f"{where}[{_name(one or other, index)}]")
    elif before != after:
        yield Difference(what=where, recorded=before, again=after)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _CLOCKED:
                yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _name(item: Any, index: int) -> str:
    """Name an item of a list by what people know it by."""
    if isinstance(item, Mapping):
        known = [str(item[label]) for label in _LABELS if item.get(label)]
        return known[0] if known else str(index)
    return str(index)
