"""The published site of a community: a folder of files for any web server, or for opening from a disk.

It asks nobody for anything, holds the public layer alone, and is the same byte for byte whenever it is made
from the same edition of the same data.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import segno
from markupsafe import Markup

from gis.errors import ConflictError, InputError
from gis.layers.database import Database
from gis.layers.file_writers import write_layer
from gis.service.mapping import draw_place
from gis.service.residents.changes import Change
from gis.service.residents.guide import GridGuide, Guide
from gis.service.residents.guide_making import make_guide
from gis.service.residents.handbook import write_handbook
from gis.service.residents.public_layer import PUBLIC_FIELDS, read_public_place
from gis.service.residents.templating import TEMPLATES, templates
from gis.service.residents.wording import shortened
from gis.settings import CHINA_STANDARD_TIME, Settings
from gis.texts import LANGUAGES, Language, text
from maps.page import write

MANIFEST = "site.json"
HANDBOOK = "handbook.pdf"
POINTS_ON_A_PAGE = 500
_SERIALS_NAMED = 8
_NO_CHANGE_YET = dt.datetime(2000, 1, 1, tzinfo=CHINA_STANDARD_TIME)
"""A feed must say when it changed last; one without any change says this."""

_FROM_ABOVE: dict[Language, str] = {"zh": "", "en": "en/"}
_OTHER: dict[Language, Language] = {"zh": "en", "en": "zh"}


@dataclass(frozen=True)
class Site:
    """What was published.

    Attributes
    ----------
    folder
        Where.
    files
        Every file, relative to it, sorted.
    edition
        Number of the edition; None where the county has not published any.
    digest
        SHA-256 over the files' names and contents: the same data give the same.
    missing
        What the pages say is missing, in Chinese.
    """

    folder: Path
    files: tuple[str, ...]
    edition: int | None
    digest: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class _Making:
    """What every page of one site is made with."""

    guide: Guide
    settings: Settings
    base_url: str | None
    sample: bool
    handbook: bool
    folder: Path


def publish_site(
    database: Database,
    community_code: str,
    out: Path,
    *,
    settings: Settings,
    base_url: str | None = None,
    with_handbook: bool = True,
) -> Site:
    """Publish a community's site into a folder.

    Everything is made aside first, so a site that was there stays whole if anything fails. Files of an
    earlier site that are no more are removed; files that are not ours are left alone.

    Parameters
    ----------
    database
        The database.
    community_code
        12 digits.
    out
        The folder; made where it is missing.
    settings
        The basemap, the approval number, the walking speed and when an entry counts as old.
    base_url
        Where the site will stand, such as ``https://example.cn/wangge/``: needed for the QR codes and for
        addresses in the feed.
    with_handbook
        Whether the handbook is made too.

    Returns
    -------
    Site
        What is there now.

    Raises
    ------
    InputError
        If the base address is not one.
    NotFoundError
        If there is no such community.
    ConflictError
        If the folder holds an index.html that is not ours.
    """
    base = _base(base_url)
    before = _former(out)
    with database.connection() as connection:
        place = read_public_place(connection, community_code)
    guide = make_guide(place, verified_within_days=settings.verified_within_days)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=out.parent) as name:
        draft = Path(name)
        making = _Making(guide, settings, base, place.sample, with_handbook, draft)
        _write_all(making)
        files = sorted(path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file())
        digests = {file: hashlib.sha256((draft / file).read_bytes()).hexdigest() for file in files}
        manifest = {
            "made_by": "Wangge",
            "community": place.code,
            "edition": place.edition.as_dict() if place.edition else None,
            "files": digests,
        }
        (draft / MANIFEST).write_text(_json(manifest), encoding="utf-8", newline="\n")
        _move(draft, out, [*files, MANIFEST], before)
    return Site(
        folder=out,
        files=(*files, MANIFEST),
        edition=place.edition.number if place.edition else None,
        digest=hashlib.sha256(_json(digests).encode()).hexdigest(),
        missing=tuple(text(f"residents.missing.{key}", "zh", **values) for key, values in guide.notes),
    )


def _base(base_url: str | None) -> str | None:
    if base_url is None:
        return None
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise InputError(
            f"{base_url!r} is not the address of a site", where="base url", mend="give https://host/folder/"
        )
    return base_url if base_url.endswith("/") else f"{base_url}/"


def _former(out: Path) -> list[str]:
    """Return the files of the site that is in the folder already."""
    manifest = out / MANIFEST
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
        return [*found["files"], MANIFEST]
    except (OSError, ValueError, KeyError, TypeError):
        if (out / "index.html").exists() or (out.exists() and not out.is_dir()):
            raise ConflictError(
                "there is something else here already",
                where=str(out),
                mend="name an empty folder, or one with a site that was published by this command",
            ) from None
        return []


def _move(draft: Path, out: Path, files: list[str], before: list[str]) -> None:
    out.mkdir(exist_ok=True)
    for file in files:
        target = out / file
        target.parent.mkdir(parents=True, exist_ok=True)
        (draft / file).chmod(0o644)
        (draft / file).replace(target)
    for file in sorted(set(before) - set(files)):
        stale = (out / file).resolve()
        if stale.is_relative_to(out.resolve()):
            stale.unlink(missing_ok=True)


def _write_all(making: _Making) -> None:
    draft, place = making.folder, making.guide.place
    for language in LANGUAGES:
        top = draft / _FROM_ABOVE[language]
        (top / "grids").mkdir(parents=True, exist_ok=True)
        _write_lists(making, language)
        _write_index(making, language)
        for grid in making.guide.grids:
            _write_grid(making, language, grid)
        _write_map(making, language, top)
    (draft / "data").mkdir()
    for layer in PUBLIC_FIELDS:
        frame = place.layer(layer)
        if layer == "staff":
            write_layer(pd.DataFrame(frame.drop(columns="geometry")), draft / "data" / "staff.csv")
        else:
            write_layer(frame, draft / "data" / f"{layer}.csv")
            write_layer(frame, draft / "data" / f"{layer}.geojson")
    _write_feed(making)
    for name in ("site.css", "site.js"):
        shutil.copyfile(TEMPLATES / name, draft / name)
    if making.handbook:
        write_handbook(
            making.guide,
            draft / HANDBOOK,
            approval_number=making.settings.approval_number,
            sample=making.sample,
            base_url=making.base_url,
        )


def _page(making: _Making, language: Language, template: str, path: str, **values: Any) -> None:
    """Fill a template and write it to a path within the language's part of the site."""
    deep = path.count("/")
    up, own = "../" * deep, _FROM_ABOVE[language]
    root = up + "../" * own.count("/")
    other = root + _FROM_ABOVE[_OTHER[language]] + path
    html = (
        templates(language)
        .get_template(template)
        .render(
            guide=making.guide,
            up=up,
            root=root,
            other=other,
            canonical=f"{making.base_url}{own}{path}" if making.base_url else None,
            sample=making.sample,
            approval=making.settings.approval_number,
            verified_within_days=making.settings.verified_within_days,
            handbook=HANDBOOK if making.handbook else None,
            **values,
        )
    )
    (making.folder / own / path).write_text(html, encoding="utf-8", newline="\n")


