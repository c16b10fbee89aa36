from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
import shapely

from maps.check_report import check_report
from maps.grid_map import grid_map
from maps.sheet import verdict_style
from tests.maps import sample


def report(counts=None, violations=()) -> dict:
    grids = sample.grids()
    counts = counts or [310, 500, 501, 299, 300, None, 386, 420, 410, 390, 455, 377]
    verdicts = {None: "unknown"}
    rows = [
        {
            "grid_code": code, "grid_type": "basic", "name": name, "households": count,
            "residents": None if count is None else count * 2, "counted_on": "2026-04-01",
            "verdict": verdicts.get(count) or verdict_style(count, 300, 500),
        }
        for code, name, count in zip(grids["grid_code"], grids["name"], counts, strict=True)
    ]  # fmt: skip
    return {
        "grids": rows,
        "violations": list(violations),
        "limits": {"min": 300, "max": 500},
        "totals": {"households": 4348},
    }


def overlap() -> dict:
    return {
        "rule": "overlap", "severity": "error", "subjects": ["1", "2"], "area_m2": 12345.6,
        "words": {"zh": "网格重叠", "en": "Grids overlap"},
        "geometry": shapely.geometry.mapping(shapely.box(111.651, 40.811, 111.652, 40.812)),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("households", "style"),
    [(299, "below"), (300, "within"), (500, "within"), (501, "above"), (None, "unknown"), (0, "below")],
)
def test_both_limits_pass_and_unknown_is_not_zero(households, style):
    assert verdict_style(households, 300, 500) == style
    assert verdict_style(households, 300, 500, exempt=True) == "exempt"


def _bars(html: str) -> tuple[float, float]:
    """Heights of the bars within and outside the limits, together."""
    heights = {"sheet-bar": 0.0, "sheet-bar-out": 0.0}
    for style, height in re.findall(r'<rect class="(sheet-bar(?:-out)?)"[^>]*height="([\d.]+)"', html):
        heights[style] += float(height)
    return heights["sheet-bar"], heights["sheet-bar-out"]


def test_the_histogram_counts_every_known_grid_and_marks_those_outside():
    html = check_report(report(), sample.grids()).html()
    within, outside = _bars(html)
    # Nine within and two outside (299 and 501): one grid is as tall wherever it stands.
    assert within / outside == pytest.approx(9 / 2, rel=0.01)
    assert "500–549 户：2 个" in html


def test_the_histogram_stands_sizes_far_apart_and_none_at_all():
    counts = [0, 9_000, *[400] * 10]
    assert "sheet-bar" in check_report(report(counts), sample.grids()).html()
    html = check_report(report([None] * 12), sample.grids()).html()
    assert '<svg class="sheet-chart"' not in html


def test_faults_are_in_the_table_and_lead_to_their_place():
    html = check_report(report(violations=[overlap(), overlap() | {"geometry": None}]), sample.grids()).html()
    assert html.count("网格重叠") >= 2
    assert html.count('data-shape="fault-0"') == 1
    assert 'data-shape="fault-1"' not in html
    assert "12,346" in html
    english = check_report(report(violations=[overlap()]), sample.grids(), language="en").html()
    assert "Grids overlap" in english
    assert '<html lang="en">' in english


def test_a_report_without_faults_says_so():
    assert "没有发现问题" in check_report(report(), sample.grids()).html()


def test_hostile_words_are_text_on_sheets_too():
    grids = sample.grids()
    grids["name"] = list(sample.HOSTILE[:12])
    found = report(violations=[overlap() | {"words": name} for name in sample.HOSTILE])
    for row, name in zip(found["grids"], sample.HOSTILE, strict=False):
        row["name"] = name
    for picture in (
        check_report(found, grids, place=sample.HOSTILE[0]),
        grid_map(grids, place=sample.HOSTILE[0]),
    ):
        html = picture.html()
        markup = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", html, flags=re.DOTALL)
        assert not re.search(r"<(img|svg onload|iframe)", markup)
        assert "window.hacked=1</script>" not in html


