"""Databases and buckets, made where they are missing.

What is there already is left as it is, so that this can be repeated, also by several at once.
"""

from contextlib import closing
from urllib.parse import unquote, urlsplit, urlunsplit

from pymc_vibes.core.errors import NotInitialized
from pymc_vibes.settings import Settings, masked
from pymc_vibes.store.reach import connected, object_client, reach_postgres, speaking

ALWAYS_THERE = "postgres"  # the database that every server has
_NOT_THERE = {"404", "NoSuchBucket", "NotFound"}
_OURS_ALREADY = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


def provide_database(place: str) -> str:
    """Make the database of an address where it is missing, and say in words what was done."""
    parts = urlsplit(place)
    name = unquote(parts.path.strip("/"))
    where = f"database {name} at {parts.netloc.rpartition('@')[2]}"
    try:
        reach_postgres(place)
    except NotInitialized:
        _make_database(urlunsplit(parts._replace(path=f"/{ALWAYS_THERE}")), name)
        return f"{where}: made"
    return f"{where}: already there"


def _make_database(server: str, name: str) -> None:
    import psycopg
    from psycopg import sql

    with connected(server) as connection:
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was faster
        except psycopg.errors.InsufficientPrivilege as error:
            raise NotInitialized(
                f"The user of {masked(server)} may not make the database {name}.",
                hint=f'Let an administrator do it: CREATE DATABASE "{name}" OWNER '
                f'"{connection.info.user}", then run `vibes db init` again.',
            ) from error


def provide_bucket(settings: Settings, place: str) -> str:
    """Make the bucket of an address where it is missing, and say in words what was done."""
    from botocore.exceptions import ClientError

    bucket = place.removeprefix("s3://").partition("/")[0]
    where = f"bucket {bucket} at {masked(settings.s3_endpoint) or 'Amazon S3'}"
    with speaking(settings, bucket), closing(object_client(settings)) as client:
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_THERE:
                raise
        else:
            return f"{where}: already there"
        try:
            client.create_bucket(Bucket=bucket, **_located(settings))
        except ClientError as error:  # another process was faster, or it is somebody else's
            if error.response["Error"]["Code"] not in _OURS_ALREADY:
                raise
    return f"{where}: made"


def _located(settings: Settings) -> dict[str, dict[str, str]]:
    """Name the region; Amazon takes every name but that of its first one."""
    if settings.s3_endpoint or settings.s3_region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": settings.s3_region}}
