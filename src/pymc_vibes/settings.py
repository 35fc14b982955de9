"""The only reader of the environment: every setting, its default and its meaning.

Variables carry the prefix `VIBES_`; a `.env` file in the working directory is read too, and real
variables win over it. `vibes doctor` prints them, secrets masked.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pymc_vibes.core.errors import BadConfig

MIN_SECRET_BYTES = 32  # HS256 needs a key as long as its hash, RFC 7518 section 3.2


def _default_home() -> Path:
    return Path.home() / ".local" / "share" / "pymc-vibes"


def _default_cache() -> Path:
    return Path.home() / ".cache" / "pymc-vibes" / "sampler"


class Settings(BaseSettings):
    """Where things live and what is allowed."""

    model_config = SettingsConfigDict(
        env_prefix="VIBES_", env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    home: Path = Field(
        default_factory=_default_home,
        description="Folder where the embedded lake, runs and artifacts live.",
    )
    catalog: str = Field(
        "", description="DuckLake catalog: a SQLite file. Default: under the home."
    )
    data: str = Field(
        "", description="Parquet files of the lake: a folder. Default: under the home."
    )
    queue: str = Field("", description="Run table: a SQLite file. Default: under the home.")
    artifacts: str = Field(
        "",
        description="Folder of the files that runs leave behind. Default: under the home.",
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
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins allowed to call the API from a browser (JSON list)."
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

    @field_validator("catalog", "data", "queue", "artifacts")
    @classmethod
    def _is_local(cls, place: str) -> str:
        if "://" in place:
            raise ValueError(
                f"{place.partition('://')[0]}:// is not supported yet: give a path on this machine"
            )
        return place

    @model_validator(mode="after")
    def _secret_is_long(self) -> Self:
        if (
            self.auth_secret
            and len(self.auth_secret.get_secret_value().encode()) < MIN_SECRET_BYTES
        ):
            raise ValueError(
                f"VIBES_AUTH_SECRET must be at least {MIN_SECRET_BYTES} bytes; make one with "
                "`python -c 'import secrets; print(secrets.token_urlsafe(48))'`"
            )
        return self

    @property
    def catalog_path(self) -> Path:
        """The SQLite file of the lake's catalog."""
        return Path(self.catalog).expanduser() if self.catalog else self.home / "lake.sqlite"

    @property
    def data_path(self) -> Path:
        """The folder of the lake's Parquet files."""
        return Path(self.data).expanduser() if self.data else self.home / "data"

    @property
    def queue_path(self) -> Path:
        """The SQLite file of the run table."""
        return Path(self.queue).expanduser() if self.queue else self.home / "runs.sqlite"

    @property
    def owners_path(self) -> Path:
        """The folder of the locks of those who work on runs; beside the run table."""
        return self.queue_path.with_name(f"{self.queue_path.name}.owners")

    @property
    def artifacts_path(self) -> Path:
        """The folder of what runs leave behind."""
        return Path(self.artifacts).expanduser() if self.artifacts else self.home / "artifacts"

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
            f"VIBES_{'_'.join(str(part) for part in e['loc']).upper() or '*'}: {e['msg']}"
            for e in error.errors(include_url=False, include_input=False)
        ]
        raise BadConfig(
            f"The settings cannot be used: {'; '.join(wrong)}.",
            hint="`vibes doctor` lists every setting with its meaning.",
        ) from error
