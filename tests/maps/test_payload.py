from __future__ import annotations

import datetime as dt
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import InputError
from gis.lattice import to_lattice
from maps.assets import json_safe
from maps.basemaps import NO_BASEMAP
from maps.packing import (
    EXACT,
    Frame,
    pack_choices,
    pack_days,
    pack_mosaic,
    pack_rings,
    pack_texts,
    unpack_choices,
    z_order,
)
from maps.payload import Facts, ServiceFrames, pack
from maps.service_map import service_map
from tests.maps import sample

FACTS = Facts({"zh": "图", "en": "Map"})

# Every field that leaves by the public map. A new one must be put here on purpose.
LEAVES = {
    *("language", "titles", "texts", "facts", "notes", "under"),
    *("origin", "units", "metres", "bounds"),
    *("themes", "categories", "shapes"),
    *("border", "grids", "compounds", "buildings", "streets", "areas", "points"),
}
LEAVES_BY = {
    "grids": {"code", "name", "type", "theme", "tint", "at", "rings", "staff"},
    "compounds": {"name", "kind", "also", "at", "rings"},
    "buildings": {"number", "rings"},
    "streets": {"name", "class", "lines"},
    "areas": {"kind", "name", "at", "rings"},
    "points": {
        *("count", "located", "at", "grid", "category", "name"),
        *("address", "phones", "hours", "access", "verified"),
        "code",  # only where the service serves the page, which takes the report of a wrong entry by it
    },
    "facts": {
        "edition",
        "updated_on",
        "approval",
        "verified_within_days",
        "speed",
        "detour",
        "sample",
        "served",
    },
}


def _pack(grids=None, **frames):
    grids = sample.grids() if grids is None else grids
    return pack(ServiceFrames(grids, **frames), FACTS, NO_BASEMAP)


def _unpacked(packed, origin) -> list[list[np.ndarray]]:
    """What the scripts do, once more: rings of lattice steps."""
    rings, polygons = [], []
    for polygon in packed:
        polygons.append([])
        for pieces in polygon:
            vertices = []
            for piece in pieces:
                if len(piece) == 3:
                    other, start, count = rings[piece[0]], piece[1], piece[2]
                    vertices += [other[(start - step) % len(other)] for step in range(count)]
                else:
                    vertices += np.cumsum(np.array(piece).reshape(-1, 2), axis=0).tolist()
            rings.append(vertices)
            polygons[-1].append(np.array(vertices) + origin)
    return polygons


def test_borders_come_back_to_the_last_bit_and_shared_ones_are_written_once():
    grids = sample.grids(6, 7)
    frame = Frame.around([grids])
    packed = pack_mosaic(grids.geometry.to_numpy(), frame)
    for shape, rings in zip(grids.geometry, _unpacked(packed, [frame.x, frame.y]), strict=True):
        again = shapely.Polygon(rings[0])
        steps = shapely.transform(shape, lambda xy: to_lattice(xy).astype(float))
        assert again.symmetric_difference(steps).area == 0
    fine = shapely.segmentize(grids.geometry.to_numpy(), 2e-4)
    whole = len(json.dumps(pack_rings(fine, frame, EXACT)))
    assert len(json.dumps(pack_mosaic(fine, frame))) < 0.65 * whole


def test_a_grid_with_a_hole_and_one_in_two_parts_come_back():
    outer = shapely.box(111.65, 40.81, 111.66, 40.82)
    hole = shapely.box(111.653, 40.813, 111.657, 40.817)
    apart = shapely.box(111.67, 40.81, 111.68, 40.82)
    shapes = np.array([shapely.MultiPolygon([outer - hole, apart]), shapely.MultiPolygon([hole])])
    frame = Frame.around([gpd.GeoDataFrame(geometry=shapes)])
    first, second = _unpacked(pack_mosaic(shapes, frame), [frame.x, frame.y])
    assert len(first) == 3
    assert len(second) == 1
    inner = {tuple(vertex) for vertex in first[1]}
    assert inner == {tuple(vertex) for vertex in second[0]}


def test_only_the_listed_fields_leave():
    packed = _pack(
        service_points=sample.service_points(), compounds=sample.compounds(), streets=sample.streets(),
        staff=sample.staff(sample.grids()["grid_code"]),
    )  # fmt: skip
    assert set(packed) == LEAVES
    for part, fields in LEAVES_BY.items():
        assert set(packed[part]) <= fields, part


