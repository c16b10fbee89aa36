"""The service handbook (服务手册): what a household keeps by the telephone, as an A4 PDF.

Set by WeasyPrint from the same guide as the site, with the system's CJK font embedded. It is drawn for a
black-and-white printer, asks nobody for anything while it is made, and the same data give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import segno
from markupsafe import Markup

from gis.errors import UnavailableError
from gis.layers.database import Database
from gis.layers.whole_file import whole_file
from gis.service.residents.guide import Guide
from gis.service.residents.guide_making import make_guide
from gis.service.residents.public_layer import read_public_place
from gis.service.residents.templating import TEMPLATES, templates
from gis.settings import Settings
from gis.terms import GridType
from gis.texts import Language, text

POINTS_OF_A_GRID = 80
"""More service points than this are not printed in one grid's table; the table says how many are left."""

_OVERVIEW = {"width": 720.0, "height": 520.0}
_SHEET = {"width": 720.0, "height": 470.0}


@dataclass(frozen=True)
class Handbook:
    """What was made.

    Attributes
    ----------
    path
        The PDF.
    pages
        How many.
    edition
        Number of the edition that it was made from; None where the county has not published any.
    missing
        What it says is missing, in Chinese.
    """

    path: Path
    pages: int
    edition: int | None
    missing: tuple[str, ...]


def make_handbook(
    database: Database,
    community_code: str,
    out: Path,
    *,
    settings: Settings,
    language: Language = "zh",
    base_url: str | None = None,
    on: dt.date | None = None,
) -> Handbook:
    """Make the handbook of a community.

    Parameters
    ----------
    database
        The database.
    community_code
        12 digits.
    out
        The PDF.
    settings
        The approval number, and when an entry counts as old.
    language
        ``zh`` or ``en``.
    base_url
        Where the community's site stands, for the QR code on the cover.
    on
        The day against which entries count as old; the data's own unless given.

    Returns
    -------
    Handbook
        What was made.
    """
    with database.connection() as connection:
        place = read_public_place(connection, community_code)
    guide = make_guide(place, verified_within_days=settings.verified_within_days, on=on)
    return write_handbook(
        guide, out, approval_number=settings.approval_number, sample=place.sample, language=language,
        base_url=base_url,
    )  # fmt: skip


def write_handbook(
    guide: Guide,
    out: Path,
    *,
    approval_number: str | None = None,
    sample: bool = False,
    language: Language = "zh",
    base_url: str | None = None,
) -> Handbook:
    """Set a guide as a handbook.

    Parameters
    ----------
    guide
        What it says.
    out
        The PDF.
    approval_number
        审图号, on the cover.
    sample
        Whether the data are made up, which the cover then says.
    language
        ``zh`` or ``en``.
    base_url
        Where the site stands, for the QR code.

    Returns
    -------
    Handbook
        What was made.

    Raises
    ------
    UnavailableError
        If no font with Chinese letters, or not WeasyPrint's own libraries, are installed.
    """
    _check_fonts()
    try:
        from weasyprint import HTML  # noqa: PLC0415 - its libraries are the system's, and may be missing
        from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415
    except OSError as error:
        raise UnavailableError(
            "the libraries that set a PDF are missing",
            mend="install Pango, such as libpango-1.0-0 and libpangoft2-1.0-0",
        ) from error
    html = handbook_html(
        guide, approval_number=approval_number, sample=sample, language=language, base_url=base_url
    )
    document = HTML(string=html, url_fetcher=_refuse, base_url=None).render(font_config=FontConfiguration())
    # No clock and no chance goes into the file: its identifier is its edition's.
    edition = guide.place.edition
    identifier = f"wangge {guide.place.code} {edition.digest if edition else 0}".encode()
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as draft:
        document.write_pdf(draft, pdf_identifier=identifier)
    return Handbook(
        path=out,
        pages=len(document.pages),
        edition=edition.number if edition else None,
        missing=tuple(text(f"residents.missing.{key}", language, **values) for key, values in guide.notes),
    )


def handbook_html(
    guide: Guide,
    *,
    approval_number: str | None,
    sample: bool,
    language: Language = "zh",
    base_url: str | None = None,
) -> str:
    """Fill the handbook's template.

    Parameters
    ----------
    guide
        What it says.
    approval_number, sample, language, base_url
        As for :func:`write_handbook`.

    Returns
    -------
    str
        HTML for WeasyPrint.
    """
    drawn = [
        (grid, _svg(guide.drawing(grid, language, **_SHEET))) for grid in guide.grids if _printed(grid.kind)
    ]
    style = (TEMPLATES / "handbook.css").read_text(encoding="utf-8")
    values: dict[str, Any] = {
        "guide": guide,
        "basic": guide.of_kind(GridType.BASIC),
        "drawn": drawn,
        "overview": _svg(guide.drawing(None, language, **_OVERVIEW)),
        "owners": guide.owner_of(),
        "approval": approval_number,
        "sample": sample,
        "base_url": base_url,
        "qr": _svg(_qr(base_url)) if base_url else None,
        "most": POINTS_OF_A_GRID,
        "style": Markup(style),  # noqa: S704 - our own style sheet
    }
    return templates(language).get_template("handbook.html").render(values)


def _printed(kind: str) -> bool:
    """Micro grids are shown on their parents' pages, by the same people's numbers."""
    return kind != GridType.MICRO


def _svg(drawing: str) -> Markup:
    return Markup(drawing)  # noqa: S704 - maps.grid_drawing and segno escape every text


def _qr(address: str) -> str:
    drawn: str = segno.make(address, error="m", micro=False).svg_inline(omitsize=True, border=4, light="#fff")
    return drawn


def _refuse(url: str, *_: Any, **__: Any) -> NoReturn:
    raise ValueError(f"a handbook loads nothing, and was asked for {url[:40]}")


def _check_fonts() -> None:
    listing = shutil.which("fc-list")
    if listing is None:
        return  # nothing to ask; WeasyPrint will say what it misses
    found = subprocess.run([listing, ":lang=zh-cn", "family"], capture_output=True, text=True, check=False)
    if not found.stdout.strip():
        raise UnavailableError(
            "no font with Chinese letters is installed", mend="install one, such as fonts-noto-cjk"
        )
