"""Simulated worlds whose truth is known, so that an answer can be held against it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.experiment import Experiment, UploadOptions
from pymc_vibes.core.records import Record
from pymc_vibes.kinds import find_kind
from pymc_vibes.service.compute import Analysis
from pymc_vibes.service.service import Service

if TYPE_CHECKING:
    import pyarrow as pa

SEED = 2013


class TruthCheck(Record):
    """One true value of a simulated world beside the interval that was given for it."""

    variable: str
    label: str
    truth: float
    low: float
    high: float
    prob: float
    covered: bool


def example_world(
    service: Service,
    kind: str,
    *,
    size: int | None = None,
    seed: int = SEED,
    name: str | None = None,
) -> Experiment:
    """Create an experiment of that kind from simulated events and keep its truth."""
    truth, events = service.world(kind, size, seed)
    found = find_kind(kind)
    experiment = service.create(
        name or f"demo-{kind}",
        kind,
        display_name=f"{found.title} (simulated, truth known)",
        # whole values: a union without its tag would not be read back
        config=found.example.model_dump(mode="json", include=set(found.example.model_fields_set)),
    )
    return fill_world(service, experiment, truth, events)


def fill_world(
    service: Service, experiment: Experiment, truth: Any, events: "pa.Table"
) -> Experiment:
    """Upload the events of a simulated world to an empty experiment, and keep its truth.

    Whoever does so at the same moment, or again, adds nothing.
    """
    upload_table(service, experiment.name, events, key="world")
    service.queue.remembered.keep_first(_scope(experiment), "truth", _plain(truth))
    return service.experiment(experiment.name)


def is_simulated(service: Service, experiment: Experiment) -> bool:
    """Whether the experiment holds a world whose truth is known."""
    return service.queue.remembered.kept(_scope(experiment), "truth") is not None


def upload_table(
    service: Service, name: str, events: "pa.Table", *, key: str | None = None
) -> None:
    """Upload an Arrow table of events."""
    service.upload_table(name, events, UploadOptions(idempotency_key=key))


def truth_checks(service: Service, analysis: Analysis) -> tuple[TruthCheck, ...]:
    """Hold an answer against the truth of its world; empty where no truth is known."""
    experiment = service.experiment(analysis.answer.experiment)
    kept = service.queue.remembered.kept(_scope(experiment), "truth")
    return () if kept is None else tuple(_checks(analysis, kept))


def _checks(analysis: Analysis, truth: Mapping[str, Any]) -> Iterator[TruthCheck]:
    tail = (1 - analysis.config.level) / 2
    for variable in analysis.posterior.variables:
        low = variable.distribution.quantile(tail)
        high = variable.distribution.quantile(1 - tail)
        for label, value in truth.get(variable.name, {}).items():
            if label not in variable.positions:
                continue
            index = variable.positions[label]
            yield TruthCheck(
                variable=variable.name,
                label=label,
                truth=value,
                low=float(low[index]),
                high=float(high[index]),
                prob=analysis.config.level,
                covered=bool(low[index] <= value <= high[index]),
            )


def _plain(truth: Any) -> dict[str, dict[str, float]]:
    """Give the one-dimensional numbers of a labelled data set; what is text is no parameter."""
    return {
        str(name): {
            str(label): float(value)
            for label, value in zip(
                values.coords[values.dims[0]].values, values.values, strict=True
            )
        }
        for name, values in truth.data_vars.items()
        if values.ndim == 1 and values.dims[0] in values.coords and values.dtype.kind in "fiu"
    }


def _scope(experiment: Experiment) -> str:
    return f"{experiment.id}/world"
