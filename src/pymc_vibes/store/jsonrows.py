"""JSON in Python: rows of an array, of `{"rows": [...]}` or of lines, with their line numbers."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from pymc_vibes.core.errors import UnreadableFile
from pymc_vibes.store.rows import Fault, Row

CHUNK_BYTES = 1 << 18
MAX_VALUE_CHARS = 16 * 2**20  # one row may not be larger; nothing may be held without a bound
MAX_KEYS = 1_001


class _Numbered(NamedTuple):
    line: int
    fault: Fault | None
    value: Any


def keys(file: BinaryIO, *, by_line: bool) -> tuple[str, ...]:
    """Name every field of the rows, in order of first sight."""
    seen: dict[str, None] = {}
    for _, _, value in _values(file, by_line=by_line):
        if isinstance(value, dict):
            seen.update(dict.fromkeys(value))
        if len(seen) >= MAX_KEYS:
            break
    return tuple(_clean(key) for key in seen)


def rows(file: BinaryIO, fields: Sequence[str], *, by_line: bool) -> Iterator[Row]:
    """Give every row as text values in the order of `fields`."""
    empty: list[str | None] = [None] * len(fields)
    for line, broken, value in _values(file, by_line=by_line):
        if broken is not None or not isinstance(value, dict):
            alien = Fault("The row is not a JSON object.", json.dumps(value)[:80])
            yield Row(line, broken or alien, empty)
            continue
        try:
            yield Row(line, None, [_text(value.get(field)) for field in fields])
        except UnicodeEncodeError:
            yield Row(line, Fault("The row holds text that is not Unicode.", ""), empty)


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case str():
            value.encode()  # a lone surrogate raises here
            return value or None
        case True | False:
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case _:
            return json.dumps(value)


def _clean(key: str) -> str:
    return key.encode(errors="replace").decode()


def _values(file: BinaryIO, *, by_line: bool) -> Iterator[_Numbered]:
    return _lines(file) if by_line else _documents(_Text(file))


def _lines(file: BinaryIO) -> Iterator[_Numbered]:
    number = 0
    while line := file.readline(MAX_VALUE_CHARS):
        number += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        shown = line[:200].decode(errors="replace").strip()[:80]
        try:
            yield _Numbered(number, None, json.loads(line.decode()))
        except UnicodeDecodeError:
            yield _Numbered(number, Fault("The line is not UTF-8.", shown), None)
        except (ValueError, RecursionError):
            yield _Numbered(number, Fault("The line is not JSON.", shown), None)


class _Text:
    """A text that is read a piece at a time, with the line it has come to."""

    def __init__(self, file: BinaryIO) -> None:
        import codecs

        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._decode = json.JSONDecoder().raw_decode
        self._held = ""
        self._at = 0
        self._ended = False
        self.line = 1
        self.read = 0
        """Characters that were read so far."""

    def peek(self) -> str:
        """Give the next character that is not white space, or nothing at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in " \t\r\n":
                self.line += self._held[self._at] == "\n"
                self._at += 1
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def take(self, wanted: str) -> None:
        """Step over the character, or say where it is missing."""
        if self.peek() != wanted:
            raise self.broken(f"{wanted!r} expected")
        self._at += 1

    def key(self) -> str:
        """Read the name of a member and the colon after it."""
        if self.peek() != '"':
            raise self.broken("a name in quotes expected")
        name = self.value()
        self.take(":")
        return str(name)

    def value(self) -> Any:
        """Read one JSON value."""
        self.peek()
        while True:
            try:
                value, end = self._decode(self._held, self._at)
            except RecursionError as error:
                raise self.broken("nested too deeply") from error
            except ValueError as error:
                if len(self._held) - self._at > MAX_VALUE_CHARS or not self._more():
                    raise self.broken(getattr(error, "msg", str(error))) from error
                continue
            if end == len(self._held) and self._more():
                continue  # a number may go on in the next piece
            self.line += self._held.count("\n", self._at, end)
            self._at = end
            return value

    def _more(self) -> bool:
        # doubling what is held keeps re-reading a long value linear
        size = max(CHUNK_BYTES, len(self._held) - self._at)
        piece = b"" if self._ended else self._file.read(size)
        self._ended = self._ended or not piece
        try:
            text = self._decoder.decode(piece, final=self._ended)
        except UnicodeDecodeError as error:
            raise self.broken("the text is not UTF-8") from error
        self._held, self._at = self._held[self._at :] + text, 0
        self.read += len(text)
        return bool(piece)

    def broken(self, reason: str) -> UnreadableFile:
        """Say what is wrong here."""
        return UnreadableFile(
            f"The JSON cannot be read: {reason} near line {self.line:,}.",
            hint='Send a list of objects, {"rows": [...]}, or one object per line.',
            line=self.line,
        )


def _documents(text: _Text) -> Iterator[_Numbered]:
    while mark := text.peek():
        if mark == "[":
            yield from _elements(text)
        elif mark == "{":
            yield from _object(text)
        else:
            line = text.line
            yield _Numbered(line, None, text.value())


def _elements(text: _Text) -> Iterator[_Numbered]:
    text.take("[")
    while (mark := text.peek()) != "]":
        line = text.line
        if not mark:
            text.take("]")
        yield _Numbered(line, None, text.value())
        if text.peek() != "]":
            text.take(",")
            if text.peek() == "]":
                text.value()  # a trailing comma: let the decoder say what is wrong
    text.take("]")


def _object(text: _Text) -> Iterator[_Numbered]:
    """Give the elements of a member `rows`, or the object itself as one row."""
    line = text.line
    members: dict[str, Any] = {}
    has_rows = False
    began = text.read
    text.take("{")
    while text.peek() != "}":
        key = text.key()
        if key == "rows" and text.peek() == "[":
            has_rows = True
            yield from _elements(text)
            began = text.read
        else:
            members[key] = text.value()
        if text.read - began > MAX_VALUE_CHARS:
            raise text.broken(f"one object has more than {MAX_VALUE_CHARS:,} characters")
        if text.peek() != "}":
            text.take(",")
    text.take("}")
    if not has_rows:
        yield _Numbered(line, None, members)
