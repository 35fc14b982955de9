"""`vibes experiments` and `vibes kinds`: make, list, show and delete experiments."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from pymc_vibes.cli import say
from pymc_vibes.cli.client import Client, part
from pymc_vibes.cli.misuse import Misuse
from pymc_vibes.cli.options import check_known, read_options
from pymc_vibes.cli.reference import column_lines, option_lines, prose_lines, question_lines
from pymc_vibes.cli.session import AsJson, session
from pymc_vibes.cli.upload import Columns, SkipBadRows, Timezone, reading, rows, send
from pymc_vibes.core.errors import InsufficientData

group = typer.Typer(help="Make, list, show and delete experiments.", no_args_is_help=True)
NONE_YET = (
    "No experiments yet. Make one: "
    "vibes experiments create NAME --type KIND --initial-data-file FILE\n"
    "`vibes kinds` lists the kinds; `vibes demo` starts a server with examples."
)
_COLUMNS = ("name", "kind", "display_name", "rows", "first", "last")


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.add_typer(group, name="experiments")
    app.command("kinds", help="List the kinds of experiment, or explain one.")(kinds)


def chosen(name: str | None, option: str | None) -> str:
    """Give the name given either way, or raise `Misuse`."""
    found = name or option
    if not found:
        raise Misuse("Which experiment?", hint="Give its name: NAME or --name NAME.")
    return found


def kinds(
    context: typer.Context,
    kind: Annotated[str | None, typer.Argument(help="The kind to explain.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the kinds of experiment and what they answer; or how one answers, and from what."""
    client = session(context).client
    if kind is None:
        found = client.get("/api/v1/kinds")["kinds"]
        say.listing(found, ("slug", "title", "question"), as_data=as_json, empty="No kinds.")
        return
    fact = client.get(f"/api/v1/kinds/{part(kind)}")
    if as_json or not say.is_terminal():
        say.as_json(fact)
        return
    say.data(f"{fact['title']} ({kind}): {fact['question']}\n")
    for line in prose_lines(fact["about"]):
        say.data(line)
    _say_schema(kind, fact)
    say.data("\nQuestions:")
    for line in question_lines(fact["queries"]):
        say.data(line)
    say.advise(f"Next: vibes generate {kind} | vibes experiments create try-{kind} --type {kind}")


