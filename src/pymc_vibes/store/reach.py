"""Whether a store answers, told soon: what it is, and how far its clock is from ours.

Each question waits for at most `ANSWER_SECONDS`, and opens nothing that has to be made or migrated.
What goes wrong is a designed problem that says what to do.
"""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import BadConfig, NotInitialized, StoreUnavailable
from pymc_vibes.core.installing import install_extra
from pymc_vibes.settings import Settings, is_address, masked

if TYPE_CHECKING:
    from httpx2 import Response
    from psycopg import Connection

ANSWER_SECONDS = 5
_TEAM = f"Install what team mode needs: {install_extra('team')}"
_INIT = "Set it up: vibes db init"
# what object stores call the ways of being the wrong one
_NO_BUCKET = {"NoSuchBucket"}
_WRONG_KEY = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403", "Forbidden"}
_WRONG_CLOCK = {"RequestTimeTooSkewed"}


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A store that answered."""

    what: str
    clock_ahead: float
    """Seconds that its clock is ahead of ours."""


@dataclass(frozen=True, kw_only=True)
class LedgerState:
    """What the ledger's database says about itself."""

    revision: str
    runs: int


def reach_postgres(place: str) -> Reached:
    """Ask a PostgreSQL database for its release and its time."""
    with connected(place) as connection:
        before = time.time()
        row = connection.execute(
            "SELECT current_setting('server_version'), clock_timestamp()"
        ).fetchone()
        now = (before + time.time()) / 2
    assert row is not None  # noqa: S101  # such a query always has a row
    version, clock = row
    return Reached(what=f"PostgreSQL {version}", clock_ahead=clock.timestamp() - now)


def reach_objects(settings: Settings, place: str) -> str:
    """Write an object, read it back and delete it, where such objects are to be kept."""
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    key = "/".join(part for part in (prefix.strip("/"), f".vibes-{secrets.token_hex(8)}") if part)
    body = secrets.token_bytes(64)
    with speaking(settings, bucket), closing(object_client(settings)) as client:
        client.put_object(Bucket=bucket, Key=key, Body=body)
        answer = client.get_object(Bucket=bucket, Key=key)
        found = answer["Body"].read()
        client.delete_object(Bucket=bucket, Key=key)
    if found != body:
        raise StoreUnavailable(
            f"The bucket {bucket} gives back other bytes than were written.",
            hint="Check what stands between this machine and the object store.",
        )
    return answer["ResponseMetadata"]["HTTPHeaders"].get("server") or "no name given"


def reach_endpoint(settings: Settings) -> Reached:
    """Ask the object store for its time, without a key, so that a refusal is an answer too."""
    endpoint = settings.s3_endpoint or f"https://s3.{settings.s3_region}.amazonaws.com"
    before = time.time()
    answer = _asked_over_http(endpoint, "VIBES_S3_ENDPOINT")
    now = (before + time.time()) / 2
    ahead = _dated(answer.headers, now) - now
    return Reached(what=answer.headers.get("server") or "an object store", clock_ahead=ahead)


def reach_server(address: str, path: str, variable: str) -> str:
    """Ask a server over HTTP whether it lives, and give what it says."""
    answer = _asked_over_http(f"{address.rstrip('/')}{path}", variable)
    if answer.is_error:
        raise StoreUnavailable(
            f"{masked(address)} answers {answer.status_code}.", hint="Read the server's log."
        )
    return str(answer.text).strip()[:80]


def _asked_over_http(url: str, variable: str) -> "Response":
    import httpx2

    try:
        return httpx2.get(url, timeout=ANSWER_SECONDS)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = masked(str(error)).rstrip(".") or type(error).__name__
        raise StoreUnavailable(
            f"{masked(url)} does not answer: {reason}.",
            hint=f"Start the server, or correct {variable}.",
        ) from error


def read_ledger(place: str) -> LedgerState:
    """Read from the ledger's database which schema it has and how many runs it holds."""
    questions = ("SELECT version_num FROM alembic_version", "SELECT count(*) FROM runs")
    revision, runs = _asked(place, questions)
    return LedgerState(revision=str(revision), runs=int(runs))


def newest_ledger_revision() -> str | None:
    """Name the schema that the installed MLflow wants, without importing MLflow."""
    spec = find_spec("mlflow")
    folders = spec.submodule_search_locations if spec else None
    steps = [
        path.read_text("utf-8")
        for folder in folders or ()
        for path in Path(folder).glob("store/db_migrations/versions/*.py")
    ]
    made = {name for text in steps for name in _named("revision", text)}
    passed = {name for text in steps for name in _named("down_revision", text)}
    left = made - passed
    return left.pop() if len(left) == 1 else None


def _named(word: str, text: str) -> list[str]:
    return re.findall(rf"^{word}\b[^=\n]*=\s*[\"'](\w+)[\"']", text, re.MULTILINE)


