"""`vibes db`: the lake from the outside."""

from typing import Annotated, Any

import typer

from pymc_vibes.cli import say
from pymc_vibes.cli.client import Client, part
from pymc_vibes.cli.commands.experiments import NONE_YET
from pymc_vibes.cli.session import AsJson, session
from pymc_vibes.settings import masked

group = typer.Typer(help="Set up and look into the lake.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.add_typer(group, name="db")


@group.command("init")
def init(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Make everything that the settings need where it is missing; safe to repeat."""
    here = session(context)
    if here.settings.url:
        here.client.get("/readyz")
        done = [f"The server {masked(here.settings.url)} is ready."]
    else:
        from pymc_vibes.service.setup import prepare_stores

        done = []
        for line in prepare_stores(here.settings):
            done.append(line)
            if not as_json:
                say.data(line)  # at once, because a step may take a while, or the next one fail
        done.append("Everything is ready.")
    if as_json:
        say.as_json({"done": done})
    else:
        say.data(done[-1])


@group.command("list-tables")
def list_tables(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List tables by experiment, with the physical name beside."""
    found = session(context).client.get("/api/v1/tables")["tables"]
    say.listing(found, ("experiment", "kind", "rows", "table"), as_data=as_json, empty=NONE_YET)


@group.command("inspect")
def inspect(
    context: typer.Context,
    table_name: Annotated[str, typer.Option(help="An experiment's name.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show rows and columns of one table."""
    found = _table(session(context).client, table_name)
    if as_json or not say.is_terminal():
        say.as_json(found)
        return
    say.data(f"{found['experiment']} ({found['kind']}): {found['rows']:,} rows in {found['table']}")
    say.table(("column", "type"), list(found["columns"].items()))


def _table(client: Client, name: str) -> Any:
    """Find a table by its experiment or by its physical name."""
    for table in client.get("/api/v1/tables")["tables"]:
        if name in {table["table"], table["experiment"]}:
            return table
    return client.get(f"/api/v1/experiments/{part(name)}")  # which says what is near


@group.command("snapshots")
def snapshots(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """List the lake's snapshots, newest first."""
    found = session(context).client.get("/api/v1/snapshots", limit=limit)["snapshots"]
    say.listing(found, ("id", "time", "message"), as_data=as_json, empty=NONE_YET)