@group.command("create")
def create(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Name: a-z, 0-9, '.', '_', '-'.")] = None,
    *,
    kind: Annotated[str, typer.Option("--type", "-t", help="Kind, see `vibes kinds`.")],
    option_name: Annotated[str | None, typer.Option("--name", help="The name, as option.")] = None,
    display_name: Annotated[str | None, typer.Option(help="Any text to show for it.")] = None,
    file: Annotated[
        Path | None, typer.Option("--initial-data-file", "-f", help="First events; - for stdin.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the kind: name=value.")
    ] = None,
    columns: Columns = None,
    constants: Annotated[
        list[str] | None, typer.Option("--constant", help="Our column=one value for every row.")
    ] = None,
    timezone: Timezone = "UTC",
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Create an experiment, with its first events from a file or from stdin."""
    client = session(context).client
    chosen_name = chosen(name, option_name)
    body = {
        "name": chosen_name,
        "kind": kind,
        "display_name": display_name,
        "config": _settings(client, kind, settings or ()),
    }
    made = client.post("/api/v1/experiments", body)
    if file is not None or not sys.stdin.isatty():
        query = reading(columns, constants, timezone, skip=skip_bad_rows)
        made = _with_first_events(client, made["name"], file, query)
    if as_json or not say.is_terminal():
        say.as_json(made)
    else:
        say.data(f"Created {made['name']} ({made['kind']}) with {rows(made['rows'])}.")
        say.advise(f"Next: {_next(made)}")


def _next(made: Mapping[str, Any]) -> str:
    """Give the command that comes after an experiment was made."""
    if made["rows"]:
        return f"vibes analyze {made['name']}"
    return (
        f"vibes events upload --name {made['name']} --file FILE "
        f"(`vibes experiments schema --type {made['kind']}` says which columns it has)"
    )


def _with_first_events(
    client: Client, name: str, file: Path | None, query: dict[str, Any]
) -> dict[str, Any]:
    """Upload the first events; all or nothing: where they are refused, nothing was created."""
    try:
        receipt = send(client, name, file, query=query, empty_is_fine=file is None)
    except BaseException:  # Ctrl-C too
        client.request("DELETE", f"/api/v1/experiments/{part(name)}")
        raise
    if receipt is not None:
        say.talk(f"Stored {rows(receipt['ingested'])}.")
    return dict(client.get(f"/api/v1/experiments/{part(name)}"))


@contextmanager
def expecting_events(client: Client, name: str) -> Iterator[None]:
    """Say of an answer that lacks data that there are no events at all, where there are none."""
    try:
        yield
    except InsufficientData as error:
        if client.get(f"/api/v1/experiments/{part(name)}")["rows"]:
            raise
        raise InsufficientData(
            f"{name} has no events yet.",
            hint=f"Upload some: vibes events upload --name {name} --file FILE",
        ) from error


@group.command("list")
def list_experiments(
    context: typer.Context,
    kind: Annotated[str | None, typer.Option("--type", "-t", help="Only this kind.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List experiments."""
    client = session(context).client
    found = []
    page = client.get("/api/v1/experiments", limit=200)
    found.extend(page["experiments"])
    while page.get("next"):
        page = client.get("/api/v1/experiments", limit=200, after=page["next"])
        found.extend(page["experiments"])
    found = [item for item in found if kind in (None, item["kind"])]
    empty = NONE_YET if kind is None else f"No experiment is of the kind {kind}; see `vibes kinds`."
    say.listing(found, _COLUMNS, as_data=as_json, empty=empty)


@group.command("show")
def show(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument()] = None,
    *,
    option_name: Annotated[str | None, typer.Option("--name")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one experiment."""
    found = session(context).client.get(f"/api/v1/experiments/{part(chosen(name, option_name))}")
    if as_json or not say.is_terminal():
        say.as_json(found)
        return
    say.table(("", ""), [(key.replace("_", " "), _plain(value)) for key, value in found.items()])


@group.command("schema")
def schema(
    context: typer.Context,
    kind: Annotated[str, typer.Option("--type", "-t", help="Kind, see `vibes kinds`.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show the columns and settings of a kind."""
    found = session(context).client.get(f"/api/v1/kinds/{part(kind)}")
    if as_json or not say.is_terminal():
        say.as_json({"schema": found["schema"], "config": found["config"]})
        return
    _say_schema(kind, found)


def _say_schema(kind: str, fact: Mapping[str, Any]) -> None:
    say.data(f"Columns of {kind}:")
    for line in column_lines(fact["schema"]):
        say.data(line)
    say.data("\nSettings:")
    for line in option_lines(fact["config"]):
        say.data(line)


@group.command("set")
def configure(
    context: typer.Context,
    name: Annotated[str, typer.Argument()],
    settings: Annotated[list[str], typer.Argument(help="name=value ...; name=null resets.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Change stored settings of an experiment."""
    client = session(context).client
    kind = client.get(f"/api/v1/experiments/{part(name)}")["kind"]
    values = _settings(client, kind, settings)
    found = client.request("PATCH", f"/api/v1/experiments/{part(name)}", json=values).json()
    if as_json or not say.is_terminal():
        say.as_json(found)
    else:
        say.data(
            f"Settings of {found['name']}: {_plain(found['config']) or 'as the kind has them'}."
        )


@group.command("delete")
def delete(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument()] = None,
    *,
    option_name: Annotated[str | None, typer.Option("--name")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option(help="Say what would be deleted, delete nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete an experiment with its events."""
    client = session(context).client
    found = client.get(f"/api/v1/experiments/{part(chosen(name, option_name))}")
    what = f"{found['name']} ({found['kind']}) with {rows(found['rows'])}"
    if not dry_run:
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Delete {what}?", abort=True, err=True)
        client.request("DELETE", f"/api/v1/experiments/{part(found['name'])}")
        say.talk(f"Deleted {what}.")
    if as_json:
        facts = {key: found[key] for key in ("name", "kind", "rows")}
        say.as_json({**facts, "deleted": not dry_run})
    elif dry_run:
        say.data(f"Would delete {what}.")


def _settings(client: Client, kind: str, assignments: Sequence[str]) -> dict[str, Any]:
    if not assignments:
        return {}
    schema = client.get(f"/api/v1/kinds/{part(kind)}")["config"]
    values = read_options([], assignments, schema=schema)
    check_known(values, schema, of=kind)
    return values


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={inner}" for key, inner in value.items())
    return say.cell(value)
