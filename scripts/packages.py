"""Install what the tests need by the system's package manager, as root where that is needed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

APT_GET = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]

type Command = list[str]


def ways(managers: Mapping[str, Sequence[Command]]) -> Iterator[list[Command]]:
    """Give the commands of every manager that is here, ready to be run."""
    for manager, commands in managers.items():
        if shutil.which(manager):
            yield [_as_root(manager, command) for command in commands]


def run(command: Command) -> bool:
    """Run a command, showing it and what it says on standard error; say whether it worked."""
    print("+", *command, file=sys.stderr)
    if shutil.which(command[0]) is None:
        return False
    done = subprocess.run(command, check=False, stdout=sys.stderr, stdin=subprocess.DEVNULL)
    return done.returncode == 0


def _as_root(manager: str, command: Command) -> Command:
    unprivileged = manager != "brew" and os.geteuid() != 0
    return ["sudo", "--non-interactive", *command] if unprivileged else command