def _write_index(making: _Making, language: Language) -> None:
    changes = [(change, change_lines(change, language)) for change in making.guide.place.changes]
    _page(making, language, "index.html", "index.html", changes=changes, layers=list(PUBLIC_FIELDS))


def _write_grid(making: _Making, language: Language, grid: GridGuide) -> None:
    path = f"grids/{grid.code}.html"
    code = None
    if making.base_url:
        address = f"{making.base_url}{_FROM_ABOVE[language]}{path}"
        code = Markup(qr_svg(address))  # noqa: S704 - segno's own drawing
    # The drawing escapes every text in it.
    drawing = Markup(making.guide.drawing(grid, language))  # noqa: S704
    _page(making, language, "grid.html", path, grid=grid, qr=code, drawing=drawing)


def _write_lists(making: _Making, language: Language) -> None:
    guide = making.guide
    starts = range(0, max(len(guide.points), 1), POINTS_ON_A_PAGE)
    pages = [guide.points[start : start + POINTS_ON_A_PAGE] for start in starts]
    for page, points in enumerate(pages, start=1):
        sections: dict[str, tuple[Any, list[Any]]] = {}
        for point in points:
            sections.setdefault(point.category.category, (point.category, []))[1].append(point)
        _page(
            making, language, "services.html", _list_page(page),
            sections=list(sections.values()), owners=guide.owner_of(), page=page, pages=len(pages),
            list_page=_list_page,
        )  # fmt: skip


def _list_page(number: int) -> str:
    return "services.html" if number == 1 else f"services-{number}.html"


def _write_map(making: _Making, language: Language, top: Path) -> None:
    picture = draw_place(making.guide.place, making.settings, language=language, delivery="folder")
    write(
        picture, top / "map.html", delivery="folder", parts_folder="../parts" if language == "en" else "parts"
    )


def _write_feed(making: _Making) -> None:
    place = making.guide.place
    seed = uuid.uuid5(uuid.NAMESPACE_OID, f"wangge.community.{place.code}")
    entries = [
        {
            "id": uuid.uuid5(seed, f"{change.number} {change.digest}").urn,
            "change": change,
            "lines": change_lines(change, "zh") + change_lines(change, "en"),
        }
        for change in place.changes
    ]
    latest = place.changes[0].effective_from if place.changes else _NO_CHANGE_YET
    xml = (
        templates("zh")
        .get_template("feed.xml")
        .render(
            guide=making.guide,
            base_url=making.base_url,
            feed_id=seed.urn,
            updated=latest.isoformat(),
            entries=entries,
        )
    )
    (making.folder / "feed.xml").write_text(xml, encoding="utf-8", newline="\n")


def change_lines(change: Change, language: Language) -> list[str]:
    """Say what an edition changed.

    Parameters
    ----------
    change
        The change.
    language
        ``zh`` or ``en``.

    Returns
    -------
    list of str
        One line for each kind of change.
    """
    if change.opened and not change.redrawn and not change.closed and change.number == 1:
        return [text("residents.site.change_first", language, count=len(change.opened))]
    lines = []
    for kind in ("opened", "redrawn", "closed"):
        codes = getattr(change, kind)
        if codes:
            serials = ("、" if language == "zh" else ", ").join(code[12:] for code in codes[:_SERIALS_NAMED])
            if len(codes) > _SERIALS_NAMED:
                serials += text("residents.site.serials_more", language)
            lines.append(text(f"residents.site.change_{kind}", language, count=len(codes), serials=serials))
    return lines


def qr_svg(address: str) -> str:
    """Draw an address as a QR code.

    Parameters
    ----------
    address
        The address.

    Returns
    -------
    str
        SVG, black on white with the quiet zone that scanners need.
    """
    code = segno.make(shortened(address, 600), error="m", micro=False)
    drawn: str = code.svg_inline(
        omitsize=True, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )
    return drawn


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
