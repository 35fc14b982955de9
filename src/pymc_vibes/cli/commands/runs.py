"""`vibes runs`, `vibes report` and `vibes cache`: what was answered, and where it is kept."""

from pathlib import Path
from typing import Annotated

import typer

from pymc_vibes.cli import say
from pymc_vibes.cli.commands.analyze import show
from pymc_vibes.cli.session import AsJson, session
from pymc_vibes.cli.upload import save
from pymc_vibes.core.answer import Answer
from pymc_vibes.core.errors import ExperimentNotFound

group = typer.Typer(help="List and show runs.", no_args_is_help=True)
cache = typer.Typer(help="Forget remembered answers.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.add_typer(group, name="runs")
    app.add_typer(cache, name="cache")
    app.command("report", help="Write an answer as one self-contained HTML page.")(report)


@group.command("list")
def list_runs(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Only this experiment's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    path = "/api/v1/runs" if name is None else f"/api/v1/experiments/{name}/runs"
    found = session(context).client.get(path, limit=limit)["runs"]
    say.listing(found, ("id", "experiment", "kind", "state", "created"), as_data=as_json)


@group.command("show")
def show_run(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument()],
    *,
    as_json: AsJson = False,
) -> None:
    """Show the answer of a run as it was given."""
    run = session(context).client.get(f"/api/v1/runs/{run_id}")
    if as_json or run["answer"] is None:
        say.as_json(run)
        return
    show(run["answer"], Answer.model_validate(run["answer"]), as_json=False, plot=True)


@cache.command("clear")
def clear(context: typer.Context, name: Annotated[str, typer.Argument()]) -> None:
    """Forget the remembered answers of exactly this experiment; its runs stay."""
    path = f"/api/v1/experiments/{name}/cache"
    cleared = session(context).client.request("DELETE", path).json()["cleared"]
    say.data(f"Forgot {cleared} answers of {name}.")


def report(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="An experiment or a run.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write it.")],
) -> None:
    """Write an answer as one self-contained HTML page."""
    client = session(context).client
    try:
        run_id = client.post(f"/api/v1/experiments/{target}/runs", {})["run_id"]
    except ExperimentNotFound:
        run_id = client.get(f"/api/v1/runs/{target}")["id"]
    save(client.raw(f"/api/v1/runs/{run_id}/report"), output)
    say.talk(f"Wrote {output}.")
