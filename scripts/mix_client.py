"""Write `examples/mix_client.py`, a typed client of the marketing-mix routes, from OpenAPI.

    python -m scripts.mix_client

The client needs nothing but Python. A test holds the file against what this writes.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pymc_vibes.http.app import create_app
from pymc_vibes.settings import Settings

PLACE = Path(__file__).parents[1] / "examples" / "mix_client.py"
TAG = "marketing mix"
SKIPPED = frozenset({"format", "map", "set"})
"""Parameters of the upload that few need; of a table, a method of its own takes the format."""
LONGEST = 85
"""Characters of a sentence that a line has room for."""
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}

type Json = Mapping[str, Any]

HEAD = '''"""A typed client of the marketing-mix routes, from an upload to its outputs.

Written by `python -m scripts.mix_client` from the OpenAPI description; change nothing here by hand.
It needs nothing but Python, so that it can be copied into any project.
"""

# ruff: noqa: INP001

import json
import time
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict, cast
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen
from uuid import uuid4

type TableFormat = Literal["csv", "parquet"]
'''

CLIENT = '''
_ACCEPTED = 202


class MixError(Exception):
    """The server refused; `problem` says why, and what to do."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{problem.get('detail', status)} {problem.get('hint', '')}".strip())
        self.status = status
        self.problem = problem


class NotReadyError(MixError):
    """The run is still being trained: ask again later."""


class MixClient:
    """The routes of one server."""

    def __init__(self, address: str, token: str | None = None, *, patience: float = 60.0) -> None:
        self._address = address.rstrip("/")
        self._token = token
        self._patience = patience

    def wait(self, run_id: str, *, every: float = 0.5, most: float = 3600.0) -> Status:
        """Ask for the status until the run is over; raise `TimeoutError` after `most` seconds."""
        end = time.monotonic() + most
        while True:
            told = self.show_status(run_id)
            if told["stage"] in {"OUTPUTS_READY", "ERROR"}:
                return told
            if time.monotonic() > end:
                raise TimeoutError(f"Run {run_id} is at {told['stage']} after {most:g} s.")
            time.sleep(every)
