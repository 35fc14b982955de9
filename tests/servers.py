"""The servers of team mode, for real: PostgreSQL and an S3-compatible store on this machine.

Each has a folder, a free port and secrets of its own, and ends with the tests that use it, also
when they are killed (`tests/keeper.py`). A test of faults starts a server of its own, stops or
kills it, and starts it again at the same address.
"""

import contextlib
import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from scripts.postgres import find_postgres

KEEPER = Path(__file__).with_name("keeper.py")
LOWEST_PORT, PORTS = 20_000, 12_000  # below those that Linux gives to whoever asks for any
TRIES = 3  # another process may take the port between choosing and using it
USER = "vibes"
# what a person has set for other servers must not reach these
PLAIN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PG", "RCLONE_", "AWS_", "VIBES_", "MLFLOW_"))
}


class DidNotStartError(Exception):
    """A server did not start, and the message is what it said."""


@dataclass(kw_only=True)
class Hold:
    """The folder of a server, and our part in keeping it alive."""

    folder: Path
    pid: int = 0
    _users: IO[str] | None = None
    _running: IO[str] | None = None

    def take(self) -> bool:
        """Become a user, unless the server is being ended."""
        try:
            users = (self.folder / "users").open("a")
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            users.close()
            return False
        self._users = users
        self._running = (self.folder / "running").open("a")
        return True

    def start(self, command: Sequence[str], *, ready: str, stop: int, user: str | None) -> str:
        """Start the server in the background and give the line that says it is ready."""
        wanted = {
            "command": [*command],
            "folder": str(self.folder),
            "ready": ready,
            "stop": stop,
            "user": user,
        }
        # without site-packages: nothing of ours is in it, and coverage keeps out
        keeper = [sys.executable, "-I", "-S", str(KEEPER), json.dumps(wanted)]
        done = subprocess.run(keeper, env=PLAIN, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DidNotStartError(done.stdout + done.stderr)
        said: dict[str, Any] = json.loads(done.stdout)
        self.pid = said["pid"]
        return str(said["line"])

    def end(self, how: int) -> None:
        """Send the server a signal that ends it, and wait until its last child has gone."""
        os.kill(self.pid, how)
        self.wait()

    def suspend(self) -> None:
        """Let the server hang, and wait until it does: a signal takes a moment to arrive."""
        os.kill(self.pid, signal.SIGSTOP)
        tasks = Path(f"/proc/{self.pid}/task")  # its threads do not all stand at once
        while not all(b") T " in stat.read_bytes() for stat in tasks.glob("*/stat")):
            time.sleep(0.001)

    def resume(self) -> None:
        """Let a server that hangs go on; nothing happens to one that has gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    def wait(self) -> None:
        """Wait until the server and its children have gone."""
        assert self._running is not None
        fcntl.flock(self._running, fcntl.LOCK_EX)
        fcntl.flock(self._running, fcntl.LOCK_UN)

    def leave(self, *, waiting: bool = False) -> None:
        """Use the server no longer; the keeper of the last user ends it."""
        if self._users is None or self._running is None:
            return
        self._users.close()
        self._users = None
        if waiting:
            self.wait()
        self._running.close()

    def remove(self) -> None:
        """End a server that nobody shares, or clear up after one that was ended before."""
        if self.pid:
            self.resume()  # a failed test may have left it hanging, and then it would not end
        self.leave(waiting=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def new_folder(user: str | None) -> Path:
    """Make an empty folder that this user owns."""
    # outside pytest's own folders, which only their owner may enter
    folder = Path(tempfile.mkdtemp(prefix="vibes-server-"))
    (folder / "users").touch()
    (folder / "running").touch()
    if user is not None:
        shutil.chown(folder, user)
    return folder


def free_port() -> int:
    """Give a port on which nobody listens now.

    It is none of those that the system gives out by itself: nobody comes by it while a server that
    was killed is on its way back.
    """
    while True:
        port = LOWEST_PORT + secrets.randbelow(PORTS)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def unprivileged() -> str | None:
    """Name a user for PostgreSQL, which refuses to run as root; nobody else is needed."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass(kw_only=True)
class Postgres:
    """A PostgreSQL server whose only user may do everything."""

    hold: Hold
    port: int
    password: str

    @classmethod
    def create(cls) -> "Postgres":
        """Make a server and start it."""
        user = unprivileged()
        hold = Hold(folder=new_folder(user))
        hold.take()
        made = cls(hold=hold, port=free_port(), password=secrets.token_urlsafe(12))
        made._initialize(user)
        for _ in range(TRIES - 1):
            with contextlib.suppress(DidNotStartError):
                made.start()
                return made
            made.port = free_port()
        made.start()
        return made

    @classmethod
    def shared(cls, base: Path) -> "Postgres":
        """Give the server that all processes of a test run share; the first one starts it."""
        note = base / "postgres.json"
        with (base / "postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = json.loads(note.read_text()) if note.exists() else None
            if known:
                hold = Hold(folder=Path(known["folder"]), pid=known["pid"])
                if hold.take():
                    return cls(hold=hold, port=known["port"], password=known["password"])
            made = cls.create()
            note.write_text(
                json.dumps(
                    {
                        "folder": str(made.hold.folder),
                        "pid": made.hold.pid,
                        "port": made.port,
                        "password": made.password,
                    }
                )
            )
            return made

    def url(self, database: str = "postgres") -> str:
        """Give the address of a database of this server."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def fresh_database(self) -> str:
        """Make an empty database and give its name."""
        name = f"t_{secrets.token_hex(6)}"
        self._execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def start(self) -> None:
        """Start the server; the address stays the same from the first time on."""
        program = str(find_postgres() / "postgres")
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "32MB",
            "fsync": "on",  # tests kill it, and what it has acknowledged must be there
            "logging_collector": "off",
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [program, "-D", str(self.hold.folder / "data"), *words]
        self.hold.start(
            command,
            ready="database system is ready to accept connections",
            stop=signal.SIGINT,  # end the sessions, write everything, leave
            user=unprivileged(),
        )

    def stop(self) -> None:
        """Stop the server in good order; its sessions are ended."""
        self.hold.end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server; nothing is written any more."""
        self.hold.end(signal.SIGKILL)

    def _initialize(self, user: str | None) -> None:
        secret = self.hold.folder / "password"
        secret.write_text(self.password)
        if user is not None:
            shutil.chown(secret, user)
        options = ["--encoding=UTF8", "--locale=C", "--no-sync", "--auth=scram-sha-256"]
        whom = [f"--username={USER}", f"--pwfile={secret}"]
        folder = self.hold.folder / "data"
        program = str(find_postgres() / "initdb")
        done = subprocess.run(
            [program, "-D", str(folder), *options, *whom],
            user=user,
            cwd=self.hold.folder,
            env=PLAIN,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DidNotStartError(done.stdout + done.stderr)

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket, and the key that opens it."""

    endpoint: str
    key_id: str
    secret: str = field(repr=False)
    bucket: str

    def settings(self) -> dict[str, str]:
        """Give the settings of the object store, as arguments of `Settings`."""
        return {
            "s3_endpoint": self.endpoint,
            "s3_key_id": self.key_id,
            "s3_secret": self.secret,
        }

    def environment(self) -> dict[str, str]:
        """Give the same as variables of the environment."""
        return {f"VIBES_{name.upper()}": value for name, value in self.settings().items()}

    def client(self) -> Any:
        """Give a client of boto3 that opens the bucket."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key_id,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={}
            ),
        )

    def objects(self) -> dict[str, int]:
        """Give the bytes of every object by its key."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", ())}


@dataclass(kw_only=True)
class ObjectStore:
    """An S3-compatible server whose buckets are folders of this machine."""

    hold: Hold
    key_id: str
    secret: str
    port: int = 0

    @classmethod
    def create(cls) -> "ObjectStore":
        """Make a server and start it."""
        hold = Hold(folder=new_folder(None))
        hold.take()
        (hold.folder / "buckets").mkdir()
        made = cls(hold=hold, key_id=secrets.token_hex(8), secret=secrets.token_hex(16))
        made.start()
        return made

    @property
    def endpoint(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def bucket(self, name: str) -> Bucket:
        """Describe a bucket of that name, made or not."""
        return Bucket(endpoint=self.endpoint, key_id=self.key_id, secret=self.secret, bucket=name)

    def fresh_bucket(self) -> Bucket:
        """Make an empty bucket."""
        found = self.bucket(f"b-{secrets.token_hex(6)}")
        found.client().create_bucket(Bucket=found.bucket)
        return found

    def start(self) -> None:
        """Start the server; the address stays the same from the first time on."""
        program = str(Path(sys.executable).with_name("rclone"))
        options = ["--config=", f"--auth-key={self.key_id},{self.secret}"]
        where = [f"--addr=127.0.0.1:{self.port}", str(self.hold.folder / "buckets")]
        line = self.hold.start(
            [program, "serve", "s3", *options, *where],
            ready="Starting s3 server on",
            stop=signal.SIGTERM,
            user=None,
        )
        self.port = int(line.rpartition(":")[2].rstrip("]/\n"))

    def stop(self) -> None:
        """Stop the server in good order."""
        self.hold.end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the server."""
        self.hold.end(signal.SIGKILL)