def test_what_is_not_public_does_not_leave():
    points = sample.service_points(count=4)
    points["name"] = ["甲站", "不公开", "乙站", "丙站"]
    points["public"] = pd.array([True, False, None, True], dtype="boolean")
    points["households"] = 386
    staff = sample.staff(sample.grids()["grid_code"])
    staff.loc[staff["role"] == "part_time", "public_phone"] = "0471-7654321"
    staff.loc[0, ["valid_to", "public_phone"]] = ["2026-02-01", "0471-1111111"]
    text = json_safe(_pack(sample.grids().assign(households=386), service_points=points, staff=staff))
    assert "乙站" in text
    for secret in ("不公开", "386", "7654321", "1111111"):
        assert secret not in text


def test_points_keep_their_grid_their_order_of_places_and_their_words():
    points = sample.service_points()
    packed = _pack(service_points=points)
    frame = packed["origin"]
    at = np.cumsum(np.array(packed["points"]["at"]).reshape(-1, 2), axis=0) * 1000 + frame
    names = [packed["points"]["name"]["p"] + one for one in packed["points"]["name"]["t"].split("\n")]
    owners = np.cumsum(packed["points"]["grid"])
    assert sorted(names) == sorted(points["name"])
    assert (np.diff(owners) >= 0).all()
    place = dict(zip(points["name"], points.geometry, strict=True))
    for name, xy, owner in zip(names, at, owners, strict=True):
        assert abs(xy - to_lattice([place[name].x, place[name].y])).max() <= 500
        if owner >= 0:
            assert sample.grids().geometry[owner].intersects(place[name])


def test_a_points_own_grid_code_comes_before_its_place():
    points = sample.service_points(count=3).assign(grid_code=[f"{sample.COMMUNITY}012", None, "unknown"])
    packed = _pack(service_points=points)
    assert 11 in np.cumsum(packed["points"]["grid"]).tolist()


def test_neighbours_have_different_tints():
    grids = sample.grids(8, 8)
    tints = _pack(grids)["grids"]["tint"]
    shapes = grids.geometry.to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, "intersects")
    assert all(tints[a] != tints[b] for a, b in zip(one, other, strict=True) if a != b)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "nonsense",
        float("nan"),
        pd.NaT,
        "2026-05-01",
        dt.date(2026, 5, 1),
        pd.Timestamp("2026-05-01 10:00"),
    ],
)
def test_dates_of_every_kind_are_read_or_passed_over(value):
    packed = pack_days(pd.Series([value, dt.date(2026, 5, 2)], dtype=object))
    readable = "2026-05-01" in str(value)
    assert unpack_choices(packed["ago"]) == [2 if readable else 0, 1]


def test_a_frame_without_its_columns_is_refused_by_name():
    with pytest.raises(InputError, match="the frame grids lacks the column grid_code"):
        service_map(sample.grids().drop(columns="grid_code"))
    with pytest.raises(InputError, match="service_points lacks the column category"):
        service_map(sample.grids(), service_points=sample.service_points().drop(columns="category"))


def test_the_same_frames_give_the_same_bytes():
    def page() -> str:
        return service_map(
            sample.grids(), service_points=sample.service_points(), updated_on=dt.date(2026, 5, 1)
        ).html()

    assert page() == page()


def test_people_words_are_never_a_template():
    names = (
        "{{ cycler.__init__.__globals__.os.getpid() }}",
        "{% for x in range(9) %}a{% endfor %}",
        "{# gone #}",
    )
    html = service_map(
        sample.grids().assign(name=names[0]), service_points=sample.service_points(names), place=names[1]
    ).html()
    for name in names:
        assert name in html


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=1, max_size=30))
def test_texts_come_back(values):
    packed = pack_texts(values)
    texts = [packed["p"] + text for text in packed["t"].split("\n")]
    back = [texts[at] for at in unpack_choices(packed["i"])] if "i" in packed else texts
    assert back == [value.replace("\r", " ").replace("\n", " ") for value in values]


@given(st.lists(st.integers(0, 55_039)))
def test_choices_come_back_and_need_no_escape(indexes):
    letters = pack_choices(indexes)
    assert unpack_choices(letters) == indexes
    assert json_safe(letters) == f'"{letters}"'


def test_z_order_puts_near_things_near():
    side = np.arange(32)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    walked = grid[np.argsort(z_order(grid))]
    assert np.abs(np.diff(walked, axis=0)).sum(axis=1).mean() < 2.1
