"""Settings: read once from ``LANDWARDEN_*`` by the command or the web factory, then passed as values.

Every field is documented in ``docs/settings.md``; a test holds the two together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from foundation.errors import InvalidInput

PROJECT_ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """All that differs between one installation and another."""

    model_config = SettingsConfigDict(env_prefix="LANDWARDEN_", frozen=True, extra="ignore")

    data_dir: Path = Field(
        default=PROJECT_ROOT / ".landwarden",
        description="Folder of the private database, the blobs and the demonstration inputs.",
    )
    database_url: str = Field(
        default="",
        description="PostgreSQL URL of the application role. Empty: a private PostGIS cluster in data_dir.",
    )
    migration_url: str = Field(
        default="",
        description="PostgreSQL URL of the owner role, used by migrations only. Needed with database_url.",
    )
    postgres_bin: str = Field(
        default="",
        description="Folder of initdb and postgres. Empty: the newest version found on this machine.",
    )
    host: str = Field(default="127.0.0.1", description="Address the web server listens on.")
    port: int = Field(default=8800, ge=1, le=65535, description="Port the web server listens on.")
    public_origin: str = Field(
        default="",
        description="Origin that browsers see when a proxy stands in front. Empty: as requested.",
    )
    city_code: str = Field(default="410800000000", description="Division code of the city that runs this.")
    language: Literal["zh", "en"] = Field(default="zh", description="Language where a request states none.")
    session_hours: int = Field(default=12, ge=1, le=168, description="Hours until a web session ends.")
    upload_max_mb: int = Field(default=50, ge=1, description="Largest evidence file accepted, in MiB.")
    disk_low_water_mb: int = Field(
        default=512, ge=1, description="Free disk space in MiB below which nothing more is stored."
    )
    block_px: int = Field(
        default=0,
        ge=0,
        multiple_of=32,
        description="Edge of a processing block, in pixels, a multiple of 32. 0: chosen by the detectors.",
    )
    executor: Literal["threads", "processes", "dask"] = Field(
        default="threads", description="Where pixel work runs: threads, processes, or a Dask cluster."
    )
    workers: int = Field(default=1, ge=1, le=256, description="Threads or processes for pixel work.")
    dask_address: str = Field(
        default="", description="Scheduler of the Dask cluster. Empty: a cluster of this machine alone."
    )
    undo_minutes: int = Field(default=10, ge=0, description="Minutes during which a move may be undone.")
    audit_head_url: str = Field(
        default="",
        description="Folder or fsspec URL elsewhere for heads of the audit chain. Empty: in data_dir.",
    )
    policy_profile: Literal["full", "unit_only"] = Field(
        default="full", description="Whether persons are ranked (full) or only units (unit_only)."
    )


def read_settings(**overrides: object) -> Settings:
    """Settings from the environment; overrides win.

    Raises
    ------
    InvalidInput
        ``foundation.settings.invalid`` naming the setting and the reason.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "LANDWARDEN_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidInput("foundation.settings.invalid", setting=name, reason=first["msg"]) from error
