from __future__ import annotations

import hashlib
import json
import re
import threading

import folium
import folium.plugins
import pytest
from folium.elements import JSCSSMixin

from gis.errors import InputError, UnavailableError
from maps import assets
from maps.page import Page, on_page, write


def _folium_classes() -> set[type]:
    found: set[type] = set()
    waiting = [JSCSSMixin]
    while waiting:
        for one in waiting.pop().__subclasses__():
            if one not in found and one.__module__.startswith("folium"):
                found.add(one)
                waiting.append(one)
    return found


def _addresses(one: type) -> list[str]:
    return [address for _, address in [*one.default_js, *one.default_css]]


def test_every_class_we_ship_is_answered_and_every_other_is_refused():
    answered = {
        one.__name__
        for one in _folium_classes()
        if all(a in assets.known_addresses() for a in _addresses(one))
    }
    assert {"Map", "MarkerCluster", "FastMarkerCluster", "GeoMan"} <= answered
    for one in _folium_classes():
        for address in _addresses(one):
            if address in assets.known_addresses():
                assert assets.part_bytes(assets.part_for(address, wanted_by=one.__name__))
            else:
                with pytest.raises(InputError, match="not among our browser parts"):
                    assets.part_for(address, wanted_by=one.__name__)


def test_no_address_of_the_table_is_one_that_folium_no_longer_has():
    listed = {address for one in _folium_classes() for address in _addresses(one)}
    assert set(assets.known_addresses()) <= listed


def test_the_manifest_tells_the_truth_about_every_file():
    for part in json.loads(assets.part_bytes("part:manifest.json"))["parts"]:
        assert part["version"][0].isdigit()
        folder = assets.VENDOR / part["name"]
        assert (folder / "LICENCES.txt").stat().st_size > 500
        on_disk = {str(file.relative_to(folder).as_posix()) for file in folder.rglob("*") if file.is_file()}
        assert on_disk == set(part["files"])
        for name, digest in part["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def _plain_map() -> folium.Map:
    plain = folium.Map([40.8, 111.6], tiles=None)
    folium.Marker([40.8, 111.6], popup="x").add_to(folium.plugins.MarkerCluster().add_to(plain))
    return plain


def test_a_page_is_written_without_changing_folium_for_others():
    before = {one: ([*one.default_js], [*one.default_css]) for one in _folium_classes()}
    plain = _plain_map()
    html = on_page(plain).render()
    markup = re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL)
    assert re.findall(r"https?://", markup) == []
    assert before == {one: ([*one.default_js], [*one.default_css]) for one in _folium_classes()}
    assert not {"default_js", "default_css"} & set(vars(plain))
    # The same map still renders the Folium way in a process of somebody else's.
    assert "cdn.jsdelivr.net" in folium.Map(tiles=None).get_root().render()


def test_pages_are_written_side_by_side():
    pages: list[str] = []
    threads = [
        threading.Thread(target=lambda: pages.append(on_page(_plain_map()).render())) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pages) == 6
    assert all("cdn." not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL) for page in pages)


def test_an_element_that_needs_what_we_lack_is_refused_by_name():
    plain = folium.Map(tiles=None)
    folium.plugins.Draw().add_to(plain)
    with pytest.raises(InputError, match="folium's Draw needs https://cdnjs"):
        on_page(plain).render()


def test_an_element_with_a_link_of_its_own_is_refused():
    page = on_page(folium.Map(tiles=None))
    page.header.add_child(folium.Element('<script src="//elsewhere.example/x.js"></script>'))
    with pytest.raises(InputError, match="another host"):
        page.render()


def test_a_part_that_is_missing_is_named_with_its_mend(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "_PREFIXES", {"part": (tmp_path, "/"), "own": (tmp_path, "/")})
    assets.part_bytes.cache_clear()
    with pytest.raises(UnavailableError) as caught:
        assets.part_bytes("part:leaflet/leaflet.js")
    assets.part_bytes.cache_clear()
    assert "leaflet/leaflet.js is missing" in str(caught.value)
    assert "make setup" in str(caught.value)


def test_folder_delivery_brings_all_that_its_styles_name(tmp_path):
    write(_plain_map(), tmp_path / "a" / "map.html", delivery="folder", parts_folder="../parts")
    html = (tmp_path / "a" / "map.html").read_text()
    linked = re.findall(r'(?:src|href)="(\.\./parts/[^"]+)"', html)
    assert len(linked) >= 8
    for link in linked:
        file = (tmp_path / "a" / link).resolve()
        assert file.is_file()
        for named in re.findall(
            r"""url\(["']?(?!data:|#|%23)([^"')?#]+)""", file.read_text() if file.suffix == ".css" else ""
        ):
            assert (file.parent / named).is_file(), named
    assert (tmp_path / "parts" / "leaflet" / "LICENCES.txt").is_file()


def test_served_delivery_links_our_own_addresses_with_the_contents_mark():
    page = Page(title="x", delivery="served")
    page.add_child(_plain_map())
    html = page.render()
    links = re.findall(r'(?:src|href)="(/static/[^"]+)"', html)
    assert all(re.search(r"\?v=[0-9a-f]{12}$", link) for link in links)
    assert "/static/vendor/leaflet/leaflet.js?v=" in html


def test_an_unknown_delivery_is_an_input_error():
    with pytest.raises(InputError, match="not a delivery"):
        assets.deliver("", "post")  # type: ignore[arg-type]


def test_scripts_cannot_end_their_element():
    assert assets.script_safe('a="</ScRiPt>";b="<!--"') == r'a="<\/ScRiPt>";b="<\!--"'


@pytest.mark.parametrize("text", ["</script>", "<!--", "a\u2028\u2029b", "&lt;", "\ud800", "${x}`"])
def test_json_stands_inside_a_script_and_comes_back_the_same(text):
    safe = assets.json_safe({"text": text})
    assert not set("<>&\u2028\u2029") & set(safe)
    safe.encode()
    assert json.loads(safe)["text"] == text.replace("\ud800", "\ufffd")


def test_json_refuses_what_is_no_json():
    with pytest.raises(ValueError, match="JSON"):
        assets.json_safe(float("nan"))
