"""The browser parts of a page: our own copy in place of every address that Folium lists.

Folium's classes name files on other hosts. Nothing that we render may ask another host for anything, so
each of those addresses is answered from ``maps/static/vendor`` (copied there from npm at set-up, or carried
by the wheel), by the table in ``addresses.toml``; an address that the table does not know is refused.

While a page is written, its elements carry *parts* instead of addresses: ``part:leaflet/leaflet.js`` is a
file under ``vendor``, ``own:js/main.js`` one of ours under ``maps/static``. :func:`deliver` turns these into
one of three things:

``inline``
    The file's text itself, so that the page is one file that opens anywhere.
``folder``
    A relative link to a copy beside the page.
``served``
    A link under ``/static/vendor/`` or ``/static/maps/``, with a mark of the content for caches.
"""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from branca.element import Element
from folium.elements import JSCSSMixin

from gis.errors import InputError, UnavailableError

Delivery = Literal["inline", "folder", "served"]
DELIVERIES: tuple[Delivery, ...] = ("inline", "folder", "served")

STATIC = Path(__file__).parent / "static"
VENDOR = STATIC / "vendor"
PARTS_FOLDER = "parts"

_LEAFLET = "part:leaflet/leaflet.js"
_LEAFLET_STYLE = "part:leaflet/leaflet.css"
_USES_PICTURES = re.compile(r"L\.(?:marker|Marker|control\.layers|Icon)\b|\.layers\(")
_MARKER_PICTURES = {
    "iconUrl": "part:leaflet/images/marker-icon.png",
    "iconRetinaUrl": "part:leaflet/images/marker-icon-2x.png",
    "shadowUrl": "part:leaflet/images/marker-shadow.png",
}

_PREFIXES = {"part": (VENDOR, "/static/vendor/"), "own": (STATIC, "/static/maps/")}
_LINK = re.compile(
    r'<script src="((?:part|own):[^"]+)"></script>|<link rel="stylesheet" href="((?:part|own):[^"]+)"/>'
)
_FOREIGN = re.compile(
    r"""<(?:script|link)\b[^>]*?\b(?:src|href)\s*=\s*["']?(?:https?:)?//([^"'\s>]+)""", re.IGNORECASE
)
_CSS_URL = re.compile(r"""url\(\s*(["']?)(?!data:|#|%23)([^"')]+)\1\s*\)""")


@cache
def known_addresses() -> dict[str, str]:
    """Return the part that answers each address of Folium's classes.

    Returns
    -------
    dict
        Address → part, such as ``part:leaflet/leaflet.js``.
    """
    table = tomllib.loads((Path(__file__).parent / "addresses.toml").read_text(encoding="utf-8"))
    return {address: f"part:{file}" for file, addresses in table.items() for address in addresses}


def part_for(address: str, *, wanted_by: str) -> str:
    """Return the part that stands in for an address.

    Parameters
    ----------
    address
        What a Folium class lists, or a part already.
    wanted_by
        The class, for the message.

    Returns
    -------
    str
        ``part:…`` or ``own:…``.

    Raises
    ------
    InputError
        If no file of ours answers to it.
    """
    if address.startswith(("part:", "own:")):
        return address
    try:
        return known_addresses()[address]
    except KeyError:
        raise InputError(
            f"folium's {wanted_by} needs {address}, which is not among our browser parts",
            where=f"folium.{wanted_by}",
            mend="leave it out of the map, or add the part to package.json and maps/addresses.toml",
        ) from None


@cache
def part_bytes(part: str) -> bytes:
    """Read one part.

    Parameters
    ----------
    part
        ``part:…`` or ``own:…``.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    UnavailableError
        If the browser parts are not there.
    """
    file = _file_of(part)
    try:
        return file.read_bytes()
    except OSError:
        raise UnavailableError(
            f"the browser part {part.partition(':')[2]} is missing", where=str(file), mend="run `make setup`"
        ) from None


def part_address(part: str) -> str:
    """Return the address that the server answers a part under.

    Parameters
    ----------
    part
        ``part:…`` or ``own:…``.

    Returns
    -------
    str
        A path with the content's mark, so that it may be kept for ever.
    """
    scheme, _, name = part.partition(":")
    mark = hashlib.sha256(part_bytes(part)).hexdigest()[:12]
    return f"{_PREFIXES[scheme][1]}{name}?v={mark}"


@contextmanager
def own_parts(root: Element) -> Iterator[None]:
    """Let every element under ``root`` ask for our parts while a page is rendered.

    Set on the elements and taken back afterwards, never on Folium's classes, so other users of Folium in
    this process see nothing of it.

    Parameters
    ----------
    root
        A figure, or any element.

    Yields
    ------
    None
        Within, ``default_js`` and ``default_css`` hold parts.
    """
    changed: list[tuple[Element, str, Any]] = []
    try:
        for element in _elements_under(root):
            if isinstance(element, JSCSSMixin):
                for field in ("default_js", "default_css"):
                    listed = getattr(element, field)
                    wanted_by = type(element).__name__
                    own = [(name, part_for(address, wanted_by=wanted_by)) for name, address in listed]
                    if own != listed:
                        changed.append((element, field, vars(element).get(field)))
                        setattr(element, field, own)
        yield
    finally:
        for element, field, before in changed:
            if before is None:
                delattr(element, field)
            else:
                setattr(element, field, before)


