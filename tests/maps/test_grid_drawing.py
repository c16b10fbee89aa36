"""Drawings for paper: what is on them, that nothing rests on colour, and that names cannot become markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import shapely

from gis.demo.community import COMMUNITY, make_community
from maps.grid_drawing import DrawnLayers, draw_grid

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def frames():
    return make_community()


def drawn(frames, code: str | None, **more) -> ET.Element:
    layers = DrawnLayers(frames["grids"], frames["compounds"], frames["buildings"], frames["streets"])
    return ET.fromstring(draw_grid(layers, code, **more))  # noqa: S314 - written by the code under test


def words(svg: ET.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def test_a_grid_has_its_compound_its_streets_its_neighbours_and_its_houses(frames) -> None:
    said = words(drawn(frames, f"{COMMUNITY}001"))
    for expected in ("示例嘉园", "示例西路", "002", "12", "北"):
        assert expected in said
    assert any(re.fullmatch(r"\d+ m", one) for one in said)
    assert "001" not in said  # its own number stands in the page's title


def test_the_whole_community_names_every_grid(frames) -> None:
    said = set(words(drawn(frames, None)))
    basic = frames["grids"][frames["grids"]["grid_type"] == "basic"]
    assert set(basic["name"]) <= said


def test_points_at_one_spot_stand_apart_and_many_are_dots(frames) -> None:
    spot = frames["grids"].geometry.iloc[0].representative_point()
    svg = drawn(frames, f"{COMMUNITY}001", points=[spot] * 5, numbers=range(1, 6))
    circles = [one for one in svg.iter(f"{SVG}circle") if one.get("r") == "9"]
    at = np.array([(float(one.get("cx", 0)), float(one.get("cy", 0))) for one in circles])
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))[np.triu_indices(5, 1)]
    assert len(at) == 5
    assert apart.min() > 17
    crowd = drawn(frames, f"{COMMUNITY}001", points=[spot] * 1000, numbers=range(1000))
    assert not [one for one in crowd.iter(f"{SVG}circle") if one.get("r") == "9"]


def test_it_is_drawn_in_greys_but_for_the_water(frames) -> None:
    text = ET.tostring(drawn(frames, f"{COMMUNITY}004"), encoding="unicode")
    for colour in set(re.findall(r"#[0-9a-f]{6}", text)) - {"#9db8c6"}:
        channels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert max(channels) - min(channels) <= 10, colour


def test_hostile_names_stay_text(frames) -> None:
    hostile = '"><script>alert(1)</script>'
    streets = frames["streets"].assign(name=hostile)
    compounds = frames["compounds"].assign(name=hostile)
    layers = DrawnLayers(frames["grids"].assign(name=hostile), compounds, frames["buildings"], streets)
    for code in (None, f"{COMMUNITY}001"):
        svg = draw_grid(layers, code, title=hostile)
        ET.fromstring(svg)  # noqa: S314
        assert "<script" not in svg


def test_nothing_to_draw_is_no_drawing(frames) -> None:
    none = frames["grids"].iloc[:0]
    assert draw_grid(DrawnLayers(none), None) == ""
    assert draw_grid(DrawnLayers(frames["grids"]), "150103099901999") == ""
    bare = frames["grids"].iloc[[0]].assign(geometry=[shapely.MultiPolygon()])
    assert draw_grid(DrawnLayers(bare), None) == ""


def test_the_same_frames_give_the_same_bytes(frames) -> None:
    layers = DrawnLayers(frames["grids"], frames["compounds"], frames["buildings"], frames["streets"])
    assert draw_grid(layers, f"{COMMUNITY}009") == draw_grid(layers, f"{COMMUNITY}009")
