from __future__ import annotations

import json
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis.errors import CrsError, GeometryError, InputError
from gis.planning.rules import check_division
from gis.planning.sizes import explain_total, feasible_counts
from gis.texts import catalogue


def rules_of(report) -> list[str]:
    return [found.rule for found in report.violations]


def houses(town, *rows, **more) -> gpd.GeoDataFrame:
    """Buildings of 10 m by 10 m: (x, y, households)."""
    return town.frame(
        [town.box(x, y, x + 10, y + 10) for x, y, _ in rows],
        building_code=[f"{town.community_code}{n:05d}" for n in range(1, len(rows) + 1)],
        households=[count for *_, count in rows],
        **more,
    )


def test_both_ends_of_the_limits_pass_and_unknown_is_not_zero(town):
    grids = town.grids(*[town.box(100 * n, 0, 100 * (n + 1), 100) for n in range(6)])
    counts = [300, 500, 299, 501, None, 0]
    report = check_division(
        grids, buildings=houses(town, *[(100 * n + 40, 40, c) for n, c in enumerate(counts)])
    )
    assert report.grids["verdict"].tolist() == ["within", "within", "below", "above", "unknown", "below"]
    assert [(v.rule, v.subjects[0][-3:]) for v in report.violations] == [
        ("size_above", "004"),
        ("size_below", "003"),
        ("size_below", "006"),
        ("size_unknown", "005"),
    ]
    assert np.isnan(report.grids["households"][4])
    assert report.totals["unknown_rows"] == 1


def test_too_many_known_households_are_too_many_whatever_the_unknown_building_holds(town):
    report = check_division(
        town.grids(town.box(0, 0, 99, 99)), buildings=houses(town, (5, 5, 600), (50, 5, None))
    )
    assert "size_above" in rules_of(report)
    assert "size_unknown" not in rules_of(report)


def test_exclusive_grids_are_exempt_and_count_their_own_buildings(town):
    grids = town.grids(town.box(0, 0, 100, 100), town.box(50, 0, 100, 100), grid_type=["basic", "exclusive"])
    report = check_division(grids, buildings=houses(town, (10, 10, 310), (70, 10, 90)))
    assert report.grids["households"].tolist() == [310, 90]
    assert report.grids["verdict"].tolist() == ["within", "exempt"]
    assert report.passed
    assert report.totals["households"] == 400


def test_a_buildings_own_code_wins_over_where_it_stands(town):
    grids = town.grids(town.box(0, 0, 100, 100), town.box(100, 0, 200, 100))
    second = grids["grid_code"][1]
    rows = houses(town, (10, 10, 400), (30, 10, 350), (110, 10, 50), grid_code=[None, second, ""])
    report = check_division(grids, buildings=rows)
    assert report.grids["households"].tolist() == [400, 400]


def test_households_in_no_grid_are_named(town):
    report = check_division(
        town.grids(town.box(0, 0, 100, 100)), buildings=houses(town, (10, 10, 400), (500, 10, 33))
    )
    (lost,) = report.of("households_unassigned")
    assert lost.facts == {"rows": 1, "households": 33}
    assert report.totals["households"] == 433


def test_the_oldest_count_and_another_basis_are_shown(town):
    rows = houses(
        town,
        (10, 10, 200),
        (30, 10, 200),
        counted_on=[date(2024, 5, 1), date(2023, 1, 31)],
        basis=["resident", "dwellings"],
    )
    report = check_division(town.grids(town.box(0, 0, 100, 100)), buildings=rows, basis="resident")
    assert report.grids["counted_on"].tolist() == [date(2023, 1, 31)]
    (other,) = report.of("basis_differs")
    assert other.facts["other"] == "dwellings"
    assert other.severity == "warning"


def test_a_negative_count_is_refused_with_its_row(town):
    with pytest.raises(InputError, match="row 2"):
        check_division(town.grids(town.box(0, 0, 9, 9)), buildings=houses(town, (1, 1, 3), (3, 3, -4)))


@pytest.mark.parametrize(
    ("total", "expected"), [(0, 0), (299, 0), (300, 1), (500, 1), (501, 0), (599, 0), (600, 1)]
)
def test_a_total_is_feasible_only_for_a_whole_number_of_grids(total, expected):
    assert bool(feasible_counts(total, 300, 500)) == bool(expected)
    assert (explain_total(total, 300, 500) is None) == bool(expected)


def test_shengshi_allows_ten_to_fifteen_grids():
    assert list(feasible_counts(4635, 300, 500)) == [10, 11, 12, 13, 14, 15]


