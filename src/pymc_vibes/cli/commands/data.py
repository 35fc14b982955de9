"""`vibes events` and `vibes generate`: events in, events out, events made up."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pymc_vibes.cli import say
from pymc_vibes.cli.client import part
from pymc_vibes.cli.commands.experiments import chosen
from pymc_vibes.cli.misuse import Misuse
from pymc_vibes.cli.session import AsJson, session
from pymc_vibes.cli.upload import (
    Columns,
    Constants,
    FileOption,
    SkipBadRows,
    Timezone,
    reading,
    rows,
    save,
    send,
)

group = typer.Typer(help="Upload, look at and export events.", no_args_is_help=True)


class Format(StrEnum):
    """File formats."""

    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"
    PARQUET = "parquet"


_ENDINGS = {
    ".csv": Format.CSV,
    ".json": Format.JSON,
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".parquet": Format.PARQUET,
}
EventsAsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON: the events, or with --output what was written.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.add_typer(group, name="events")
    app.command("generate", help="Simulate events of a believable world of a kind.")(generate)


PARQUET = b"PAR1"  # how such a file begins


@group.command("upload")
def upload(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument()] = None,
    *,
    option_name: Annotated[str | None, typer.Option("--name", help="The experiment.")] = None,
    file: FileOption = None,
    format: Annotated[Format | None, typer.Option(help="Told from the file if left out.")] = None,  # noqa: A002  # the option's name
    columns: Columns = None,
    constants: Constants = None,
    timezone: Timezone = "UTC",
    skip_bad_rows: SkipBadRows = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key and file count once, however often sent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add events to an experiment: all rows or none, unless bad rows may be skipped."""
    query = reading(columns, constants, timezone, skip=skip_bad_rows)
    if format is not None:
        query["format"] = format.value
    client = session(context).client
    experiment = chosen(name, option_name)
    receipt = send(client, experiment, file, query=query, key=idempotency_key)
    report(receipt, as_json=as_json)


def report(receipt: dict[str, Any], *, as_json: bool) -> None:
    """Say what an upload did."""
    if as_json or not say.is_terminal():
        say.as_json(receipt)
        return
    rejected = f", {rows(receipt['rejected'])} put aside" if receipt.get("rejected") else ""
    again = " (received before; nothing was written)" if receipt.get("replayed") else ""
    say.data(f"Stored {rows(receipt['ingested'])}{rejected}{again}.")
    if receipt.get("rejects_file"):
        say.talk(f"The rejected rows and their reasons: {receipt['rejects_file']}")


@group.command("preview")
def preview(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument()] = None,
    *,
    option_name: Annotated[str | None, typer.Option("--name", help="The experiment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the first events."""
    path = f"/api/v1/experiments/{part(chosen(name, option_name))}/events"
    page = session(context).client.get(path, limit=limit)
    if as_json or not say.is_terminal():
        say.as_json([dict(zip(page["columns"], row, strict=True)) for row in page["rows"]])
        return
    say.table(page["columns"], page["rows"])
    say.talk(f"{len(page['rows'])} of {page['total']:,} rows.")


@group.command("export")
def export(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument()] = None,
    *,
    option_name: Annotated[str | None, typer.Option("--name", help="The experiment.")] = None,
    format: Annotated[Format | None, typer.Option(help="Default: CSV, or by --output.")] = None,  # noqa: A002
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: stdout.")] = None,
    as_json: EventsAsJson = False,
) -> None:
    """Write all events of an experiment."""
    experiment = chosen(name, option_name)
    path = f"/api/v1/experiments/{part(experiment)}/events"
    wanted = _format_of(output, format, default=Format.CSV, as_json=as_json)
    lines = wanted is Format.JSON  # which the server gives a page of; lines hold all
    asked = Format.NDJSON if lines else wanted
    content = session(context).client.raw(path, format=asked.value)
    if lines:
        content = b"[" + b",\n".join(content.splitlines()) + b"]\n"
    _write(content, output, {"experiment": experiment, "format": wanted}, as_json=as_json)


def generate(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="Kind, see `vibes kinds`.")],
    *,
    num_events: Annotated[
        int | None,
        typer.Option("--num-events", "-n", min=1, help="Default: as many as are common."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 42,
    format: Annotated[Format | None, typer.Option(help="Default: JSON, or by --output.")] = None,  # noqa: A002
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: stdout.")] = None,
    as_json: EventsAsJson = False,
) -> None:
    """Simulate events of a believable world of a kind; a seed always gives the same events."""
    wanted = _format_of(output, format, default=Format.JSON, as_json=as_json)
    body = session(context).client.request(
        "GET",
        f"/api/v1/kinds/{part(kind)}/generate",
        query={
            **({} if num_events is None else {"num_events": num_events}),
            "seed": seed,
            "format": wanted.value,
        },
    )
    facts = {"kind": kind, "seed": seed, "format": wanted}
    _write(body.content, output, facts, as_json=as_json)


def _format_of(
    output: Path | None, told: Format | None, *, default: Format, as_json: bool
) -> Format:
    """Give the format that was asked for, else the one that the file's name says."""
    if as_json and output is None:
        if told not in (None, Format.JSON):
            raise Misuse(
                f"--json and --format {told} contradict each other.",
                hint="Leave one out, or write to a file: --output F",
            )
        return Format.JSON
    if told is not None or output is None or not output.suffix:
        return told or default
    known = _ENDINGS.get(output.suffix.lower())
    if known is None:
        raise Misuse(
            f"{output.name} ends in {output.suffix}, which is no format of events.",
            hint=f"End it in {', '.join(_ENDINGS)}; or name the format: "
            f"--format {'|'.join(Format)}",
        )
    return known


def _write(content: bytes, output: Path | None, facts: Mapping[str, Any], *, as_json: bool) -> None:
    if output is not None:
        save(content, output)
        say.talk(f"Wrote {len(content):,} bytes to {output}.")
        if as_json:
            say.as_json({**facts, "output": str(output), "bytes": len(content)})
        return
    if say.is_terminal() and content.startswith(PARQUET):
        raise Misuse("Parquet would garble the screen.", hint="Write it to a file: --output F")
    sys.stdout.buffer.write(content if content.endswith(b"\n") else content + b"\n")
