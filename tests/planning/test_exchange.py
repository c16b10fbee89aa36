from __future__ import annotations

import csv
import io

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gis.errors import CodeError, InputError
from gis.planning.draft import start_draft
from gis.planning.exchange import adopt, fit_polygons, from_csv, to_csv
from gis.planning.history import undo
from gis.planning.unit_set import UnitSet

HOME = "150103002001"
ONE, TWO, THREE = (f"{HOME}{serial:03d}" for serial in (1, 2, 3))


@pytest.fixture
def draft(town):
    shapes = [town.box(x, y, x + 100, y + 100) for y in (0, 100) for x in (0, 100, 200)]
    frame = town.frame(
        shapes,
        unit_id=["a", "b", "c", "d", "=e", "f"],
        households=[1, 2, 3, 4, 5, None],
        grid_code=[ONE, ONE, TWO, ONE, TWO, None],
    )
    return start_draft(UnitSet.of(frame), HOME)


def test_a_plan_comes_back_as_it_went_out(draft):
    back = from_csv(to_csv(draft), draft.units)
    assert back.owner.tolist() == draft.owner.tolist()
    assert (back.missing, back.unknown, back.doubled) == ((), (), ())


def test_a_spreadsheet_neither_runs_nor_rounds_the_table(draft):
    rows = list(csv.reader(io.StringIO(to_csv(draft).lstrip("\ufeff"))))
    assert rows[1] == ["a", f'="{ONE}"', "1"]
    assert rows[5][0] == "'=e"
    assert rows[6] == ["f", "", ""]
    draft.owner[0] = '=cmd|" /C calc"!A0'
    assert list(csv.reader(io.StringIO(to_csv(draft))))[1][1].startswith("'=cmd")


def test_missing_unknown_and_doubled_units_are_reported(draft):
    text = f"unit_id;grid_code\na;{TWO}\nz;{TWO}\nb;{ONE}\nb;{TWO}\n\n"
    read = from_csv(text, draft.units)
    assert read.as_dict() == {
        "assigned": 2,
        "missing": ["c", "d", "=e", "f"],
        "unknown": ["z"],
        "doubled": ["b"],
    }
    change = adopt(draft, read, source="table.csv")
    assert change.draft.owner.tolist() == [TWO, TWO, TWO, ONE, TWO, ""]
    assert undo(change.draft).draft.owner.tolist() == draft.owner.tolist()


def test_damaged_tables_are_refused(draft):
    with pytest.raises(InputError, match="spreadsheet"):
        from_csv("unit_id,grid_code\na,1.50103E+14\n", draft.units)
    with pytest.raises(InputError, match="columns"):
        from_csv("unit,grid\na,1\n", draft.units)
    with pytest.raises(CodeError):
        adopt(draft, from_csv("unit_id,grid_code\na,north\n", draft.units), source="x")


def test_new_codes_become_grids(draft):
    change = adopt(
        draft, from_csv(f"unit_id,grid_code\na,{THREE}\nb,{THREE}\nd,{THREE}\n", draft.units), source="x"
    )
    assert set(change.draft.grids) == {TWO, THREE}


def test_drawn_polygons_go_to_whole_units_and_the_misfit_is_shown(draft, town):
    # Drawn 10 m too far east; the second covers a third of the last column only.
    drawn = town.grids(town.box(0, 0, 110, 200), town.box(110, 0, 230, 200))
    fit = fit_polygons(draft.units, drawn)
    assert fit.assignment.owner.tolist() == [ONE, TWO, "", ONE, TWO, ""]
    assert fit.assignment.missing == ("c", "f")
    table = fit.by_grid.set_index("grid_code")
    assert table.loc[ONE, "misfit_m2"] == pytest.approx(2000, rel=1e-3)
    assert table.loc[ONE, "overlap"] == pytest.approx(20_000 / 22_000, rel=1e-3)
    assert table.loc[TWO, "misfit_m2"] == pytest.approx(2000 + 6000, rel=1e-3)
    shown = fit.misfit.fillna({"grid_code": "", "drawn_code": ""})
    rows = {(r.unit_id, r.grid_code, r.drawn_code): r.area_m2 for r in shown.itertuples()}
    assert rows["b", TWO, ONE] == pytest.approx(1000, rel=1e-3)
    assert rows["c", "", TWO] == pytest.approx(3000, rel=1e-3)
    assert fit.misfit["area_m2"].is_monotonic_decreasing


def test_exact_drawings_have_no_misfit(draft, town):
    drawn = town.grids(town.box(0, 0, 100, 200), town.box(100, 0, 300, 200))
    fit = fit_polygons(draft.units, drawn)
    assert len(fit.misfit) == 0
    assert fit.by_grid["overlap"].tolist() == pytest.approx([1, 1])


def test_a_geopackage_from_elsewhere_round_trips(draft, tmp_path):
    file = tmp_path / "plan.gpkg"
    frame = draft.grids_frame().drop(columns="predecessors")
    frame.to_file(file, driver="GPKG")
    fit = fit_polygons(draft.units, gpd.read_file(file))
    assert fit.assignment.owner.tolist() == draft.owner.tolist()
    assert len(fit.misfit) == 0


def test_polygons_without_a_code_are_refused(draft, town):
    drawn = town.frame([town.box(0, 0, 10, 10)], grid_code=[None])
    with pytest.raises(InputError, match="no grid_code"):
        fit_polygons(draft.units, drawn)


def test_aberdeens_zones_are_fitted_to_its_output_areas(aberdeen):
    units = UnitSet.of(aberdeen.units)
    fit = fit_polygons(units, aberdeen.zones)
    agree = fit.assignment.owner == aberdeen.zones["grid_code"].to_numpy()[aberdeen.labels]
    assert agree.mean() > 0.98
    assert np.median(fit.by_grid["overlap"]) > 0.95
    assert shapely.is_valid(fit.misfit.geometry.to_numpy()).all()