def test_an_infeasible_total_is_explained_in_words():
    hopeless = explain_total(560, 300, 500)
    assert hopeless.words("en") == (
        "560 households cannot be cut into grids of 300 to 500: "
        "at most 500 fit into 1, and 2 need at least 600"
    )
    assert "600" in hopeless.words("zh")


def test_overlap_gap_hole_and_outside_with_their_areas(town):
    grids = town.grids(
        town.box(0, 0, 102, 100),  # 2 m over the second: 200 m²
        shapely.difference(town.box(100, 0, 200, 100), town.box(140, 40, 150, 60)),  # a hole of 200 m²
        town.box(205, 0, 310, 100),  # 5 m short of the second: 500 m², and 10 m beyond the border: 1,000 m²
    )
    community = town.frame([town.box(0, 0, 300, 100)], division_code=[town.community_code])
    report = check_division(grids, community=community)
    areas = {found.rule: found.area_m2 for found in report.violations}
    assert areas == {
        "overlap": pytest.approx(200, rel=1e-5),
        "hole": pytest.approx(200, rel=1e-5),
        "uncovered": pytest.approx(500, rel=1e-5),
        "outside": pytest.approx(1000, rel=1e-4),
    }
    assert len(report.violations) == 4
    assert report.of("uncovered")[0].subjects == tuple(grids["grid_code"][1:])


def test_a_strip_between_grids_that_ends_inside_is_a_gap(town):
    lower = [town.box(100 * n, 0, 100 * (n + 1), 100) for n in range(2)]
    upper = [
        town.box(0, 102, 100, 200),
        town.box(100, 102, 200, 200),
        town.box(-50, 0, 0, 200),
        town.box(200, 0, 250, 200),
    ]
    report = check_division(town.grids(*lower, *upper))
    (gap,) = report.violations
    assert gap.rule == "gap"
    assert gap.area_m2 == pytest.approx(400, rel=1e-5)
    assert gap.length_m == pytest.approx(202, rel=1e-4)
    assert len(gap.subjects) == 6


def test_a_sliver_of_one_lattice_step_is_found(town):
    left = shapely.box(111.0, 40.8, 111.001, 40.801)
    right = shapely.box(111.00100001, 40.8, 111.002, 40.801)
    whole = town.frame([shapely.box(111.0, 40.8, 111.002, 40.801)], division_code=[town.community_code])
    (sliver,) = check_division(town.grids(left, right), community=whole).violations
    assert sliver.rule == "uncovered"
    assert sliver.area_m2 == pytest.approx(111 * 0.00084, rel=0.01)
    shifted = shapely.box(111.00099999, 40.8, 111.002, 40.801)
    (over,) = check_division(town.grids(left, shifted), community=whole).violations
    assert over.rule == "overlap"
    assert over.area_m2 == pytest.approx(111 * 0.00084, rel=0.01)


def test_a_vertex_rounded_beside_its_neighbours_edge_is_no_fault(town):
    # The true junction lies between lattice points on the long edge: it was rounded to one side.
    a = shapely.Polygon([(111, 40.8), (111.00100003, 40.80000007), (111.001, 40.801), (111, 40.801)])
    b = shapely.Polygon([(111, 40.8), (111, 40.799), (111.0004, 40.799), (111.00040001, 40.80000003)])
    c = shapely.Polygon(
        [(111.00040001, 40.80000003), (111.0004, 40.799), (111.001, 40.799), (111.00100003, 40.80000007)]
    )
    report = check_division(town.grids(a, b, c))
    assert report.violations == ()
    assert report.totals["joined_vertices"] == 1


def test_land_under_three_grids_is_listed_once(town):
    grids = town.grids(town.box(0, 0, 100, 100), town.box(90, 0, 200, 100), town.box(80, 0, 95, 100))
    report = check_division(grids)
    found = {tuple(code[-1] for code in v.subjects): v.area_m2 for v in report.violations}
    assert found == {
        ("1", "3"): pytest.approx(1000, rel=1e-4),
        ("1", "2"): pytest.approx(500, rel=1e-5),
        ("1", "2", "3"): pytest.approx(500, rel=1e-5),
    }


def test_equal_and_nested_grids_overlap(town):
    grids = town.grids(town.box(0, 0, 100, 100), town.box(0, 0, 100, 100), town.box(10, 10, 20, 20))
    found = {tuple(c[-1] for c in v.subjects): round(v.area_m2) for v in check_division(grids).of("overlap")}
    assert found == {("1", "2"): 9900, ("1", "2", "3"): 100}