def _moved() -> tuple:
    """A plan in which a strip goes from the first grid to the second."""
    today = sample.grids()
    plan = today.copy()
    first, second = today.geometry[0], today.geometry[1]
    strip = shapely.box(first.bounds[2] - 0.0012, -90, 180, 90)
    plan.loc[0, "geometry"] = shapely.MultiPolygon([first.difference(strip)])
    plan.loc[1, "geometry"] = shapely.MultiPolygon(
        list(shapely.get_parts(shapely.union(second, first & strip)))
    )
    return plan, today, first & strip


def test_a_plan_tells_kept_old_and_new_borders_apart():
    from maps.grid_map import _borders  # noqa: PLC0415

    plan, today, moved = _moved()
    changed, kept, old, new = _borders(plan, today, lambda key: key)
    assert shapely.area(changed.geometries[0]) == pytest.approx(moved.area, rel=1e-6)
    lengths = [shapely.length(layer.geometries[0]) for layer in (kept, old, new)]
    whole = shapely.length(shapely.union_all(shapely.boundary(today.geometry.to_numpy())))
    assert lengths[0] + lengths[1] == pytest.approx(whole, rel=1e-6)
    assert lengths[2] > 0


def test_a_border_that_only_has_more_vertices_is_none_that_changes():
    from maps.grid_map import _borders  # noqa: PLC0415

    plan, today, _ = _moved()
    bent = shapely.segmentize(plan.geometry.to_numpy(), 0.0003)
    plan["geometry"] = shapely.transform(bent, lambda at: np.round(at, 8))
    changed, _, _, new = _borders(plan, today, lambda key: key)
    straight_changed, _, _, straight_new = _borders(*_moved()[:2], lambda key: key)
    area, straight_area = (shapely.area(one.geometries[0]) for one in (changed, straight_changed))
    assert area == pytest.approx(straight_area, rel=1e-3)
    length, straight_length = (shapely.length(one.geometries[0]) for one in (new, straight_new))
    assert length == pytest.approx(straight_length, rel=1e-2)


def test_counts_come_from_the_mapping_or_the_column():
    grids = sample.grids().assign(households=pd.array([386, None, *[400] * 10], dtype="Int64"))
    html = grid_map(grids).html()
    assert "386 户" in html
    assert "户数未知" in html
    assert "123 户" in grid_map(grids, households={grids["grid_code"][0]: 123}).html()


def test_the_same_plan_gives_the_same_bytes_and_prints_on_a3():
    plan, today, _ = _moved()
    pages = {grid_map(plan, today=today).html() for _ in range(2)}
    assert len(pages) == 1
    assert "A3 landscape" in pages.pop()


def test_an_empty_community_still_gives_sheets():
    none = sample.grids().iloc[:0]
    assert "没有发现问题" in check_report({"grids": [], "violations": []}, none).html()
    assert np.isfinite(len(grid_map(none).html()))


def test_a_micro_grid_leaves_the_grid_below_it_to_be_read_and_nobody_is_told_of_no_homes():
    grids = sample.grids().iloc[:3].assign(grid_type=["basic", "micro", "exclusive"])
    codes = grids["grid_code"].tolist()
    picture = grid_map(grids, households=dict(zip(codes, (386, 0, 0), strict=True)))
    sizes = next(layer for layer in packed(picture)["layers"] if layer["style"] == "grid")
    assert sizes["styles"] == ["within", "micro", "exempt"]
    name = grids["name"].tolist()
    assert sizes["names"] == [[name[0], "386 户"], [], [name[2]]]
    assert [told[0] for told in sizes["told"]] == name


def packed(picture) -> dict:
    found = re.search(r'id="sheet-data">(.*?)</script>', picture.html(), re.DOTALL)
    return json.loads(found[1])
