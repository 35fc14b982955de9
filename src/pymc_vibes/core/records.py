"""The base of every record that crosses a boundary as JSON: frozen, closed, finite."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen JSON record: no unknown field, no NaN, no infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
