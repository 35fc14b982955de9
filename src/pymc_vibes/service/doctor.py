"""Checks of the installation: each says what is, whether it is well, and how to mend it.

They run side by side. One that waits for a store that is away ends after seconds; should one hang
all the same, the others are told without it.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.records import Record
from pymc_vibes.service import health, stores
from pymc_vibes.service.health import HealthCheck
from pymc_vibes.service.secrets import Redactor
from pymc_vibes.settings import Settings, origins, variables

type Check = Callable[[Settings], HealthCheck]

PATIENCE_SECONDS = 60.0  # a check that is not done by then hangs, whatever the machine is busy with
DEFAULT = "default"
CHECKS: Mapping[str, Check] = {
    "python": health.check_python,
    "versions": health.check_versions,
    "settings": health.check_settings,
    "home": health.check_home,
    "disk": health.check_disk,
    "lake": stores.check_lake,
    "data": stores.check_data,
    "artifacts": stores.check_artifacts,
    "runs": stores.check_runs,
    "ledger": stores.check_ledger,
    "executor": stores.check_executor,
    "sampler": health.check_sampler,
    "clock": stores.check_clock,
    "access": health.check_access,
    "demo data": health.check_demo,
}


class Setting(Record):
    """A setting as it is shown: secrets masked."""

    variable: str
    value: str
    origin: str
    """The variable that gave it, `command line`, or `default`."""
    meaning: str


def examine(settings: Settings, patience: float = PATIENCE_SECONDS) -> Iterator[HealthCheck]:
    """Check every part; a broken one does not stop the rest."""
    checks = dict(CHECKS) | ({"server": stores.check_server} if settings.url else {})
    done: queue.SimpleQueue[HealthCheck] = queue.SimpleQueue()
    for name, check in checks.items():
        work = (name, check, settings, done)
        threading.Thread(target=_work, args=work, name=name, daemon=True).start()
    found: dict[str, HealthCheck] = {}
    deadline = time.monotonic() + patience
    for name in checks:
        while name not in found:
            try:
                one = done.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                one = _hanging(name, patience)
            found[one.name] = one
        yield found[name]


_INSTEAD = {"artifacts": "artifacts_bucket"}
"""Settings that give the place of another one that is open."""


def shown_settings(settings: Settings) -> Iterator[Setting]:
    """Give every setting with what it means and which variable it comes from."""
    given, plain, hidden = origins(), Settings(), Redactor(settings)
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        derived = getattr(settings, f"{name}_place", None)
        shown = derived if value == "" and derived is not None else value
        yield Setting(
            variable=variables(name)[0],
            value="" if shown is None or shown == () else hidden.text(str(shown)),
            origin=_origin(
                given[name] or given.get(_INSTEAD.get(name, ""), ()),
                is_told=value != getattr(plain, name),
            ),
            meaning=field.description or "",
        )


def _origin(given: tuple[str, ...], *, is_told: bool) -> str:
    if is_told:
        return "command line"
    return given[0] if given else DEFAULT


def _work(
    name: str, check: Check, settings: Settings, done: "queue.SimpleQueue[HealthCheck]"
) -> None:
    try:
        found = check(settings)
    except VibesError as error:
        found = HealthCheck(name=name, ok=False, found=error.detail, mend=error.hint or "")
    except OSError as error:
        mend = "Check the path and its permissions."
        found = HealthCheck(name=name, ok=False, found=str(error), mend=mend)
    except Exception as error:  # noqa: BLE001  # the edge: a broken part must not hide the rest
        broken = f"{type(error).__name__}: {error}"
        mend = "This is a fault of pymc-vibes or of one of its libraries: please report it."
        found = HealthCheck(name=name, ok=False, found=broken, mend=mend)
    hidden = Redactor(settings)
    clean = {field: hidden.text(getattr(found, field)) for field in ("found", "mend")}
    done.put(found.model_copy(update=clean))


def _hanging(name: str, patience: float) -> HealthCheck:
    return HealthCheck(
        name=name,
        ok=False,
        found=f"did not end within {patience:.0f} s",
        mend="A store takes connections and does not answer: look at it, or start it again.",
    )
