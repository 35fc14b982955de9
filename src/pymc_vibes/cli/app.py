"""The root command: global options, groups, and the one place where errors become exit codes."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from pymc_vibes.cli import say
from pymc_vibes.cli.commands import analyze, data, db, experiments, operate, rates, runs
from pymc_vibes.cli.session import Session
from pymc_vibes.core.errors import BadRows, VibesError

INTERRUPTED = 130

app = typer.Typer(
    name="vibes",
    help="Bayesian experimentation and causal analytics: events in, honest answers out.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (experiments, data, analyze, rates, runs, db, operate):
    part.register(app)


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="Folder of the embedded lake. Default: VIBES_HOME.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Server to talk to. Default: VIBES_URL, else in-process.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,  # noqa: FBT002  # typer reads flags so
) -> None:
    """Bayesian experimentation and causal analytics: events in, honest answers out."""
    if version:
        from importlib.metadata import version as installed

        say.data(f"vibes {installed('pymc-vibes')}")
        raise typer.Exit
    context.obj = Session(home=home, url=url)
    context.call_on_close(context.obj.close)


def run() -> None:
    """Run the command line and turn errors into a sentence and an exit code."""
    if hasattr(signal, "SIGPIPE"):
        # a closed pipe (`| head`) ends the program quietly
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        app()
    except VibesError as error:
        _explain(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say.talk("Interrupted.")
        sys.exit(INTERRUPTED)


def _explain(error: VibesError) -> None:
    say.talk(f"Error: {error.detail}")
    if isinstance(error, BadRows):
        for row in error.extras.get("rows", ()):
            where = f"line {row['line']}" + (f", {row['column']}" if row.get("column") else "")
            say.talk(f"  {where}: {row['reason']}")
    if error.hint:
        say.talk(f"Try: {error.hint}")