def test_a_grid_in_two_parts_names_the_land_outside_the_largest(town):
    two = shapely.union(town.box(0, 0, 100, 100), town.box(200, 0, 210, 100))
    (found,) = check_division(town.grids(two, town.box(100, 0, 200, 100))).violations
    assert found.rule == "parts"
    assert found.area_m2 == pytest.approx(1000, rel=1e-5)
    assert found.facts["count"] == 2


def test_a_building_is_never_cut_and_touching_a_border_is_no_cut(town):
    grids = town.grids(town.box(0, 0, 100, 100), town.box(100, 0, 200, 100))
    rows = houses(town, (97, 10, 400), (90, 50, 0), (150, 50, 400))
    (cut,) = check_division(grids, buildings=rows).of("building_cut")
    assert cut.severity == "error"
    assert cut.subjects == (rows["building_code"][0], grids["grid_code"][1], grids["grid_code"][0])
    assert cut.area_m2 == pytest.approx(30, rel=1e-4)


def test_a_compound_may_be_cut_with_a_reason(town):
    grids = town.grids(town.box(0, 0, 100, 100), town.box(100, 0, 200, 100))
    walls = town.frame(
        [town.box(20, 20, 120, 40), town.box(20, 60, 100, 80)],
        compound_code=[f"{town.community_code}000{n}" for n in (1, 2)],
    )
    (cut,) = check_division(grids, compounds=walls).violations
    assert (cut.rule, cut.severity) == ("compound_cut", "warning")
    assert cut.area_m2 == pytest.approx(400, rel=1e-4)


def test_a_grid_lies_in_one_community(town):
    other = "150103002002"
    communities = town.frame(
        [town.box(0, 0, 100, 100), town.box(100, 0, 200, 100)], division_code=[town.community_code, other]
    )
    grids = town.grids(town.box(0, 0, 120, 100), town.box(120, 0, 200, 100))
    grids["community_code"] = [town.community_code, other]
    report = check_division(grids, community=communities)
    assert sorted(rules_of(report)) == ["code_community", "community_crossed"]
    (crossed,) = report.of("community_crossed")
    assert crossed.facts["community"] == other
    assert crossed.area_m2 == pytest.approx(2000, rel=1e-5)


def test_a_micro_grid_stays_within_its_parent(town):
    grids = town.grids(town.box(0, 0, 100, 100), town.box(100, 0, 200, 100), town.box(90, 10, 110, 20))
    parent = grids["grid_code"][0]
    grids["grid_code"] = [parent, grids["grid_code"][1], f"{parent}-01"]
    grids = grids.assign(grid_type=["basic", "basic", "micro"], parent_code=[None, None, parent])
    (found,) = check_division(grids).violations
    assert (found.rule, found.subjects, found.facts["parent"]) == (
        "parent_crossed",
        (f"{parent}-01",),
        parent,
    )
    assert found.area_m2 == pytest.approx(100, rel=1e-3)


def test_buildings_of_another_community_are_not_missed_here(town):
    community = town.frame([town.box(0, 0, 100, 100)], division_code=[town.community_code])
    rows = houses(
        town,
        (10, 10, 400),
        (150, 10, 77),
        (170, 10, 5),
        community_code=[town.community_code, "150103002002", None],
    )
    report = check_division(town.grids(town.box(0, 0, 100, 100)), community=community, buildings=rows)
    (lost,) = report.violations
    assert (lost.rule, lost.facts) == ("households_unassigned", {"rows": 1, "households": 5})


def test_no_grids_at_all_leave_the_community_uncovered(town):
    community = town.frame([town.box(0, 0, 100, 100)], division_code=[town.community_code])
    report = check_division(town.grids(), community=community, buildings=houses(town, (1, 1, 3)))
    assert sorted(rules_of(report)) == ["households_unassigned", "uncovered"]
    assert report.totals["grids"] == 0


def test_coordinates_off_the_globe_are_refused(town):
    with pytest.raises(GeometryError, match="globe"):
        check_division(town.grids(shapely.box(0, 0, 1e308, 1)))
    with pytest.raises(GeometryError, match="globe"):
        check_division(town.grids(shapely.box(500_000, 4_500_000, 500_100, 4_500_100)))


def test_codes_are_checked_and_foreign_ones_can_be_let_be(town):
    grids = town.grids(*[town.box(100 * n, 0, 100 * (n + 1), 100) for n in range(3)])
    grids["grid_code"] = ["150103002001001", "150103002001001", "6.20503E+14"]
    assert sorted(rules_of(check_division(grids))) == ["code_duplicate", "code_malformed"]
    assert rules_of(check_division(grids, own_codes=False)) == ["code_duplicate"]


