"""A page that a picture stands on: language, title, viewport and a policy of what it may ask for.

:class:`Page` is a branca ``Figure``, so a Folium map on it behaves as Folium maps do (``save``, display in a
notebook), but what it renders is complete in itself: see :mod:`maps.assets`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import folium
from branca.element import Element, Figure
from folium.template import Template

from gis.texts import Language
from maps import assets
from maps.assets import Delivery

HTML_LANGUAGES: dict[Language, str] = {"zh": "zh-CN", "en": "en"}

# In the page, so that nobody is asked for /favicon.ico.
_ICON = quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#b3261e"/>'
    '<path d="M8 8h7v7H8zM18 8h6v7h-6zM8 18h7v6H8zM18 18h6v6h-6z" fill="#fff"/></svg>'
)
_POLICY_PLACE = "<!--policy-->"
_BLOCK = re.compile(r"<!--block:[a-z]+-->")
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)
_FIXED_VIEWPORT = re.compile(r'<meta name="viewport"[^>]*user-scalable=no[^>]*>')
_STYLE_ATTRIBUTE = re.compile(r"<[a-zA-Z][^<>]*\sstyle\s*=")


@dataclass(frozen=True)
class Origins:
    """What a page may ask other places for, over and above its own folder or server.

    Attributes
    ----------
    images
        Origins of picture tiles, such as ``https://t0.tianditu.gov.cn``.
    data
        Origins of data that scripts read, such as a PMTiles file's; ``'self'`` is the page's own.
    """

    images: tuple[str, ...] = ()
    data: tuple[str, ...] = ()


class Page(Figure):
    """A figure that renders to a whole page, with our own parts and a content security policy.

    Parameters
    ----------
    title
        Plain text.
    language
        ``zh`` or ``en``.
    delivery
        Where the parts are: ``inline``, ``folder`` or ``served``.
    origins
        What a basemap makes it ask for; none by default.
    parts_folder
        Where the parts lie as seen from the page, for ``folder``.
    """

    _template = Template(
        "<!DOCTYPE html>\n"
        '<html lang="{{ this.html_language }}">\n'
        "<head>\n"
        '<meta charset="utf-8">\n'
        f"{_POLICY_PLACE}\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="generator" content="Wangge">\n'
        f'<link rel="icon" href="data:image/svg+xml,{_ICON}">\n'
        "<title>{{ this.title|e }}</title>\n"
        "{{ this.header.render(**kwargs) }}\n"
        "</head>\n"
        "<body>\n"
        "{{ this.html.render(**kwargs) }}\n"
        "<script>{{ this.script.render(**kwargs) }}</script>\n"
        "</body>\n"
        "</html>\n"
    )

    def __init__(
        self,
        *,
        title: str,
        language: Language = "zh",
        delivery: Delivery = "inline",
        origins: Origins | None = None,
        parts_folder: str = assets.PARTS_FOLDER,
    ) -> None:
        super().__init__(title=title, height="640px")
        self._id = "page"
        self.html_language = HTML_LANGUAGES[language]
        self.delivery: Delivery = delivery
        self.origins = origins or Origins()
        self.parts_folder = parts_folder
        self._blocks: dict[str, str] = {}
        # Branca's own charset line: the template writes one before anything else.
        self.header._children.clear()  # noqa: SLF001

    def render(self, **kwargs: Any) -> str:
        """Render the page; the same elements give the same bytes.

        Parameters
        ----------
        **kwargs
            Passed on to the elements.

        Returns
        -------
        str
            HTML.
        """
        raw = self._rendered(**kwargs)
        html = assets.deliver(raw, self.delivery, parts_folder=self.parts_folder)
        strict_styles = _STYLE_ATTRIBUTE.search(raw) is None
        return html.replace(_POLICY_PLACE, self._policy(html, strict_styles=strict_styles), 1)

    def block(self, name: str, html: str) -> str:
        """Set HTML aside to be put in after everything is rendered, and return the mark of its place.

        Branca compiles what an element rendered as a template once more, so braces in somebody's name would
        be *run on this machine*. Whatever carries text from frames goes into a page by this way only.

        Parameters
        ----------
        name
            Letters.
        html
            Escaped already for where it stands.

        Returns
        -------
        str
            The mark, to be written by an element's template.
        """
        mark = f"<!--block:{name}-->"
        self._blocks[mark] = html
        return mark

    def parts(self) -> list[str]:
        """List the parts that the page asks for.

        Returns
        -------
        list of str
            ``part:…`` and ``own:…``.
        """
        return assets.parts_in(self._rendered())

    def _rendered(self, **kwargs: Any) -> str:
        with assets.own_parts(self):
            raw: str = super().render(**kwargs)
        # Folium forbids pinch-zoom, which people with weak sight need.
        raw = _FIXED_VIEWPORT.sub("", raw)
        # In one pass, so that a block cannot name another.
        return _BLOCK.sub(lambda mark: self._blocks.get(mark[0], ""), raw)

    def _policy(self, html: str, *, strict_styles: bool) -> str:
        """Allow the scripts and styles that are in the page by their hash, and nothing else."""
        hashes: dict[str, list[str]] = {"script": [], "style": []}
        for tag, body in _INLINE.findall(html):
            digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
            hashes[tag].append(f"'sha256-{digest}'")
        # On file: "self" is the page alone, so the folder beside it is named by its scheme.
        own = {"inline": [], "folder": ["'self'", "file:"], "served": ["'self'"]}[self.delivery]
        styles = [*hashes["style"], *own] if strict_styles else ["'unsafe-inline'", *own]
        rules = {
            "default-src": ["'none'"],
            "script-src": [*hashes["script"], *own],
            "style-src": styles,
            "img-src": ["data:", "blob:", *own, *self.origins.images],
            "font-src": ["data:", *own],
            "connect-src": list(self.origins.data) or ["'none'"],
            "base-uri": ["'none'"],
            "form-action": ["'none'"],
        }
        content = "; ".join(f"{name} {' '.join(dict.fromkeys(values))}" for name, values in rules.items())
        return f'<meta http-equiv="Content-Security-Policy" content="{content}">'


class PageMap(folium.Map):
    """A map that stands on a :class:`Page`."""

    def html(self) -> str:
        """Render the whole page.

        Returns
        -------
        str
            HTML; the same data give the same bytes.
        """
        rendered: str = self.get_root().render()
        return rendered


def write(
    picture: Element, path: Path, *, delivery: Delivery | None = None, parts_folder: str | None = None
) -> None:
    """Write a map to a file, whole or not at all, with its parts beside it where they are not inside.

    Parameters
    ----------
    picture
        A map of ours, or any Folium map whose parts are among ours.
    path
        The HTML file.
    delivery
        ``inline`` or ``folder``; the map's own by default.
    parts_folder
        The folder of the parts, relative to the page's.
    """
    page = on_page(picture)
    before = page.delivery, page.parts_folder
    page.delivery = delivery or page.delivery
    page.parts_folder = parts_folder or page.parts_folder
    try:
        html = page.render()
        path.parent.mkdir(parents=True, exist_ok=True)
        if page.delivery == "folder":
            assets.copy_parts(page.parts(), path.parent / page.parts_folder)
        assets.write_whole(path, html.encode())
    finally:
        page.delivery, page.parts_folder = before


def on_page(picture: Element, *, title: str = "Map", language: Language = "zh") -> Page:
    """Put any Folium map on a page of ours.

    Parameters
    ----------
    picture
        A map; one that already stands on a :class:`Page` stays there.
    title
        The title of a new page.
    language
        The language of a new page.

    Returns
    -------
    Page
        Its ``render()`` is the whole page, everything inside.
    """
    root = picture.get_root()
    if isinstance(root, Page):
        return root
    page = Page(title=title, language=language)
    page.add_child(picture)
    return page
