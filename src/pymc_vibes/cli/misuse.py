"""A command that was written wrongly: told like every other error, with an exit code of its own."""


class Misuse(Exception):
    """The command was written wrongly."""

    exit_code = 2

    def __init__(self, detail: str, *, hint: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
