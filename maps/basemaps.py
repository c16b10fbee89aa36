"""Basemaps: what lies under our own layers, and which hosts that makes a page ask.

``none`` is the default and asks nobody: streets, water, buildings and compounds are drawn from the frames.
Attribution is always shown. AMap's tiles are in GCJ-02, so our layers and the device's position are shifted
for display on them; what is stored and computed is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import Literal
from urllib.parse import quote, urlsplit

from gis.errors import InputError

BasemapKind = Literal["none", "tianditu", "amap", "osm", "raster", "pmtiles"]

_TIANDITU = (
    "https://t{s}.tianditu.gov.cn/LAYER_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=LAYER"
    "&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk="
)
_AMAP = "https://webrd0{s}.is.autonavi.com/appmaptile?lang=zh_cn&size=1&scale=1&style=8&x={x}&y={y}&z={z}"
_OSM = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
_KEY = re.compile(r"^[A-Za-z0-9_-]{8,64}$")


@dataclass(frozen=True)
class TileSet:
    """One layer of picture tiles in Web Mercator.

    Attributes
    ----------
    address
        Template with ``{z}``, ``{x}``, ``{y}`` and perhaps ``{s}``.
    subdomains
        What ``{s}`` stands for, one character each.
    max_zoom
        The deepest zoom that has tiles; deeper ones are enlarged.
    """

    address: str
    subdomains: str = ""
    max_zoom: int = 18

    def origins(self) -> tuple[str, ...]:
        """List the origins that its tiles come from.

        Returns
        -------
        tuple of str
            Empty where the tiles are on the page's own server.
        """
        parts = urlsplit(self.address.split("{z}")[0])
        if not parts.netloc:
            return ()
        return tuple(f"{parts.scheme}://{parts.netloc.replace('{s}', one)}" for one in self.subdomains or "-")


@dataclass(frozen=True)
class Basemap:
    """A basemap as a page needs to know it.

    Attributes
    ----------
    kind
        Its name.
    tiles
        Layers of tiles, the lowest first.
    attribution
        HTML-safe words that must be shown.
    datum
        ``cgcs2000`` or ``gcj02``: what the tiles are drawn in.
    pmtiles
        Address of a PMTiles file, where it is one.
    """

    kind: BasemapKind
    tiles: tuple[TileSet, ...] = ()
    attribution: str = ""
    datum: Literal["cgcs2000", "gcj02"] = "cgcs2000"
    pmtiles: str | None = None

    def image_origins(self) -> tuple[str, ...]:
        """List the origins of its tiles, for the page's policy.

        Returns
        -------
        tuple of str
            Each once.
        """
        return tuple(dict.fromkeys(origin for tiles in self.tiles for origin in tiles.origins()))

    def data_origins(self) -> tuple[str, ...]:
        """List the origins that its script reads, for the page's policy.

        Returns
        -------
        tuple of str
            Empty but for PMTiles.
        """
        if self.pmtiles is None:
            return ()
        parts = urlsplit(self.pmtiles)
        return (f"{parts.scheme}://{parts.netloc}",) if parts.netloc else ("'self'",)


NO_BASEMAP = Basemap("none")


def basemap(
    kind: BasemapKind, *, key: str | None = None, address: str | None = None, attribution: str | None = None
) -> Basemap:
    """Describe a basemap from an operator's settings.

    Parameters
    ----------
    kind
        ``none``, ``tianditu``, ``amap``, ``osm``, ``raster`` or ``pmtiles``.
    key
        Tianditu's key.
    address
        For ``raster`` a template with ``{z}``, ``{x}`` and ``{y}``; for ``pmtiles`` the file's address.
    attribution
        Plain words for a set of one's own.

    Returns
    -------
    Basemap
        Ready for :func:`maps.service_map.service_map`.

    Raises
    ------
    InputError
        If the kind is unknown, or what it needs is missing or malformed.
    """
    if kind == "none":
        return NO_BASEMAP
    if kind == "tianditu":
        if key is None or not _KEY.match(key):
            raise InputError(
                "Tianditu needs a key of letters and digits",
                where="basemap_key",
                mend="set WANGGE_BASEMAP_KEY",
            )
        # Streets and their names are two layers of Tianditu's, both in the Web Mercator matrix set.
        tiles = tuple(
            TileSet(
                _TIANDITU.replace("LAYER_w", f"{layer}_w").replace("LAYER=LAYER", f"LAYER={layer}")
                + quote(key),
                "01234567",
            )
            for layer in ("vec", "cva")
        )
        return Basemap("tianditu", tiles, "© 国家地理信息公共服务平台 天地图")
    if kind == "amap":
        return Basemap("amap", (TileSet(_AMAP, "1234"),), "© 高德地图 AutoNavi", datum="gcj02")
    if kind == "osm":
        return Basemap("osm", (TileSet(_OSM, max_zoom=19),), "© OpenStreetMap contributors")
    # Braces would be read as a template on the way into the page.
    words = escape(attribution or "").replace("{", "&#123;")
    if kind == "raster":
        return Basemap("raster", (TileSet(_checked(address, ("{z}", "{x}", "{y}"))),), words)
    if kind == "pmtiles":
        return Basemap("pmtiles", (), words, pmtiles=_checked(address, ()))
    raise InputError(
        f"{kind!r} is not a basemap",
        where="basemap",
        mend="give none, tianditu, amap, osm, raster or pmtiles",
    )


def _checked(address: str | None, wanted: tuple[str, ...]) -> str:
    mend = "set WANGGE_BASEMAP_URL to an http(s) address or a path" + (
        f" with {', '.join(wanted)}" if wanted else ""
    )
    if not address:
        raise InputError("this basemap needs an address", where="basemap_url", mend=mend)
    if urlsplit(address).scheme not in {"", "http", "https"} or re.search(
        r"""[\s"'<>;\\]|\{[{%#]""", address
    ):
        raise InputError("the address of the basemap cannot be used", where="basemap_url", mend=mend)
    missing = [name for name in wanted if name not in address]
    if missing:
        raise InputError(
            f"the address of the basemap lacks {', '.join(missing)}", where="basemap_url", mend=mend
        )
    return address