def deliver(html: str, delivery: Delivery, *, parts_folder: str = PARTS_FOLDER) -> str:
    """Turn the parts that a rendered page asks for into what the delivery wants.

    Parameters
    ----------
    html
        A page rendered within :func:`own_parts`.
    delivery
        ``inline``, ``folder`` or ``served``.
    parts_folder
        Where the copies lie as seen from the page, for ``folder``.

    Returns
    -------
    str
        The page. It links nothing on another host.

    Raises
    ------
    InputError
        If the delivery is unknown or an element brought a link to another host of its own.
    """
    if delivery not in DELIVERIES:
        raise InputError(
            f"{delivery!r} is not a delivery", where="delivery", mend=f"give {', '.join(DELIVERIES)}"
        )
    foreign = _FOREIGN.search(html)
    if foreign is not None:
        raise InputError(
            f"an element of the map links {foreign[1][:80]}, which is on another host",
            where="the map",
            mend="leave that element out",
        )

    # Leaflet's own pictures are for its markers and layer control; a page without either is spared them.
    pictured = _USES_PICTURES.search(html) is not None

    def replaced(match: re.Match[str]) -> str:
        script, style = match[1], match[2]
        part = script or style
        if delivery == "inline":
            return _inline_script(part, pictured) if script else _inline_style(part, pictured)
        address = part_address(part) if delivery == "served" else f"{parts_folder}/{_place(part)}"
        return (
            f'<script src="{address}"></script>' if script else f'<link rel="stylesheet" href="{address}"/>'
        )

    return _LINK.sub(replaced, html)


def parts_in(html: str) -> list[str]:
    """List the parts that a rendered page asks for, before :func:`deliver`.

    Parameters
    ----------
    html
        A page rendered within :func:`own_parts`.

    Returns
    -------
    list of str
        In the order of the page, each once.
    """
    return list(dict.fromkeys(script or style for script, style in _LINK.findall(html)))


def copy_parts(parts: Iterable[str], folder: Path) -> None:
    """Copy parts, and the pictures and fonts that their styles name, into a folder beside a page.

    Parameters
    ----------
    parts
        What :func:`parts_in` gave.
    folder
        The parts folder; made where it is missing.
    """
    for part in parts:
        for one in [part, *_named_by(part)]:
            target = folder / _place(one)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, part_bytes(one))
        licences = _file_of(part).parent / "LICENCES.txt"
        if part.startswith("part:") and licences.is_file():
            shutil.copyfile(licences, (folder / _place(part)).parent / "LICENCES.txt")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it in: a full disk or Ctrl-C leaves what was there.

    Parameters
    ----------
    path
        The file, in a folder that is there.
    content
        All of it.
    """
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def script_safe(text: str) -> str:
    r"""Make JavaScript safe inside ``<script>``: ``</script`` and ``<!--`` cannot end or open anything.

    Parameters
    ----------
    text
        JavaScript, in which both occur in strings, patterns or comments only.

    Returns
    -------
    str
        The same program, with ``<\/script`` and ``<\!--``.
    """
    return re.sub(r"<(?=/script|!--)", r"<\\", text, flags=re.IGNORECASE)


def json_safe(value: Any) -> str:
    r"""Write JSON that may stand inside ``<script>``: no ``<``, ``>``, ``&`` or line separator is left bare.

    Parameters
    ----------
    value
        What :mod:`json` can write; NaN and infinities are refused.

    Returns
    -------
    str
        JSON, with these characters as ``\uXXXX``.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A lone surrogate cannot be written as UTF-8, and would lose the whole page.
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _elements_under(root: Element) -> Iterator[Element]:
    yield root
    for child in list(root._children.values()):  # noqa: SLF001 - branca has no public way to walk its tree
        yield from _elements_under(child)


def _file_of(part: str) -> Path:
    scheme, _, name = part.partition(":")
    return _PREFIXES[scheme][0] / name


def _place(part: str) -> str:
    return part.partition(":")[2]


def _text_of(part: str) -> str:
    """Read a part with the line ends that a browser hashes."""
    return part_bytes(part).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def _inline_script(part: str, pictured: bool) -> str:
    script = _text_of(part)
    if part.startswith("own:"):
        # Comments on lines of their own, and indents, are for whoever reads the files.
        script = re.sub(r"^\s*(//.*)?\n?", "", script, flags=re.MULTILINE)
    if part == _LEAFLET and pictured:
        # Leaflet finds its marker's pictures by an address in its style sheet, which is none in one file.
        pictures = {option: _data_address(picture) for option, picture in _MARKER_PICTURES.items()}
        script += "\ndelete L.Icon.Default.prototype._getIconUrl;"
        script += f"L.Icon.Default.mergeOptions({json.dumps(pictures)});"
    return f"<script>{script_safe(script)}</script>"


def _data_address(part: str) -> str:
    kind = mimetypes.guess_type(part)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(part_bytes(part)).decode()}"


def _inline_style(part: str, pictured: bool) -> str:
    text = re.sub(r"^\s+|/\*.*?\*/", "", _text_of(part), flags=re.MULTILINE | re.DOTALL)

    def embedded(match: re.Match[str]) -> str:
        if part == _LEAFLET_STYLE and not pictured:
            return "none"
        return f"url({_data_address(_beside(part, match[2]))})"

    safe = re.sub(r"<(?=/style)", r"<\\", _CSS_URL.sub(embedded, text), flags=re.IGNORECASE)
    return f"<style>{safe}</style>"


def _named_by(part: str) -> list[str]:
    if part == _LEAFLET:
        return list(_MARKER_PICTURES.values())
    if not part.endswith(".css"):
        return []
    text = part_bytes(part).decode()
    return list(dict.fromkeys(_beside(part, match[2]) for match in _CSS_URL.finditer(text)))


def _beside(part: str, relative: str) -> str:
    """Resolve what a style sheet names against its own place."""
    scheme, _, name = part.partition(":")
    place = PurePosixPath(name).parent
    for step in PurePosixPath(relative.partition("?")[0].partition("#")[0]).parts:
        place = place.parent if step == ".." else place / step
    return f"{scheme}:{place}"