'''

FOOT = """
    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        content = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        return json.loads(self._bytes(method, path, query, content, kind))

    def _file(
        self,
        path: str,
        query: Mapping[str, Any],
        file: bytes,
        filename: str,
        headers: Mapping[str, str | None],
    ) -> Any:
        boundary = uuid4().hex
        name = filename.replace('"', "'").replace("\\r", " ").replace("\\n", " ")
        disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        head = f"--{boundary}\\r\\n{disposition}\\r\\n\\r\\n"
        content = head.encode() + file + f"\\r\\n--{boundary}--\\r\\n".encode()
        given = {key: value for key, value in headers.items() if value is not None}
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return json.loads(self._bytes("POST", path, query, content, given | kind))

    def _bytes(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        given = {
            name: json.dumps(value) if isinstance(value, bool) else value
            for name, value in query.items()
            if value is not None
        }
        url = f"{self._address}{path}" + (f"?{urlencode(given)}" if given else "")
        sent = {"Accept": "application/json, */*;q=0.5", **(headers or {})}
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token}"
        request = Request(url, content, sent, method=method)  # noqa: S310  # the caller's own
        try:
            with urlopen(request, timeout=self._patience) as answer:  # noqa: S310
                found: bytes = answer.read()
                if method == "GET" and answer.status == _ACCEPTED:
                    raise NotReadyError(answer.status, json.loads(found))
                return found
        except HTTPError as refusal:
            raise MixError(refusal.code, _problem(refusal.read())) from refusal


def _part(text: str) -> str:
    return quote(text, safe="")


def _problem(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {"detail": content[:200].decode("utf-8", "replace")}
    return found if isinstance(found, dict) else {"detail": str(found)}
"""


def client() -> str:
    """Give the text of the client."""
    document = create_app(Settings(), quiet=True).openapi()
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if TAG in operation["tags"]
    ]
    schemas = document["components"]["schemas"]
    wanted: dict[str, None] = {}
    for _, _, operation in operations:
        for schema in (_answer(operation), _body(operation)):
            _collect(schema, schemas, wanted)
    types = "\n\n".join(_type(name, schemas[name]) for name in wanted)
    methods = "\n".join(part for one in operations for part in _methods(*one))
    return _formatted(f"{HEAD}\n\n{types}\n{CLIENT}\n{methods}{FOOT}")


def _collect(schema: Any, schemas: Json, wanted: dict[str, None]) -> None:
    """Note every named schema below one, those that others need first."""
    if isinstance(schema, list):
        for inner in schema:
            _collect(inner, schemas, wanted)
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        name = _name(schema)
        if name not in wanted:
            _collect(schemas[name], schemas, wanted)
            wanted[name] = None
        return
    for key, inner in schema.items():
        if key not in {"default", "examples", "enum", "const"}:
            _collect(inner, schemas, wanted)


def _name(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _type(name: str, schema: Json) -> str:
    """Write a type: of an object its keys, of anything else another name for it."""
    about = str(schema.get("description", name)).strip().splitlines()[0]
    if "properties" not in schema:
        return f"type {name} = {_hint(schema)}\n{_quoted(about)}"
    required = set(schema.get("required", ()))
    fields = {
        key: _hint(inner) if key in required else f"NotRequired[{_hint(inner)}]"
        for key, inner in schema["properties"].items()
    }
    if all(key.isidentifier() for key in fields):
        lines = "\n".join(f"    {key}: {hint}" for key, hint in fields.items())
        return f"class {name}(TypedDict):\n    {_quoted(about)}\n\n{lines}"
    pairs = ", ".join(f"{key!r}: {hint}" for key, hint in fields.items())
    return f"{name} = TypedDict({name!r}, {{{pairs}}})\n{_quoted(about)}"


def _quoted(text: str) -> str:
    return f'"""{text}"""'


def _hint(schema: Json) -> str:
    """Write what a schema means as a type."""
    if "$ref" in schema:
        return _name(schema)
    if "const" in schema or "enum" in schema:
        options = schema.get("enum", [schema.get("const")])
        return f"Literal[{', '.join(repr(option) for option in options)}]"
    if "anyOf" in schema or "oneOf" in schema:
        options = schema.get("anyOf") or schema["oneOf"]
        return " | ".join(dict.fromkeys(_hint(option) for option in options))
    return _plain(schema)


def _plain(schema: Json) -> str:
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_hint(schema.get('items', {}))}]"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"dict[str, {_hint(inner) if isinstance(inner, dict) else 'Any'}]"
    return _PLAIN.get(str(kind), "Any")


def _answer(operation: Json) -> Json:
    for status in ("200", "201", "202"):
        content = operation["responses"].get(status, {}).get("content", {})
        if content:
            found: Json = content.get("application/json", {}).get("schema", {})
            return found
    return {}


def _body(operation: Json) -> Json:
    content = operation.get("requestBody", {}).get("content", {})
    found: Json = content.get("application/json", {}).get("schema", {})
    return found


def _methods(path: str, method: str, operation: Json) -> Iterator[str]:
    """Write the method of an operation; a table has one more, for its other formats."""
    suffix = re.sub(r"\W", "_", path) + f"_{method}"
    name = operation["operationId"].removesuffix(suffix)
    given = operation.get("parameters", [])
    places = [p for p in given if p["in"] == "path"]
    asked = [p for p in given if p["in"] == "query" and p["name"] not in SKIPPED]
    about, short = operation["description"].strip().splitlines()[0], operation["summary"]
    about = about if len(about) <= LONGEST else f"{short}."
    where = re.sub(r"\{(\w+)\}", r"{_part(\1)}", path)
    address = f'f"{where}"' if "{" in where else f'"{where}"'
    query = "{" + ", ".join(f'"{p["name"]}": {p["name"]}' for p in asked) + "}"
    signature = ["self", *(f"{p['name']}: {_hint(p['schema'])}" for p in places)]
    named = [f"{p['name']}: {_default(p)}" for p in asked]
    if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
        named += ["idempotency_key: str | None = None"]
        signature += ["file: bytes", "filename: str"]
        keys = '{"Idempotency-Key": idempotency_key}'
        call = f"self._file({address}, {query}, file, filename, {keys})"
    else:
        signature += _body_argument(operation)
        sent = ", body" if _body(operation) else ""
        call = f'self._json("{method.upper()}", {address}, {query}{sent})'
    answer = _hint(_answer(operation))
    raw = f'self._bytes("{method.upper()}", {address}, {query})'
    if answer == "Any":
        yield _method(name, [*signature, *_keyword(named)], "bytes", about, raw)
        return
    yield _method(name, [*signature, *_keyword(named)], answer, about, f"cast({answer}, {call})")
    if any(p["name"] == "format" for p in given) and method == "get":
        query = '{"format": form, ' + query.removeprefix("{")
        raw = f'self._bytes("GET", {address}, {query})'
        signature += ["form: TableFormat", *_keyword(named)]
        yield _method(f"{name}_as", signature, "bytes", f"{short}, as a file.", raw)


def _body_argument(operation: Json) -> list[str]:
    schema = _body(operation)
    if not schema:
        return []
    hint = _hint(schema)
    return [f"body: {hint} = None" if "None" in hint else f"body: {hint}"]


def _keyword(named: list[str]) -> list[str]:
    return ["*", *named] if named else []


def _default(parameter: Json) -> str:
    hint, default = _hint(parameter["schema"]), parameter["schema"].get("default")
    if default is None and "None" not in hint:
        hint = f"{hint} | None"
    return f"{hint} = {default!r}"


def _method(name: str, signature: list[str], answer: str, about: str, value: str) -> str:
    head = f"    def {name}({', '.join(signature)}) -> {answer}:"
    return f"{head}\n        {_quoted(about)}\n        return {value}\n"


def _formatted(text: str) -> str:
    root = PLACE.parents[1]
    for command in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(PLACE), "-"]
        done = subprocess.run(
            ruff, input=text, capture_output=True, text=True, check=True, cwd=root
        )
        text = done.stdout
    return text


if __name__ == "__main__":
    PLACE.write_text(client(), encoding="utf-8")
    print(f"Wrote {PLACE}.")
