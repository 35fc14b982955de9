"""The tree of everything that can go wrong, drawn once.

One class is one problem. Its docstring's first line is the title people read, `status` is the HTTP
status, `exit_code` the command line's, and keyword extras travel with it as JSON. Surfaces catch
`VibesError` once and derive everything else: problem+json, terminal line, alert, docs page.

    VibesError
    ├── InvalidInput (422, exit 5)
    │   ├── BadRequest (400)          ├── UnreadableFile
    │   ├── SchemaMismatch            ├── BadRows
    │   ├── BadConfig                 ├── BadName
    │   ├── InsufficientData          ├── UnsupportedFormat (415)
    │   └── TooLarge (413)
    ├── NotFound (404, exit 3)
    │   ├── KindNotFound              ├── ExperimentNotFound
    │   ├── RunNotFound               ├── EntityNotFound
    │   ├── FigureNotFound            ├── QueryNotFound
    │   ├── SnapshotNotFound          └── PageNotFound
    ├── Conflict (409, exit 5)
    │   ├── ExperimentExists          ├── IdempotencyConflict
    │   ├── IllegalTransition         ├── KindMismatch
    │   ├── RunCancelled              ├── NotTrusted
    │   └── NoAnswer
    ├── Denied (exit 4)
    │   ├── NotAuthenticated (401)    ├── NotAllowed (403)
    │   ├── ForeignRequest (403)      └── UnsafeBinding
    ├── MethodNotAllowed (405)
    ├── TooManyRequests (429, exit 7)
    ├── InferenceFailed (500, exit 6)
    ├── InternalFault (500, exit 1)
    └── Unavailable (503, exit 7)
        ├── LakeBusy                  ├── ServerUnreachable
        ├── NotInitialized            ├── StoreUnavailable
        └── QueryTooLong
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar


class VibesError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, detail: str, *, hint: str | None = None, **extras: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.extras = extras

    @classmethod
    def slug(cls) -> str:
        """Name the problem in kebab case: `BadRows` is `bad-rows`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """Give the sentence people read: the first line of the class's docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")

    def problem(self) -> dict[str, Any]:
        """Give the RFC 9457 problem document, without `instance`."""
        body: dict[str, Any] = {
            "type": f"/problems/{self.slug()}",
            "title": self.title(),
            "status": self.status,
            "detail": self.detail,
        }
        if self.hint:
            body["hint"] = self.hint
        return body | self.extras


class InvalidInput(VibesError):
    """The input cannot be used."""

    status = 422
    exit_code = 5


class BadRequest(InvalidInput):
    """The request could not be read."""

    status = 400


class UnreadableFile(InvalidInput):
    """The file could not be read."""


class SchemaMismatch(InvalidInput):
    """The columns do not fit the experiment."""


class BadRows(InvalidInput):
    """Some rows cannot be used.

    Extras: `rows` (the first ones: `line`, `column`, `value`, `reason`), `bad` and `total` counts.
    """


class BadConfig(InvalidInput):
    """A setting has a value that it cannot have.

    Extras: `fields`, a list of `field` and `reason`.
    """


class BadName(InvalidInput):
    """The name cannot be used."""


class InsufficientData(InvalidInput):
    """There are not enough data for an answer."""


class UnsupportedFormat(InvalidInput):
    """The file format is not one that can be read."""

    status = 415


class TooLarge(InvalidInput):
    """The request is larger than the limit."""

    status = 413


class NotFound(VibesError):
    """There is no such thing."""

    status = 404
    exit_code = 3


class KindNotFound(NotFound):
    """There is no such kind of experiment."""


class ExperimentNotFound(NotFound):
    """There is no such experiment."""


class RunNotFound(NotFound):
    """There is no such run."""


class EntityNotFound(NotFound):
    """The data have never seen that name."""


class FigureNotFound(NotFound):
    """The answer has no such figure."""


class QueryNotFound(NotFound):
    """The kind has no such question."""


class SnapshotNotFound(NotFound):
    """There is no such snapshot of the lake."""


class PageNotFound(NotFound):
    """There is nothing at this address."""


class Conflict(VibesError):
    """The request conflicts with what is already there."""

    status = 409
    exit_code = 5


class ExperimentExists(Conflict):
    """An experiment of that name exists already."""


class IdempotencyConflict(Conflict):
    """The idempotency key was used before with another body."""


class IllegalTransition(Conflict):
    """The run is not in a state that allows this."""


class KindMismatch(Conflict):
    """The experiment is of another kind."""


class RunCancelled(Conflict):
    """The run was cancelled."""


class NoAnswer(Conflict):
    """The run ended without an answer.

    Extras: `run` (its id) and `state` (`failed` or `cancelled`).
    """


class NotTrusted(Conflict):
    """The fit cannot be trusted."""


class Denied(VibesError):
    """Access is refused."""

    status = 403
    exit_code = 4


class NotAuthenticated(Denied):
    """Sign in first."""

    status = 401


class NotAllowed(Denied):
    """The token does not allow this."""


class ForeignRequest(Denied):
    """The request comes from where it should not."""


class UnsafeBinding(Denied):
    """The server will not listen beyond this machine without authentication."""


class MethodNotAllowed(VibesError):
    """The address does not take this method."""

    status = 405
    exit_code = 2


class TooManyRequests(VibesError):
    """Too much was asked in a short time.

    Extras: `retry_after` in seconds.
    """

    status = 429
    exit_code = 7


class InferenceFailed(VibesError):
    """The fit failed.

    Extras: `seed`, which reproduces it.
    """

    exit_code = 6


class InternalFault(VibesError):
    """Something broke on our side."""


class Unavailable(VibesError):
    """A part of the system cannot be reached now.

    Extras: `retry_after` in seconds.
    """

    status = 503
    exit_code = 7


class LakeBusy(Unavailable):
    """The lake is busy."""


class ServerUnreachable(Unavailable):
    """The server cannot be reached."""


class NotInitialized(Unavailable):
    """The stores were not set up yet."""


class StoreUnavailable(Unavailable):
    """A database or an object store does not answer."""


class QueryTooLong(Unavailable):
    """The question to the lake took too long."""


def problems() -> tuple[type[VibesError], ...]:
    """List every problem class of the tree, sorted by name."""

    def below(cls: type[VibesError]) -> list[type[VibesError]]:
        return [cls, *(leaf for child in cls.__subclasses__() for leaf in below(child))]

    return tuple(sorted(set(below(VibesError)), key=lambda cls: cls.__name__))


def from_problem(document: Mapping[str, Any]) -> VibesError:
    """Make the error again that a problem document was made from."""
    by_slug = {cls.slug(): cls for cls in problems()}
    cls = by_slug.get(str(document.get("type", "")).rsplit("/", 1)[-1], InternalFault)
    known = {"type", "title", "status", "detail", "hint", "instance", "request_id"}
    extras = {key: value for key, value in document.items() if key not in known}
    return cls(str(document.get("detail", cls.title())), hint=document.get("hint"), **extras)
