"""Commands as a person can paste them: each says which server, or which folder, it is about.

A sentence like "`vibes runs list` shows them" is written where nobody knows how the reader came
there. The surface knows, and puts the address in.
"""

import re
import shlex
from urllib.parse import urlsplit

# what asks a server where there is one; `vibes serve`, `doctor` and the like are about this machine
_ASKING = re.compile(
    r"\bvibes (?=(?:analyze|ask|cache|compare|events|experiments|generate|ingest|kinds|report|runs"
    r"|summary|db (?:inspect|list-tables|snapshots))\b)"
)
_ANY = re.compile(r"\bvibes (?=[a-z])")
_TOKEN = "VIBES_TOKEN"  # noqa: S105  # the name of a variable
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def at_server(text: str, url: str) -> str:
    """Put the server into the commands of a text that ask one.

    >>> at_server("`vibes runs list` shows them; `vibes doctor` checks.", "http://10.0.0.5:9000")
    '`vibes --url http://10.0.0.5:9000 runs list` shows them; `vibes doctor` checks.'
    """
    return _ASKING.sub(lambda _: f"vibes --url {shlex.quote(url)} ", text) if url else text


def in_folder(text: str, home: str) -> str:
    """Put the folder of the lake into every command of a text.

    >>> in_folder("Set it up: vibes db init", "/srv/lake")
    'Set it up: vibes --home /srv/lake db init'
    """
    return _ANY.sub(lambda _: f"vibes --home {shlex.quote(home)} ", text) if home else text


def for_terminal(commands: str, url: str, *, guarded: bool) -> str:
    """Write commands that another terminal runs as they are: first the address of the server.

    >>> print(for_terminal("vibes runs list", "http://10.0.0.5:9000", guarded=True))
    export VIBES_URL=http://10.0.0.5:9000
    export VIBES_TOKEN='put your token here'
    vibes runs list
    """
    lines = [f"export VIBES_URL={shlex.quote(url)}"]
    if guarded:
        lines.append(f"export {_TOKEN}='put your token here'")
    return "\n".join((*lines, commands))


def how_to_start(url: str) -> str:
    """Give the command that starts the server at an address of this machine; else nothing.

    >>> how_to_start("http://127.0.0.1:9000/"), how_to_start("http://db.example:9000")
    ('vibes serve --port 9000', '')
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if host not in _LOOPBACK or parts.scheme != "http":
        return ""
    listening = "" if host in _LOOPBACK[:2] else f" --host {host}"
    return f"vibes serve{listening} --port {port or 80}"
