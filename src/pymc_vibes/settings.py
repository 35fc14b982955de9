"""The only reader of the environment: every setting, its default and its meaning.

Variables carry the prefix `VIBES_`; some are also read under the names that MLflow and the object
stores' own tools use, after ours. A `.env` file in the working directory is read too, and real
variables win over it. `vibes doctor` prints them, secrets masked.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pymc_vibes.core.errors import BadConfig

NO_LEDGER = "off"
SQLITE = "sqlite:///"  # MLflow writes the path of a file so; four slashes begin an absolute one
DOTENV = ".env"
OF_THE_TESTS = {"VIBES_CHROMIUM", "VIBES_POSTGRES"}  # where our own tests find programs
MIN_SECRET_BYTES = 32  # HS256 needs a key as long as its hash, RFC 7518 section 3.2


def _default_home() -> Path:
    return Path.home() / ".local" / "share" / "pymc-vibes"


def _default_cache() -> Path:
    return Path.home() / ".cache" / "pymc-vibes" / "sampler"


def is_address(place: str) -> bool:
    """Whether a place is somewhere else, and not a path on this machine."""
    return "://" in place


def masked(text: str) -> str:
    """Give a text without the passwords of the addresses in it.

    >>> masked("postgresql://ada:s3cret@db/lake?password=s3cret&x=1")
    'postgresql://ada:***@db/lake?password=***&x=1'
    """
    return re.sub(r"(://[^:/@\s]*:)\S*@|(password=)[^&\s]+", _mask, text)


def _mask(found: "re.Match[str]") -> str:
    return f"{found[1]}***@" if found[1] else f"{found[2]}***"


def _place(place: str, scheme: str) -> str:
    """Give a place that is a path or an address of that scheme."""
    if is_address(place) and not place.startswith(f"{scheme}://"):
        given = place.partition("://")[0]
        raise ValueError(f"{given}:// is not supported: give a path, or an address {scheme}://")
    return place


def _under(home: Path, name: str, given: str) -> str:
    """Give the place that was named, or the one under the home."""
    if not given:
        return str((home / name).absolute())
    return given if is_address(given) else str(Path(given).expanduser())


class Settings(BaseSettings):
    """Where things live and what is allowed."""

    model_config = SettingsConfigDict(
        env_prefix="VIBES_", env_file=DOTENV, extra="ignore", frozen=True, populate_by_name=True
    )

    home: Path = Field(
        default_factory=_default_home,
        description="Folder where the embedded lake, runs and artifacts live.",
    )
    catalog: str = Field(
        "",
        description="DuckLake catalog: a SQLite file or postgresql://. Default: under the home.",
    )
    data: str = Field(
        "",
        description="Parquet files of the lake: a folder or s3://bucket/prefix. "
        "Default: under the home.",
    )
    queue: str = Field(
        "", description="Run table: a SQLite file or postgresql://. Default: under the home."
    )
    ledger: str = Field(
        "",
        validation_alias=AliasChoices("VIBES_LEDGER", "MLFLOW_TRACKING_URI"),
        description="MLflow store that runs are mirrored to: a SQLite file, a database's address "
        "or an MLflow server's; `off` for none. Default: under the home.",
    )
    artifacts: str = Field(
        "",
        description="What runs leave behind: a folder or s3://bucket/prefix. "
        "Default: under the home.",
    )
    artifacts_bucket: str = Field(
        "",
        validation_alias=AliasChoices("VIBES_ARTIFACTS_BUCKET", "MLFLOW_S3_BUCKET_NAME"),
        pattern=r"^[a-z0-9.-]*$",
        description="Bucket of what runs leave behind, where VIBES_ARTIFACTS names no place.",
    )
    s3_endpoint: str = Field(
        "",
        validation_alias=AliasChoices(
            "VIBES_S3_ENDPOINT", "AWS_ENDPOINT_URL", "MLFLOW_S3_ENDPOINT_URL"
        ),
        description="Address of the S3-compatible store, such as http://127.0.0.1:9000. "
        "Empty: Amazon's.",
    )
    s3_key_id: str = Field(
        "",
        validation_alias=AliasChoices("VIBES_S3_KEY_ID", "AWS_ACCESS_KEY_ID"),
        description="Name of the key to the object store.",
    )
    s3_secret: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("VIBES_S3_SECRET", "AWS_SECRET_ACCESS_KEY"),
        description="The key to the object store.",
    )
    s3_region: str = Field(
        "us-east-1",
        validation_alias=AliasChoices("VIBES_S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"),
        description="Region of the object store.",
    )
    executor: str = Field(
        "local",
        pattern=r"^(local|dask://\S+:\d+)$",
        description="Where fits run: `local` (sampler processes here) or dask://host:port.",
    )
    worker_runs: int = Field(
        1, ge=1, le=64, description="Runs that one worker works on at the same time."
    )
    lease_seconds: float = Field(
        15.0,
        ge=1,
        le=3600,
        description="How long a run stays with a worker that is not heard of; then another takes "
        "it over.",
    )
    max_tries: int = Field(
        3, ge=1, le=20, description="Workers that may die over one run before it is given up."
    )
    url: str = Field(
        "", description="Server that the command line talks to; empty: work in-process on the home."
    )
    token: SecretStr | None = Field(
        None, description="Bearer token that the command line sends to the server."
    )
    auth_secret: SecretStr | None = Field(
        None,
        description="HS256 secret (32 bytes or more) of bearer tokens. Set: everything needs one.",
    )
    auth_public_key: str | None = Field(
        None, description="RS256 public key (PEM text or a path to it) of bearer tokens."
    )
    auth_audience: str = Field("pymc-vibes", description="Audience that a token must name.")
    auth_issuer: str = Field("pymc-vibes", description="Issuer that a token must name.")
    auth_max_days: int = Field(
        366, ge=1, le=3660, description="Longest life of a token that is accepted, in days."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins allowed to call the API from a browser, separated by commas or as a "
        "JSON list.",
    )
    log_format: Literal["console", "json"] = Field("console", description="How logs are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level that is logged."
    )
    max_upload_bytes: int = Field(
        10 * 2**30, ge=1024, description="Largest upload accepted over HTTP, in bytes."
    )
    max_body_bytes: int = Field(
        2**20, ge=1024, description="Largest body of every other request, in bytes."
    )
    max_uploads_per_minute: int = Field(
        600, ge=1, le=10**6, description="Uploads that one token's holder may send in a minute."
    )
    max_downloads_per_minute: int = Field(
        300,
        ge=1,
        le=10**6,
        description="Draws, pictures, files and simulated events that one token's holder may ask "
        "for in a minute.",
    )
    max_runs_per_minute: int = Field(
        60,
        ge=1,
        le=10**6,
        description="Sampled runs that one token's holder may begin in a minute.",
    )
    max_waiting_runs: int = Field(
        1000, ge=1, le=10**6, description="Runs that may wait for a worker at the same time."
    )
    query_seconds: float = Field(
        120.0,
        gt=0,
        le=86_400,
        description="How long one question to the lake may take before it is interrupted.",
    )
    memory_limit: str = Field(
        "1GB",
        pattern=r"^\d+(\.\d+)?(MB|GB)$",
        description="Memory the lake's engine may use before it spills to disk.",
    )
    threads: int | None = Field(
        None, ge=1, le=256, description="Threads of the lake's engine; empty: every core."
    )

    sampler_cache: Path = Field(
        default_factory=_default_cache,
        description="Folder where samplers keep compiled models; whoever can write to it can run "
        "code here.",
    )
    sampler_children: int = Field(
        3, ge=1, le=64, description="Sampler processes kept ready, one for each model structure."
    )
    sampler_idle_seconds: float = Field(
        600.0, gt=0, description="How long an idle sampler process is kept."
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _many(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        if given.lstrip().startswith("["):
            return json.loads(given)  # its error is a ValueError, as a validator's must be
        return tuple(origin.strip() for origin in given.split(",") if origin.strip())

    @field_validator("catalog", "queue")
    @classmethod
    def _is_a_database(cls, place: str) -> str:
        return _place(place, "postgresql")

    @field_validator("data", "artifacts")
    @classmethod
    def _is_a_store(cls, place: str) -> str:
        return _place(place, "s3")

    @field_validator("auth_secret")
    @classmethod
    def _is_long(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(
                f"must be at least {MIN_SECRET_BYTES} bytes; make one with "
                "`python -c 'import secrets; print(secrets.token_urlsafe(48))'`"
            )
        return secret

    @property
    def catalog_place(self) -> str:
        """The lake's catalog: the path of a SQLite file, or a PostgreSQL address."""
        return _under(self.home, "lake.sqlite", self.catalog)

    @property
    def data_place(self) -> str:
        """Where the lake's Parquet files are: a folder, or an S3 address."""
        return _under(self.home, "data", self.data)

    @property
    def queue_place(self) -> str:
        """The run table: the path of a SQLite file, or a PostgreSQL address."""
        return _under(self.home, "runs.sqlite", self.queue)

    @property
    def artifacts_place(self) -> str:
        """Where runs leave things behind: a folder, or an S3 address."""
        bucket = f"s3://{self.artifacts_bucket}" if self.artifacts_bucket else ""
        return _under(self.home, "artifacts", self.artifacts or bucket)

    @property
    def ledger_place(self) -> str:
        """The MLflow store: the path of a SQLite file, or the address of a database or server."""
        return _under(self.home, "ledger.sqlite", self.ledger.removeprefix(SQLITE))

    @property
    def has_ledger(self) -> bool:
        """Whether runs are mirrored to MLflow at all."""
        return self.ledger != NO_LEDGER

    @property
    def is_embedded(self) -> bool:
        """Whether catalog and run table are files of this machine, made when they are missing."""
        return not (is_address(self.catalog_place) or is_address(self.queue_place))

    def environment(self) -> dict[str, str]:
        """Give the environment in which another process of ours has the same settings."""
        given = self.model_dump(mode="json", include=self.model_fields_set)
        shown = {name: value for name, value in given.items() if value is not None}
        for name in shown:
            if isinstance(secret := getattr(self, name), SecretStr):
                shown[name] = secret.get_secret_value()
        mine = {
            variables(name)[0]: value if isinstance(value, str) else json.dumps(value)
            for name, value in shown.items()
        }
        return {**os.environ, **mine}

    @property
    def has_auth(self) -> bool:
        """Whether requests need a token."""
        return self.auth_secret is not None or self.auth_public_key is not None