def _asked(place: str, questions: tuple[str, ...]) -> list[Any]:
    """Give the first column of the first row of each answer."""
    if is_address(place):
        import psycopg

        with connected(place) as connection:
            try:
                return [
                    (connection.execute(each.encode()).fetchone() or (0,))[0] for each in questions
                ]
            except psycopg.errors.UndefinedTable as error:
                raise NotInitialized("The ledger's database has no tables.", hint=_INIT) from error
    import sqlite3

    try:
        with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as connection:
            return [(connection.execute(each).fetchone() or (0,))[0] for each in questions]
    except sqlite3.Error as error:
        raise StoreUnavailable(
            f"The ledger {place} cannot be read: {error}.",
            hint="Move it away; the next run that is mirrored makes a new one.",
        ) from error


def require(package: str, who: str) -> None:
    """Raise `NotInitialized` where a package of team mode is not installed."""
    if find_spec(package) is None:
        raise NotInitialized(f"{who} packages that are not installed.", hint=_TEAM)


@contextmanager
def connected(place: str) -> "Iterator[Connection]":
    """Connect to PostgreSQL, or say why not."""
    require("psycopg", "PostgreSQL needs")
    import psycopg

    try:
        with psycopg.connect(
            place.replace("postgresql+psycopg://", "postgresql://", 1),
            connect_timeout=ANSWER_SECONDS,
            # a machine that is gone must not be waited for until the system gives up
            tcp_user_timeout=ANSWER_SECONDS * 1000,
            keepalives_idle=ANSWER_SECONDS,
            keepalives_interval=ANSWER_SECONDS,
            keepalives_count=2,
            autocommit=True,
        ) as connection:
            connection.execute(f"SET statement_timeout = {ANSWER_SECONDS * 1000}".encode())
            yield connection
    except psycopg.OperationalError as error:
        raise _away(place, error) from error
    except psycopg.ProgrammingError as error:
        if error.sqlstate is not None:
            raise
        raise BadConfig(
            f"{masked(place)} is not an address of PostgreSQL: {masked(str(error).strip())}.",
            hint="Write it as postgresql://user:password@host:5432/database.",
        ) from error


def _away(place: str, error: Exception) -> StoreUnavailable | NotInitialized:
    said = str(error).strip().removeprefix("connection failed: ")
    reason = masked(said.partition("\n")[0])
    if re.search(r'database ".*" does not exist', str(error)):
        return NotInitialized(f"The database of {masked(place)} does not exist.", hint=_INIT)
    if "authentication failed" in str(error) or "no password supplied" in str(error):
        return StoreUnavailable(
            f"PostgreSQL refuses the user or the password of {masked(place)}.",
            hint="Correct them in the address; special characters are written as %40 and the like.",
        )
    return StoreUnavailable(
        f"{masked(place)} does not answer: {reason}.",
        hint="Start PostgreSQL, or correct the address; a firewall may be in between.",
    )


def object_client(settings: Settings, *, tries: int = 1) -> Any:
    """Give a client of the object store that soon gives up."""
    require("boto3", "Object stores need")
    import boto3
    from botocore.config import Config

    secret = settings.s3_secret.get_secret_value() if settings.s3_secret else None
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint or None,
        aws_access_key_id=settings.s3_key_id or None,
        aws_secret_access_key=secret,
        region_name=settings.s3_region,
        config=Config(
            connect_timeout=ANSWER_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"total_max_attempts": tries, "mode": "standard"},
            s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
        ),
    )


@contextmanager
def speaking(settings: Settings, bucket: str) -> Iterator[None]:
    """Turn what the object store says into the designed problem."""
    from botocore.exceptions import BotoCoreError, ClientError

    where = masked(settings.s3_endpoint) or "Amazon S3"
    try:
        yield
    except ClientError as error:
        raise _refused(where, bucket, error.response) from error
    except (BotoCoreError, ValueError) as error:
        raise StoreUnavailable(
            f"{where} does not answer: {masked(str(error)).rstrip('.')}.",
            hint="Start the object store, or correct VIBES_S3_ENDPOINT, VIBES_S3_KEY_ID and "
            "VIBES_S3_SECRET.",
        ) from error


def _refused(where: str, bucket: str, answer: Any) -> StoreUnavailable | NotInitialized:
    code = str(answer["Error"].get("Code", ""))
    if code in _NO_BUCKET:
        return NotInitialized(f"{where} has no bucket {bucket}.", hint=_INIT)
    if code in _WRONG_CLOCK:
        return StoreUnavailable(
            f"{where} says that our clock is wrong.", hint="Synchronize the clocks, as by NTP."
        )
    if code in _WRONG_KEY:
        return StoreUnavailable(
            f"{where} refuses the key ({code}).",
            hint="Correct VIBES_S3_KEY_ID and VIBES_S3_SECRET, or what the key may do.",
        )
    said = str(answer["Error"].get("Message", ""))
    return StoreUnavailable(
        f"{where} answers {code} for the bucket {bucket}: {said}".rstrip(": ") + ".",
        hint="Read the object store's log.",
    )


def _dated(headers: Any, otherwise: float) -> float:
    """Give the time that an answer names."""
    try:
        whole_seconds = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return otherwise
    return whole_seconds + 0.5  # the fraction is cut off, which is half a second on average
