"""The short way for rates: `vibes ingest`, `vibes summary`, `vibes compare`.

They act on the `poisson-cohorts` experiment `observations`, or on `--experiment NAME`.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from pymc_vibes.cli.commands.analyze import put, show_query
from pymc_vibes.cli.commands.data import report
from pymc_vibes.cli.session import AsJson, session
from pymc_vibes.cli.upload import (
    Columns,
    Constants,
    FileOption,
    SkipBadRows,
    Timezone,
    reading,
    send,
)
from pymc_vibes.core.errors import ExperimentNotFound

DEFAULT = "observations"
UNDECIDED = 1

Experiment = Annotated[str, typer.Option("--experiment", "-x", help="The experiment.")]
Event = Annotated[str, typer.Option(help="The event.")]
Start = Annotated[str | None, typer.Option(help="First instant of the window, UTC.")]
End = Annotated[str | None, typer.Option(help="End of the window, exclusive, UTC.")]
Unit = Annotated[str | None, typer.Option(help="Time unit of the rate.")]
Level = Annotated[float | None, typer.Option(help="Probability mass of intervals.")]
Alpha0 = Annotated[
    float | None, typer.Option(help="Shape of the Gamma prior of a rate; 0.5 by default.")
]
Beta0 = Annotated[
    float | None, typer.Option(help="Its rate, as exposure in the unit; 0 by default.")
]
Model = Annotated[
    str | None,
    typer.Option(help="How cohorts are related: independent, or hierarchical (pooled)."),
]
Engine = Annotated[str | None, typer.Option(help="Of a hierarchy: auto, or nuts to sample it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command("ingest", help="Add rates data; makes the experiment on first use.")(ingest)
    app.command("summary", help="Give the rate of one event in one cohort.")(summary)
    app.command("compare", help="Compare the rates of two cohorts.")(compare)


def ingest(
    context: typer.Context,
    *,
    file: FileOption = None,
    experiment: Experiment = DEFAULT,
    columns: Columns = None,
    constants: Constants = None,
    timezone: Timezone = "UTC",
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Add rows of timestamp, cohort, event and perhaps count and exposure."""
    query = reading(columns, constants, timezone, skip=skip_bad_rows)
    query["experiment"] = experiment
    client = session(context).client
    report(send(client, experiment, file, query=query, path="/ingest"), as_json=as_json)


def summary(
    context: typer.Context,
    *,
    event: Event,
    cohort: Annotated[str, typer.Option(help="The cohort.")],
    experiment: Experiment = DEFAULT,
    start: Start = None,
    end: End = None,
    unit: Unit = None,
    alpha0: Alpha0 = None,
    beta0: Beta0 = None,
    level: Level = None,
    model: Model = None,
    engine: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Give the rate of one event in one cohort."""
    asked = {"event": event, "cohort": cohort}
    prior = {"alpha0": alpha0, "beta0": beta0}
    given = prior | {"start": start, "end": end, "unit": unit, "level": level}
    settings = _settings(event, given | {"model": model, "engine": engine})
    answer = _ask(context, experiment, "rate", asked, settings)
    show_query(answer, as_json=as_json, plot=True)


def compare(
    context: typer.Context,
    *,
    event: Event,
    a: Annotated[str, typer.Option("--A", "-A", help="First cohort.")],
    b: Annotated[str, typer.Option("--B", "-B", help="Second cohort.")],
    experiment: Experiment = DEFAULT,
    start: Start = None,
    end: End = None,
    unit: Unit = None,
    alpha0: Alpha0 = None,
    beta0: Beta0 = None,
    level: Level = None,
    model: Model = None,
    engine: Engine = None,
    exit_status: Annotated[
        bool, typer.Option(help="Exit 1 unless the data settle which rate is higher.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the rates of two cohorts."""
    asked = {"event": event, "a": a, "b": b}
    prior = {"alpha0": alpha0, "beta0": beta0}
    given = prior | {"start": start, "end": end, "unit": unit, "level": level}
    settings = _settings(event, given | {"model": model, "engine": engine})
    answer = _ask(context, experiment, "compare", asked, settings)
    show_query(answer, as_json=as_json, plot=True)
    decision = answer["summary"]["decision"]
    if exit_status and (decision is None or decision["tone"] not in {"higher", "lower"}):
        raise typer.Exit(UNDECIDED)


def _ask(
    context: typer.Context,
    experiment: str,
    question: str,
    asked: Mapping[str, str],
    settings: Sequence[str],
) -> Any:
    """Put a question; say how to make the experiment where there is none yet."""
    parameters = [f"{name}={value}" for name, value in asked.items()]
    try:
        return put(session(context), experiment, question, ((), parameters), ((), settings))
    except ExperimentNotFound as error:
        raise ExperimentNotFound(
            error.detail,
            hint=f"`vibes ingest{_named(experiment)} --file data.csv` makes it, "
            "or name another with --experiment NAME; `vibes experiments list` shows them.",
        ) from error


def _named(experiment: str) -> str:
    return "" if experiment == DEFAULT else f" -x {shlex.quote(experiment)}"


def _settings(event: str, given: Mapping[str, str | float | None]) -> list[str]:
    """Write the settings given; a hierarchy is about the event that is asked for."""
    pooled = {"event": event} if given["model"] == "hierarchical" else {}
    written = {**given, **pooled}
    return [f"{name}={value}" for name, value in written.items() if value is not None]
