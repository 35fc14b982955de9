"""Starts a server and ends it once nobody uses it any more, not even a test that was killed.

    python keeper.py '{"command": [...], "folder": ..., "ready": ..., "stop": 2, "user": null}'

It goes to the background when the server has written a line that contains `ready`, and prints that
line with the server's process id. Who uses the server holds a shared lock on `FOLDER/users`, which
the system lets go of when its holder dies. Once nobody holds it, the server is told to stop and the
folder goes. While the server or a child of it runs, the keeper holds `FOLDER/running`.
Only the standard library is used, so that it starts fast.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


def main() -> None:
    told, tells = os.pipe()
    if os.fork() == 0:
        os.close(told)
        os.setsid()
        keep(json.loads(sys.argv[1]), tells)
    else:
        os.close(tells)
        with open(told) as pipe:  # noqa: PTH123  # a descriptor
            said = pipe.read()
        print(said)  # noqa: T201  # it is a program
        sys.exit(0 if said.startswith("{") else 1)


def keep(wanted: dict[str, Any], tells: int) -> None:
    """Start the server, tell how that went, and stay as long as it runs."""
    folder = Path(wanted["folder"])
    running = (folder / "running").open("w")
    fcntl.flock(running, fcntl.LOCK_EX)
    server = subprocess.Popen(
        wanted["command"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        user=wanted["user"],
        start_new_session=True,
        text=True,
    )
    assert server.stdout is not None
    said = []
    for line in server.stdout:
        said.append(line)
        if wanted["ready"] in line:
            os.write(tells, json.dumps({"pid": server.pid, "line": line}).encode())
            break
    else:
        os.write(tells, "".join(said).encode())
    leave(tells)
    unused = threading.Event()
    end = threading.Thread(
        target=end_unused, args=(server, folder, wanted["stop"], unused), daemon=True
    )
    end.start()
    while server.stdout.read(65536):  # ends when the server's last child has gone
        pass
    server.wait()
    if unused.is_set():
        end.join()


def leave(tells: int) -> None:
    """Let go of everything that belongs to who started us."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2, tells):
        os.dup2(nowhere, descriptor)


def end_unused(
    server: "subprocess.Popen[str]", folder: Path, stop: int, unused: threading.Event
) -> None:
    """Wait until nobody uses the server, and end it."""
    with (folder / "users").open() as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        unused.set()
        server.send_signal(stop)
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
