"""`vibes serve`, `worker`, `demo`, `doctor` and `token`: run it, show it, check it, guard it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pymc_vibes.cli import pipes, say
from pymc_vibes.cli.misuse import Misuse
from pymc_vibes.cli.session import AsJson, Session, session
from pymc_vibes.core.errors import InternalFault
from pymc_vibes.settings import Settings, masked

if TYPE_CHECKING:
    from pymc_vibes.service import Service
    from pymc_vibes.service.doctor import Setting
    from pymc_vibes.service.health import HealthCheck

token = typer.Typer(help="Make bearer tokens.", no_args_is_help=True)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")]
ReadyAsJson = Annotated[
    bool, typer.Option("--json", help="Once ready, print as JSON what a program needs to know.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command("serve", help="Start the server with the web interface.")(serve)
    app.command("worker", help="Work on runs that wait; as many workers as you like.")(work)
    app.command("demo", help="Start a server with real example data, from nothing.")(demo)
    app.command("doctor", help="Check the installation and say how to mend it.")(doctor)
    app.add_typer(token, name="token")


def serve(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    *,
    reload: Annotated[
        bool, typer.Option("--reload", help="Restart when the code changes.")
    ] = False,
    worker: Annotated[
        bool, typer.Option(help="Keep a worker beside the server; without one, start your own.")
    ] = True,
    as_json: ReadyAsJson = False,
) -> None:
    """Start the server with the web interface; stops cleanly on Ctrl-C or SIGTERM."""
    from pymc_vibes.http.serve import run_reloading

    settings = session(context).settings
    greet = partial(_greet, settings, host, facts={} if as_json else None)
    if not reload:
        _serve(settings, host, port, worker=worker, greet=greet)
        return
    if as_json and not port:
        raise Misuse("With --reload nobody knows the address of --port 0.", hint="Name a port.")
    # the reloader starts fresh processes, which work on their runs themselves
    with pipes.hang_ups_are_errors():
        if port:
            greet(port)
        run_reloading(settings, host, port)


def _serve(
    settings: Settings, host: str, port: int, *, worker: bool, greet: Callable[[int], None]
) -> None:
    """Serve beside a worker process, or trust that there are others."""
    from contextlib import nullcontext

    from pymc_vibes.http.serve import check, run
    from pymc_vibes.service.setup import check_stores
    from pymc_vibes.worker.process import Companion

    check(settings, host, port)
    check_stores(settings)  # before anything is promised
    with pipes.hang_ups_are_errors(), Companion(settings) if worker else nullcontext():
        run(settings, host, port, works=False, ready=greet)


def work(
    context: typer.Context,
    *,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Stop when nothing waits any more.")
    ] = False,
    as_json: ReadyAsJson = False,
) -> None:
    """Work on runs that wait; stops cleanly on Ctrl-C or SIGTERM and gives back what it is at."""
    from pymc_vibes.worker.process import run

    settings = session(context).settings
    queue = masked(settings.queue_place)

    def greet() -> None:
        say.talk(f"Working on runs of {queue}; Ctrl-C stops.")
        if as_json:
            _tell_program({"queue": queue, "until_idle": until_idle})

    raise typer.Exit(run(settings, until_idle=until_idle, ready=greet))


def demo(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    *,
    build_only: Annotated[
        bool, typer.Option("--build-only", help="Make the example data and stop.")
    ] = False,
    as_json: ReadyAsJson = False,
) -> None:
    """Start a server with real example data, from nothing."""
    from pymc_vibes.service import Service
    from pymc_vibes.service.demo import build_demo

    settings = _demo_settings(session(context))
    service = Service.open(settings)
    try:
        built = [experiment.name for experiment in build_demo(service, say.talk)]
        for name in built:
            say.talk(f"  {name}: {_headline(service, name)}")
    finally:
        service.close()
    facts = {"home": str(settings.home), "experiments": built} if as_json else None
    if not build_only:
        greet = partial(_greet, settings, host, facts=facts)
        _serve(settings, host, port, worker=True, greet=greet)
    elif facts is not None:
        _tell_program(facts)


def _headline(service: "Service", name: str) -> str:
    """Give what is known at once: nobody should wait for a sampler to see the first page."""
    from pymc_vibes.core.run import Pending
    from pymc_vibes.service.demo import SLOW

    if name in SLOW:
        return "sampled once you ask, which takes minutes"
    try:
        return service.without_waiting().analyze(name).summary.headline
    except Pending:
        return "sampled by the server's worker, within a minute or so"


def _greet(
    settings: Settings, host: str, port: int, *, facts: Mapping[str, Any] | None = None
) -> None:
    """Say where to look; to a program with these facts beside."""
    url = address(host, port)
    say.talk(f"\nOpen {url} in a browser; Ctrl-C stops the server.")
    say.talk(f"From another terminal: vibes --url {url} experiments list")
    if settings.has_auth:
        how = "`vibes token create` makes one" if settings.auth_secret else "your issuer makes them"
        say.advise(f"Both ask for a token: {how}; the command line takes it from VIBES_TOKEN.")
    say.talk("")
    if facts is not None:
        _tell_program({"url": url, "asks_for_a_token": settings.has_auth, **facts})


def _tell_program(facts: Mapping[str, Any]) -> None:
    """Print at once: whoever waits for it must not wait until we stop."""
    say.as_json(facts)
    sys.stdout.flush()


def address(host: str, port: int) -> str:
    """Write where a server that listens on `host` is found from this machine.

    >>> address("127.0.0.1", 8000), address("0.0.0.0", 9000), address("::1", 80)
    ('http://127.0.0.1:8000', 'http://127.0.0.1:9000', 'http://[::1]:80')
    """
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # read, not bound
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def doctor(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Check the installation and say how to mend it."""
    from pymc_vibes.service.doctor import examine, shown_settings

    settings = session(context).settings
    found = list(examine(settings))
    shown = list(shown_settings(settings))
    if as_json or not say.is_terminal():
        say.as_json(
            {
                "checks": [check.model_dump() for check in found],
                "settings": {setting.variable: setting.value for setting in shown},
                "origins": {setting.variable: setting.origin for setting in shown},
            }
        )
    else:
        _tell(found, shown)
    if not all(check.ok for check in found):
        raise typer.Exit(InternalFault.exit_code)


