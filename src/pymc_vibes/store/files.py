"""Files that are kept whole, under names of ours: in a folder, or under a prefix of a bucket.

Nobody ever sees half of a file. In a folder it is written under another name and then moved; an
object store shows an object only when all of it has arrived. Both are used alike.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from pymc_vibes.core.errors import BadConfig, StoreUnavailable
from pymc_vibes.settings import Settings, is_address
from pymc_vibes.store.reach import object_client, speaking

AGAIN_SECONDS = 2  # when to try again a store that is away
KNOWN = 10_000  # objects of a bucket that are known to be there
PART_BYTES = 64 * 2**20  # a store takes at most 5 GiB at once; larger files go in parts
TRIES = 2  # a busy store turns single requests away

type Write = Callable[[Path], object]


class Folder:
    """Files in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def address(self, name: str) -> str:
        """Give the path of the file, whether it is there or not."""
        return str(self._folder / name)

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return (self._folder / name).exists()

    def put(self, name: str, write: Write) -> None:
        """Keep what `write` writes to the path that it is given."""
        target = self._folder / name
        fresh = target.with_name(f"{uuid4().hex}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write(fresh)
            fresh.replace(target)
        except OSError as error:
            if not error.errno:
                raise  # not the disk's word
            raise StoreUnavailable(
                f"{self._folder} cannot be written to: {error.strerror}.",
                hint="Is there space left on the disk?",
                retry_after=AGAIN_SECONDS,
            ) from error
        finally:
            fresh.unlink(missing_ok=True)

    def take(self, path: Path, name: str) -> None:
        """Keep a file that lies elsewhere; it is there no longer."""
        target = self._folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """Give a path to read the file from, or raise `FileNotFoundError`."""
        path = self._folder / name
        if not path.exists():
            raise FileNotFoundError(name)
        yield path

    def remove(self, name: str) -> None:
        """Remove the file if it is there."""
        (self._folder / name).unlink(missing_ok=True)

    def check(self) -> None:
        """Do nothing: a folder is made when it is first written to."""


class Bucket:
    """Files under a prefix of an S3 bucket.

    Every request ends within seconds. A store that does not answer is `StoreUnavailable`, a bucket
    that is not there `NotInitialized`.
    """

    def __init__(self, place: str, settings: Settings) -> None:
        if not (settings.s3_key_id and settings.s3_secret):
            raise BadConfig(
                f"{place} needs a key to the object store.",
                hint="Set VIBES_S3_KEY_ID and VIBES_S3_SECRET.",
            )
        self._bucket, _, prefix = place.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/".lstrip("/")
        self._settings = settings
        self._making = Lock()
        self._known: set[str] = set()

    def address(self, name: str) -> str:
        """Give the address of the object, whether it is there or not."""
        return f"s3://{self._bucket}/{self._prefix}{name}"

    def has(self, name: str) -> bool:
        """Whether the object is there; one that was seen is not asked for again."""
        from botocore.exceptions import ClientError

        if name in self._known:
            return True
        with self._asking() as client:
            try:
                client.head_object(**self._named(name))
            except ClientError as error:
                if not _is_absent(error):
                    raise
                return False
        self._remember(name)
        return True

    def put(self, name: str, write: Write) -> None:
        """Keep what `write` writes to the path that it is given."""
        with _scratch(self._settings) as path:
            write(path)
            self._send(path, name)

    def take(self, path: Path, name: str) -> None:
        """Keep a file that lies elsewhere; it is there no longer."""
        self._send(path, name)
        path.unlink()

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """Give a path to read the object from, or raise `FileNotFoundError`."""
        with _scratch(self._settings) as path:
            self._receive(name, path)
            yield path

    def remove(self, name: str) -> None:
        """Remove the object if it is there."""
        self._known.discard(name)
        with self._asking() as client:
            client.delete_object(**self._named(name))

    def check(self) -> None:
        """Raise `NotInitialized` where there is no such bucket."""
        from botocore.exceptions import ClientError

        with self._asking() as client:
            try:
                client.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                if not _is_absent(error):
                    raise
                # what asks for a bucket has no body that says so
                error.response["Error"]["Code"] = "NoSuchBucket"
                raise

    @cached_property
    def _client(self) -> Any:
        return object_client(self._settings, tries=TRIES)

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        try:
            with speaking(self._settings, self._bucket):
                with self._making:
                    client = self._client
                yield client
        except StoreUnavailable as error:
            error.extras.setdefault("retry_after", AGAIN_SECONDS)
            raise

    def _send(self, path: Path, name: str) -> None:
        from boto3.s3.transfer import TransferConfig

        parts = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)
        with self._asking() as client, path.open("rb") as file:
            client.upload_fileobj(file, **self._named(name), Config=parts)
        self._remember(name)

    def _receive(self, name: str, path: Path) -> None:
        from botocore.exceptions import ClientError

        with self._asking() as client, path.open("wb") as file:
            try:
                client.download_fileobj(**self._named(name), Fileobj=file)
            except ClientError as error:
                if not _is_absent(error):
                    raise
                self._known.discard(name)
                raise FileNotFoundError(name) from error

    def _remember(self, name: str) -> None:
        if len(self._known) >= KNOWN:
            self._known.clear()
        self._known.add(name)

    def _named(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{name}"}


type Files = Folder | Bucket


def open_files(place: str, settings: Settings) -> Files:
    """Give the files of a place; nothing is made and nobody is asked."""
    return Bucket(place, settings) if is_address(place) else Folder(Path(place))


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """Give a path on this machine that is free, and clear it afterwards."""
    folder = settings.home.absolute() / "staging"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        yield Path(made) / "file"


def _is_absent(error: Any) -> bool:
    return error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}
