"""What the ledger is told of a finished run: params, metrics, tags and files.

Numbers are copied from the answer, never computed anew. The posterior goes along as NetCDF: the
chains of a sampler as they were kept, and of any other fit its own numbers with some draws, where
that costs little.
"""

import json
import platform
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer, Estimate
from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import NotFound, VibesError
from pymc_vibes.core.run import Run, RunState, SamplingNeeded
from pymc_vibes.kinds import find_kind
from pymc_vibes.service.compute import is_sampled
from pymc_vibes.service.watches import Refuses
from pymc_vibes.store.ledger import Ending, Entry

if TYPE_CHECKING:
    import xarray as xr

    from pymc_vibes.store.artifacts import Artifacts

ESTIMATES = 200  # of an answer with more, the summary has the rest
CLAIMS = 100
LABELS = 2000  # of posteriors that are computed again
VALUES = 200_000  # drawn of them, 1.6 MB
DRAWS = 1000
CHEAP_SECONDS = 5.0  # of the fit
LONGEST_CLAIM = 120
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,.]*(?<=\d)( %)?")
_ENDINGS: Mapping[RunState, Ending] = {
    RunState.SUCCEEDED: "FINISHED",
    RunState.FAILED: "FAILED",
    RunState.CANCELLED: "KILLED",
}
_MEASURES = (
    "r_hat_max",
    "ess_bulk_min",
    "ess_tail_min",
    "divergences",
    "ebfmi_min",
    "tree_depth_share",
    "error_estimate",
)


def make_entry(run: Run, experiment_id: str, artifacts: "Artifacts", folder: Path) -> Entry:
    """Write the files of a finished run into the folder, and give all that is told of it."""
    _write(folder / "config.json", run.config)
    _write(folder / "environment.json", _environment(run))
    if run.error is not None:
        _write(folder / "problem.json", run.error)
    posterior = "none: the run has no answer"
    if run.answer is not None:
        _write_answer(run.answer, artifacts, folder)
        posterior = _write_posterior(run, run.answer, artifacts, folder / "posterior.nc")
    return Entry(
        run_id=run.id,
        experiment=run.experiment,
        experiment_id=experiment_id,
        ending=_ENDINGS[run.state],
        began=_began(run),
        finished=run.finished or run.created,
        params=dict(_flat(run.config)),
        metrics=_metrics(run),
        tags=_tags(run, experiment_id) | {"vibes.posterior": posterior},
        note=_note(run),
        cells_hash=run.answer.provenance.cells_hash if run.answer else None,
        folder=folder,
    )


