"""Settings: every one has a default that works, and is set by a ``WANGGE_`` environment variable."""

from __future__ import annotations

from datetime import timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

CHINA_STANDARD_TIME = timezone(timedelta(hours=8), "CST")


class Settings(BaseSettings):
    """What an operator may set; names in the environment carry the prefix ``WANGGE_``."""

    model_config = SettingsConfigDict(env_prefix="WANGGE_", env_file=".env", extra="ignore", frozen=True)

    database_url: str | None = Field(
        None,
        description="Another PostGIS (≥3.3): postgresql://user:password@host/name; else the private cluster",
    )
    data_dir: Path = Field(Path(".wangge"), description="Where the private cluster, photos and indexes live")
    host: str = Field("127.0.0.1", description="Address to serve on")
    port: int = Field(8000, ge=1, le=65535, description="Port to serve on")

    households_min: int = Field(300, ge=0, description="Fewest households of a basic grid")
    households_max: int = Field(500, ge=1, description="Most households of a basic grid")
    households_basis: Literal["registered", "resident", "dwellings", "estimated"] = Field(
        "resident", description="What the limits count"
    )

    ambiguous_below: float = Field(
        0.8, gt=0, le=1, description="A best candidate less probable than this is ambiguous: a person decides"
    )
    manual_beyond_m: float = Field(
        200.0, ge=0, description="A point outside every grid by more than this goes to the manual queue"
    )
    walking_speed_m_s: float = Field(
        1.1, ge=0.1, le=5, description="Walking speed for the quarter-hour circle, metres a second"
    )
    walking_speed_older_m_s: float = Field(0.8, ge=0.1, le=5, description="The same of older residents")
    walking_speed_wheelchair_m_s: float = Field(0.7, ge=0.1, le=5, description="The same of wheelchair users")
    walking_detour: float = Field(
        1.3, ge=1, le=3, description="Way on foot over the straight line, where no street is loaded"
    )
    verified_within_days: int = Field(
        365, gt=0, description="A service point verified longer ago is shown as such"
    )

    basemap: Literal["none", "tianditu", "amap", "osm", "raster", "pmtiles"] = Field(
        "none", description="Basemap of every map; none asks no other host for anything"
    )
    basemap_key: str | None = Field(None, description="Tianditu's key")
    basemap_url: str | None = Field(None, description="Tile URL template or PMTiles path of an own set")
    approval_number: str | None = Field(None, description="审图号, shown on public maps")

    body_limit_mb: int = Field(64, gt=0, description="Largest body of one request, in megabytes")
    batches_at_once: int = Field(
        4,
        gt=0,
        description="Most batch requests of one address under way in one worker; more are told to wait",
    )
    batch_row_limit: int = Field(1_000_000, gt=0, description="Most rows of one batch request")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once.

    Returns
    -------
    Settings
        Frozen.
    """
    return Settings()