def load_settings(**overrides: Any) -> Settings:
    """Read the settings, or raise `BadConfig` naming the variable that is wrong."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        wrong = [
            f"{_variable(e['loc'])}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_url=False, include_input=False)
        ]
        raise BadConfig(
            f"The settings cannot be used: {'; '.join(wrong)}.",
            hint="`vibes doctor` lists every setting with its meaning.",
        ) from error


def origins() -> Mapping[str, tuple[str, ...]]:
    """Name the variables that are set for each setting, the one that counts first."""
    from dotenv import dotenv_values

    here = {name.upper() for name in os.environ}
    in_file = {name.upper() for name in dotenv_values(DOTENV)}
    found = {}
    for field in Settings.model_fields:
        names = variables(field)
        nearer = [name for name in names if name in here]
        farther = [f"{name} in {DOTENV}" for name in names if name in in_file]
        found[field] = (*nearer, *farther)
    return found


def is_empty(variable: str) -> bool:
    """Whether a variable is set and empty: it counts then, and stands for the default."""
    return os.environ.get(variable) == ""


def wants_color() -> bool:
    """Whether the terminal may be colored: https://no-color.org says how one refuses."""
    return not os.environ.get("NO_COLOR")


def variables(field: str) -> tuple[str, ...]:
    """Name the variables that a setting is read from, ours first.

    >>> variables("home"), variables("ledger")
    (('VIBES_HOME',), ('VIBES_LEDGER', 'MLFLOW_TRACKING_URI'))
    """
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(choice) for choice in alias.choices)
    return (f"VIBES_{field.upper()}",)


def unknown_variables() -> tuple[str, ...]:
    """Name the variables that look like settings of ours and are none."""
    from dotenv import dotenv_values

    known = {name for field in Settings.model_fields for name in variables(field)} | OF_THE_TESTS
    given = {name.upper() for name in (*os.environ, *dotenv_values(DOTENV))}
    return tuple(sorted(name for name in given - known if name.startswith("VIBES_")))


def _variable(location: tuple[int | str, ...]) -> str:
    """Name the variable that is wrong; those with several names are placed by their first."""
    name = "_".join(str(part) for part in location) or "*"
    return name if name.isupper() else f"VIBES_{name.upper()}"