def _tell(found: Sequence["HealthCheck"], shown: Sequence["Setting"]) -> None:
    for check in found:
        say.data(say.clean(f"{'ok  ' if check.ok else 'MEND'}  {check.name}: {check.found}"))
        if not check.ok:
            say.data(say.clean(f"      {check.mend}"))
    say.data("\nSettings:")
    for setting in shown:
        origin = "" if setting.origin == "default" else f"   (from {setting.origin})"
        say.data(say.clean(f"  {setting.variable} = {setting.value}{origin}"))
        say.data(say.clean(f"      {setting.meaning}"))


@token.command("create")
def create_token(
    context: typer.Context,
    subject: Annotated[str, typer.Option(help="Whom the token names.")] = "vibes",
    scope: Annotated[
        list[str] | None, typer.Option(help="read, ingest, run, admin; repeat.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Days until it expires.")] = 30,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a bearer token under VIBES_AUTH_SECRET and print it."""
    from pymc_vibes.http.auth import USUAL
    from pymc_vibes.http.auth import create_token as make

    settings = session(context).settings
    scopes = tuple(scope or USUAL)
    made = make(settings, subject=subject, scopes=scopes, days=days)
    if as_json:
        say.as_json({"token": made, "subject": subject, "scopes": list(scopes), "days": days})
        return
    say.data(made)
    if sys.stdout.isatty():
        say.talk(f"It is valid for {days} days. Send it as: Authorization: Bearer TOKEN")


def _demo_settings(here: Session) -> Settings:
    """Give the settings with a home of the demo's own, unless one was asked for."""
    settings = here.settings
    if settings.model_fields_set & {"home"}:
        return settings
    return settings.model_copy(update={"home": settings.home / "demo"})