def test_staff_of_the_day(town):
    grids = town.grids(town.box(0, 0, 100, 100), town.box(100, 0, 200, 100))
    one, two = grids["grid_code"]
    staff = pd.DataFrame(
        {
            "role": ["full_time", "leader", "police", "full_time", "leader", "police"],
            "grid_code": [one, one, one, two, two, two],
            "valid_from": ["2020-01-01"] * 6,
            "valid_to": [None, None, None, "2024-06-01", None, None],
        }
    )
    assert rules_of(check_division(grids, staff=staff, as_of=date(2024, 5, 31))) == []
    assert rules_of(check_division(grids, staff=staff, as_of=date(2024, 6, 1))) == ["no_full_time"]
    nobody = check_division(grids, staff=staff.iloc[:0])
    assert rules_of(nobody).count("no_full_time") == 2
    assert {v.severity for v in nobody.of("no_leader", "no_police")} == {"warning"}


def test_broken_and_missing_borders_are_named_and_the_rest_is_still_checked(town):
    bow = town.shape((0, 0), (100, 100), (100, 0), (0, 100))
    report = check_division(town.grids(bow, None, town.box(200, 0, 300, 100), town.box(299, 0, 400, 100)))
    assert sorted(set(rules_of(report))) == ["geometry_invalid", "geometry_missing", "overlap", "parts"]


def test_what_was_not_given_is_not_said_to_be_checked(town):
    report = check_division(town.grids(town.box(0, 0, 100, 100)))
    assert report.checked == ("coverage", "codes")
    assert report.violations == ()


def test_the_report_is_json_in_both_languages(town):
    grids = town.grids(town.box(0, 0, 102, 100), town.box(100, 0, 200, 100))
    report = check_division(grids, buildings=houses(town, (10, 10, 20), (80, 10, 30), (150, 10, None)))
    body = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    kinds = {found["rule"] for found in body["violations"]}
    assert kinds == {"overlap", "size_below", "size_unknown"}
    for found in body["violations"]:
        assert found["geometry"]["type"] in {"Polygon", "MultiPolygon"}
        assert "{" not in found["words"]["zh"] + found["words"]["en"]
    assert body["grids"][1]["households"] is None


def test_every_rule_has_a_name_and_words_in_both_languages():
    for language in ("zh", "en"):
        keys = catalogue(language)
        names = {key.rsplit(".", 1)[1] for key in keys if key.startswith("planning.rule_name.")}
        words = {key.rsplit(".", 1)[1] for key in keys if key.startswith("planning.rule.")}
        assert names == words


def test_bad_input_is_told_plainly(town):
    grids = town.grids(town.box(0, 0, 100, 100))
    with pytest.raises(CrsError):
        check_division(grids.set_crs(None, allow_override=True))
    with pytest.raises(InputError, match="grid_code"):
        check_division(grids.drop(columns="grid_code"))
    with pytest.raises(InputError, match="range"):
        check_division(grids, households_min=500, households_max=300)
    with pytest.raises(InputError, match="type of grid"):
        check_division(grids.assign(grid_type="huge"))


def test_a_thousand_metre_sliver_is_not_lost_at_the_edge_of_a_district(town):
    grids = town.grids(town.box(0, 0, 10_000, 10_000), town.box(10_000.01, 0, 20_000, 10_000))
    whole = town.frame([town.box(0, 0, 20_000, 10_000)], division_code=[town.community_code])
    (found,) = check_division(grids, community=whole).violations
    assert found.area_m2 == pytest.approx(100, rel=0.1)


def test_aberdeens_official_zones_by_centre_of_population(aberdeen):
    report = check_division(aberdeen.zones, units=aberdeen.units, own_codes=False)
    assert report.totals["within"] == 163
    assert report.totals["grids"] == 267
    assert report.totals["households"] == 103_371
    assert len(report.of("geometry_invalid")) == 1
    assert not report.of("overlap", "gap", "hole", "households_unassigned")


def test_aberdeens_official_zones_by_own_code_and_by_point_on_surface(aberdeen):
    units = aberdeen.units.drop(columns="point")
    by_point = check_division(aberdeen.zones, units=units, own_codes=False)
    assert by_point.totals["within"] == 161
    units["grid_code"] = aberdeen.zones["grid_code"].to_numpy()[aberdeen.labels]
    by_code = check_division(aberdeen.zones, units=units, own_codes=False)
    assert by_code.totals["within"] == 163
