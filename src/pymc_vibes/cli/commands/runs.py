"""`vibes runs`, `vibes report` and `vibes cache`: what was answered, and where it is kept."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pymc_vibes.cli import say
from pymc_vibes.cli.client import PENDING, Client, part
from pymc_vibes.cli.commands.analyze import show
from pymc_vibes.cli.commands.experiments import expecting_events
from pymc_vibes.cli.session import AsJson, session
from pymc_vibes.cli.upload import save
from pymc_vibes.cli.waiting import check, follow
from pymc_vibes.core.errors import ExperimentNotFound, RunNotFound
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.service import standing
from pymc_vibes.service.reproduce import Reproduction

DIFFERENT = 1  # exit code
LISTED = 30  # differences

group = typer.Typer(help="List, show, watch, cancel and reproduce runs.", no_args_is_help=True)
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
    state: Annotated[RunState | None, typer.Option(help="Only runs in this state.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    path = "/api/v1/runs" if name is None else f"/api/v1/experiments/{part(name)}/runs"
    found = session(context).client.get(path, limit=limit, state=state)["runs"]
    lines = [run | _words(run) for run in found] if say.is_terminal() else found
    # where not all fit, the last ones are left out
    columns = ("id", "experiment", "state", "progress", "created", "took", "verdict", "kind")
    whose = "" if name is None else f" of {name}"
    first = f"No runs{whose} yet: `vibes analyze {name or 'NAME'}` makes one."
    empty = first if state is None else f"No run{whose} is {state.value}."
    say.listing(found if as_json else lines, columns, as_data=as_json, empty=empty)


def _words(run: Mapping[str, Any]) -> dict[str, str]:
    """Say of a run of the list when it was asked for, how long it took, and how far it is."""
    took = run["seconds"] if run["started"] else None
    return {
        "created": run["created"][:16].replace("T", " "),
        "took": "" if took is None else standing.duration(took),
        "progress": _how_far(run),
    }


def _how_far(run: Mapping[str, Any]) -> str:
    """Say in a word how far a run of the list is; nothing where it is over."""
    known = Run.model_validate({name: run[name] for name in Run.model_fields if name in run})
    if known.is_over:
        return ""
    share = standing.share(known)
    return standing.stage(known) + ("" if share is None else f" {100 * share:.0f} %")


@group.command("show")
def show_run(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument()],
    *,
    as_json: AsJson = False,
) -> None:
    """Show the answer of a run as it was given, or where the run stands."""
    run = session(context).client.get(f"/api/v1/runs/{part(run_id)}")
    if as_json:
        say.as_json(run)
        return
    _tell(Run.model_validate(run))


def _tell(run: Run) -> None:
    """Print the answer of a run, or why there is none."""
    if run.answer is not None:
        show(None, run.answer, as_json=False, plot=True)
    elif run.is_over:
        check(run)
    else:
        say.data(standing.sentence(run, datetime.now(UTC)))
        say.advise(f"Follow it with `vibes runs watch {run.id}`.")


@group.command("watch")
def watch_run(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument()],
    *,
    as_json: AsJson = False,
) -> None:
    """Follow a run until it is over, then show its answer. Ctrl-C ends the watching only."""
    run = follow(session(context).client, f"/api/v1/runs/{part(run_id)}", is_mine=False)
    if as_json:
        say.as_json(run.model_dump(mode="json"))
    else:
        _tell(run)


@group.command("cancel")
def cancel_run(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument()],
    *,
    as_json: AsJson = False,
) -> None:
    """Stop a run that waits or runs."""
    run = session(context).client.post(f"/api/v1/runs/{part(run_id)}/cancel")
    if as_json:
        say.as_json(run)
    say.talk(f"Run {run['id']} {'is stopping' if run['cancelling'] else 'was cancelled'}.")


@group.command("reproduce")
def reproduce_run(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument()],
    *,
    as_json: AsJson = False,
) -> None:
    """Compute an answer again from what was recorded, and say what differs (then exit code 1)."""
    client = session(context).client
    path = f"/api/v1/runs/{part(run_id)}/reproduce"
    response = client.request("POST", path, wait=False)
    if response.status_code == PENDING:
        fresh = follow(client, response.headers["Location"])
        response = client.request("POST", path, query={"by": fresh.id})
    found = Reproduction.model_validate(response.json())
    if as_json:
        say.as_json(response.json())
    else:
        _tell_reproduction(found)
    if not found.equal:
        raise typer.Exit(DIFFERENT)


def _tell_reproduction(found: Reproduction) -> None:
    """Print what differs, and what explains it."""
    say.data(found.headline)
    origin = f"snapshot {found.snapshot}" if found.source == "snapshot" else "the recorded cells"
    by = f", sampled anew by run {found.by}" if found.by else ""
    say.data(f"{found.compared:,} values compared, from {origin}{by}.")
    for reason in found.reasons:
        say.data(reason)
    columns = ("what", "recorded", "again")
    for title, differences in (
        ("What it rests on, and is not as it was", found.surroundings),
        ("Values that differ", found.differences[:LISTED]),
    ):
        if differences:
            rows = [(one.what, _whole(one.recorded), _whole(one.again)) for one in differences]
            say.table(columns, rows, title=title)
    if found.total > LISTED:
        say.data(f"{LISTED} of {found.total:,} are shown; --json gives more.")


def _whole(value: Any) -> str:
    """Give a value with every digit: a difference may be in the last one."""
    return "nothing" if value is None else str(value)


@cache.command("clear")
def clear(
    context: typer.Context,
    name: Annotated[str, typer.Argument()],
    *,
    as_json: AsJson = False,
) -> None:
    """Forget the remembered answers of exactly this experiment; its runs stay."""
    path = f"/api/v1/experiments/{part(name)}/cache"
    cleared = session(context).client.request("DELETE", path).json()["cleared"]
    if as_json:
        say.as_json({"experiment": name, "cleared": cleared})
    else:
        say.data(f"Forgot {standing.counted(cleared, 'answers')} of {name}.")


def _run_of(client: Client, target: str) -> str:
    """Give the id of a run; what is none was meant as an experiment just as well."""
    try:
        return str(client.get(f"/api/v1/runs/{part(target)}")["id"])
    except RunNotFound as missing:
        raise RunNotFound(
            f"There is neither an experiment nor a run {target[:80]!r}.",
            hint="`vibes experiments list` and `vibes runs list` show them.",
        ) from missing


def report(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="An experiment or a run.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: TARGET.html, here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write an answer as one self-contained HTML page."""
    client = session(context).client
    try:
        with expecting_events(client, target):
            run_id = client.post(f"/api/v1/experiments/{part(target)}/runs", {})["run_id"]
    except ExperimentNotFound:
        run_id = _run_of(client, target)
    # what the server knows is a slug or an id, so that it can name a file
    written = output or Path(f"{target.lower()}.html")
    page = client.raw(f"/api/v1/runs/{part(run_id)}/report")
    save(page, written)
    say.talk(f"Wrote {written}.")
    if as_json:
        say.as_json({"run_id": run_id, "output": str(written), "bytes": len(page)})
