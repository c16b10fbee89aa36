from __future__ import annotations

import pytest

from gis.errors import InputError
from maps.basemaps import NO_BASEMAP, basemap
from maps.service_map import service_map
from tests.maps import sample

KEY = "0123456789abcdef0123456789abcdef"


def _policy(html: str) -> str:
    return html.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]


def test_the_default_asks_nobody():
    assert basemap("none") is NO_BASEMAP
    policy = _policy(service_map(sample.grids()).html())
    assert "http" not in policy
    assert "connect-src 'none'" in policy
    assert "'unsafe-inline'" not in policy


def test_tianditu_is_two_layers_of_the_mercator_sets_with_the_key():
    made = basemap("tianditu", key=KEY)
    assert [tiles.address.split("/wmts")[0][-5:] for tiles in made.tiles] == ["vec_w", "cva_w"]
    assert all(f"tk={KEY}" in tiles.address and "TILEMATRIXSET=w" in tiles.address for tiles in made.tiles)
    assert made.datum == "cgcs2000"
    html = service_map(sample.grids(), basemap=made).html()
    assert "https://t7.tianditu.gov.cn" in _policy(html)
    assert html.count("L.tileLayer") >= 2
    assert "天地图" in html


def test_amap_is_in_gcj02_and_the_others_are_not():
    assert basemap("amap").datum == "gcj02"
    assert {basemap("osm").datum, basemap("raster", address="/t/{z}/{x}/{y}.png").datum} == {"cgcs2000"}


def test_every_basemap_of_others_has_an_attribution():
    assert all(basemap(kind, key=KEY).attribution for kind in ("tianditu", "amap", "osm"))


def test_a_set_of_ones_own_names_its_origin_or_is_ones_own_server():
    far = basemap("raster", address="https://tiles.example/{z}/{x}/{y}.png", attribution="<b>我们</b>{{7*7}}")
    assert far.image_origins() == ("https://tiles.example",)
    html = service_map(sample.grids(), basemap=far).html()
    assert "49" not in html.partition("L.tileLayer")[2][:600]
    assert "<b>我们" not in html
    near = basemap("raster", address="/tiles/{z}/{x}/{y}.png")
    assert near.image_origins() == ()


def test_pmtiles_are_read_by_a_script_from_their_own_place_only():
    made = basemap("pmtiles", address="https://tiles.example/city.pmtiles")
    assert made.data_origins() == ("https://tiles.example",)
    assert basemap("pmtiles", address="city.pmtiles").data_origins() == ("'self'",)
    picture = service_map(sample.grids(), basemap=made)
    assert "connect-src https://tiles.example" in _policy(picture.html())
    reader = "part:protomaps-leaflet/protomaps-leaflet.js"
    assert reader in picture.get_root().parts()
    assert reader not in service_map(sample.grids()).get_root().parts()


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("tianditu", {}, "needs a key"),
        ("tianditu", {"key": '"><script>'}, "needs a key"),
        ("raster", {}, "needs an address"),
        ("raster", {"address": "https://tiles.example/{z}/{x}.png"}, "lacks {y}"),
        ("raster", {"address": "javascript:alert(1)//{z}{x}{y}"}, "cannot be used"),
        ("raster", {"address": "https://a/{z}/{x}/{y}.png; script-src *"}, "cannot be used"),
        ("raster", {"address": "https://a/{{z}}/{x}/{y}/{z}"}, "cannot be used"),
        ("pmtiles", {"address": "file:///etc/passwd"}, "cannot be used"),
        ("google", {}, "is not a basemap"),
    ],
)
def test_settings_that_cannot_work_are_refused(kind, options, words):
    with pytest.raises(InputError, match=words):
        basemap(kind, **options)