def _flat(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Give settings by dotted name; text as it is, everything else as JSON."""
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value if isinstance(value, str) else json.dumps(value)


def _metrics(run: Run) -> dict[str, float]:
    told = {} if run.finished is None else {"seconds": _seconds(run)}
    if run.answer is None:
        return told
    summary, found = run.answer.summary, run.answer.diagnostics
    for estimate in summary.estimates[:ESTIMATES]:
        told |= _numbers(estimate)
    told |= {f"P/{_stable(claim.text)}": claim.probability for claim in summary.claims[:CLAIMS]}
    measured = {name: getattr(found, name) for name in _MEASURES}
    measured["attempts"] = len(found.attempts) or None
    spent = [one.seconds for one in found.attempts if one.seconds is not None]
    measured["sampling_seconds"] = sum(spent) if spent else None
    return told | {f"diagnostics/{n}": float(v) for n, v in measured.items() if v is not None}


def _numbers(estimate: Estimate) -> dict[str, float]:
    """Name the numbers of an estimate so that MLflow draws them beside each other."""
    variable = estimate.name.partition("[")[0]
    what = variable if estimate.label == variable else f"{variable}/{estimate.label}"
    bounds = estimate.interval
    numbers = {
        "mean": estimate.mean,
        "sd": estimate.sd,
        "low": bounds.low if bounds else None,
        "high": bounds.high if bounds else None,
    }
    return {f"{what}/{name}": value for name, value in numbers.items() if value is not None}


def _stable(claim: str) -> str:
    """Give a claim without its numbers, so that it has the same name in every run.

    >>> _stable("B is better than A: 64.4 % chance.")
    'B is better than A: N chance.'
    """
    return _NUMBER.sub("N", claim)[:LONGEST_CLAIM]


def _tags(run: Run, experiment_id: str) -> dict[str, str]:
    tags: dict[str, Any] = {
        "vibes.experiment": run.experiment,
        "vibes.experiment_id": experiment_id,
        "vibes.kind": run.kind,
        "vibes.state": run.state.value,
        "vibes.key": run.key,
        "mlflow.source.name": f"vibes analyze {run.experiment}",
        "mlflow.source.type": "LOCAL",
    }
    if run.error is not None:
        tags["vibes.problem"] = run.error.get("detail", run.error.get("title", ""))
    if run.answer is not None:
        made, found = run.answer.provenance, run.answer.diagnostics
        decision = run.answer.summary.decision
        tags |= {
            "vibes.kind_version": made.kind_version,
            "vibes.method": found.method,
            "vibes.verdict": found.verdict,
            "vibes.key": made.key,
            "vibes.cells_hash": made.cells_hash,
            "vibes.snapshot": made.snapshot,
            "vibes.seed": made.seed,
            "vibes.headline": run.answer.summary.headline,
            "vibes.decision": decision and decision.action,
        }
    return {name: str(value) for name, value in tags.items() if value is not None}


def _note(run: Run) -> str:
    """Say what somebody reads first who opens the run in MLflow."""
    paragraphs = []
    if run.answer is not None:
        found, decision = run.answer.diagnostics, run.answer.summary.decision
        if found.verdict != "good":
            paragraphs.append(f"**{found.verdict.capitalize()}:** {'; '.join(found.reasons)}")
        paragraphs.append(f"**{run.answer.summary.headline}**")
        if decision is not None:
            paragraphs.append(f"{decision.action}: {decision.reason}")
    elif run.error is not None:
        paragraphs.append(f"**Failed:** {run.error.get('detail', '')}")
    else:
        paragraphs.append(f"This run was {run.state}.")
    paragraphs.append(f"`vibes runs show {run.id}`, `vibes runs reproduce {run.id}`")
    return "\n\n".join(paragraphs)


def _began(run: Run) -> datetime:
    """Give when work on it began; how long it waited says nothing about the fit."""
    return run.started or run.created


def _seconds(run: Run) -> float:
    return 0.0 if run.finished is None else (run.finished - _began(run)).total_seconds()


def _write_answer(answer: Answer, artifacts: "Artifacts", folder: Path) -> None:
    import pyarrow.parquet as pq

    from pymc_vibes.stats.draw import to_png

    _write(folder / "answer.json", answer.model_dump(mode="json"))
    _write(folder / "summary.json", answer.summary.model_dump(mode="json"))
    if artifacts.has(answer.provenance.cells_hash):
        cells = artifacts.cells(answer.provenance.cells_hash)
        pq.write_table(cells, folder / "cells.parquet")
    (folder / "figures").mkdir()
    for figure in answer.figures:
        (folder / "figures" / f"{figure.name}.png").write_bytes(to_png(figure))
        _write(folder / "figures" / f"{figure.name}.vega.json", figure.vega_lite())


def _write_posterior(run: Run, answer: Answer, artifacts: "Artifacts", path: Path) -> str:
    """Write the posterior where it is there or cheap to have again, and say which."""
    try:
        if is_sampled(answer):
            artifacts.posterior(answer.provenance.key).to_netcdf(path)
            return "the chains"
        if _seconds(run) > CHEAP_SECONDS:
            return "not written: the fit takes long, and its cells give it again"
        tree = _fitted_again(answer, artifacts)
    except (VibesError, SamplingNeeded) as error:
        return f"not there: {error}"
    if tree is None:
        return "not written: it is large, and its cells give it again"
    tree.to_netcdf(path)
    return "its own numbers, and draws"


def _fitted_again(answer: Answer, artifacts: "Artifacts") -> "xr.DataTree | None":
    """Give the tree of an exact posterior; None where it is large."""
    kind, made = find_kind(answer.kind), answer.provenance
    if kind.version != made.kind_version:
        raise NotFound(f"it was made by version {made.kind_version} of the kind")
    config = parse(kind.config, made.config)
    posterior = kind.fit(artifacts.cells(made.cells_hash), config, Refuses())
    labels = sum(len(variable.labels) for variable in posterior.variables)
    if labels > LABELS:
        return None
    return posterior.tree(min(DRAWS, VALUES // labels), made.seed)


def _environment(run: Run) -> dict[str, Any]:
    installed = {one.name: one.version for one in distributions()}
    return {
        "run": dict(run.answer.provenance.versions) if run.answer else {},
        "ledger": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": dict(sorted(installed.items(), key=lambda one: one[0].lower())),
        },
    }


def _write(path: Path, document: Any) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    path.write_text(text, encoding="utf-8")
