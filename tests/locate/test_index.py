"""Ownership is exact: against an oracle in whole numbers, and under changes that must change nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.errors import GeometryError, InputError
from gis.lattice import snap, to_degrees, to_lattice
from gis.locate import distance_numba, distance_numpy, kernels_numba, kernels_numpy
from gis.locate.edges import read_rings
from gis.locate.index import GridIndex
from gis.locate.joining import join_rings
from gis.locate.overlap import overlapping_pairs
from gis.terms import OwnerStatus
from tests.locate.oracle import Oracle, owners
from tests.locate.shapes import hostile_points, patchwork, star, wavy_grids


def codes_of(polygons):
    return [f"{i:015d}" for i in range(len(polygons))]


def build(polygons, **options):
    return GridIndex.build(polygons, codes_of(polygons), **options)


def cell_corners(index, count, rng):
    """Points on and beside the borders of the top table's cells."""
    tree = index.sheets[0]
    column = rng.integers(0, tree.columns + 1, count) << tree.shift_x
    row = rng.integers(0, ((tree.height - 1) >> tree.shift_y) + 2, count) << tree.shift_y
    column = np.where(rng.random(count) < 0.3, rng.integers(0, tree.width, count), column)
    steps = np.column_stack([column, row]) + rng.integers(-1, 2, (count, 2)) + index.rings.origin
    return to_degrees(steps[:, 0]), to_degrees(steps[:, 1])


def pairs_of(whole):
    """Find the overlapping pairs of polygons given in whole lattice steps."""
    rings, snapped = read_rings(shapely.transform(whole, to_degrees), codes_of(whole))
    return overlapping_pairs(snapped, join_rings(rings, np.ones(len(whole), dtype=bool)))


def every_point_of(polygons, stretch):
    west, south, east, north = to_lattice(shapely.total_bounds(polygons))
    x, y = np.meshgrid(np.arange(west - 1, east + 2), np.arange(south - 1, north + 2))
    return to_degrees(x.ravel()), to_degrees(y.ravel())


def with_hole_and_enclave(rng):
    """A ring with an island of another grid in its hole, which has an enclave of a third, in two parts."""
    outer = star(400, rng)
    hole = shapely.affinity.scale(star(90, rng), 0.5, 0.5, origin=(105.0, 34.0))
    enclave = shapely.box(104.9995, 33.9995, 105.0005, 34.0005)
    far = shapely.box(105.02, 34.0, 105.03, 34.00000001)  # a sliver one step high
    hole, enclave = snap(hole), snap(enclave)
    return np.array(
        [
            shapely.Polygon(outer.exterior, [hole.exterior]),
            shapely.Polygon(hole.exterior, [enclave.exterior]),
            shapely.multipolygons([enclave, far]),
        ]
    )


CASES = {
    "wavy": lambda rng: wavy_grids(9, 11, 10, rng),
    "straight": lambda rng: wavy_grids(12, 12, 0, rng),
    "collinear": lambda _: np.array(
        [
            shapely.segmentize(b, 0.0001)
            for b in shapely.box(
                *np.array([[105 + i * 0.001, 34.0, 105 + (i + 1) * 0.001, 34.003] for i in range(8)]).T
            )
        ]
    ),
    "hole, enclave, parts, sliver": with_hole_and_enclave,
    "a ring of 100,000 vertices": lambda rng: np.array([star(100_000, rng, radius=0.5, spikes=0)]),
    "spikes": lambda rng: np.array([star(2000, rng)]),
    "patchwork": lambda rng: patchwork(16, 5, rng, stretch=1000),
    "half the globe": lambda _: np.array(
        [shapely.box(-180, -90, 0, 90), shapely.Polygon([(0, -90), (180, 90), (0, 90)])]
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_oracle(name):
    rng = np.random.default_rng(len(name))
    polygons = snap(CASES[name](rng))
    index = build(polygons)
    lon, lat = hostile_points(polygons, 12_000, rng)
    more = cell_corners(index, 3_000, rng)
    lon, lat = np.append(lon, more[0]), np.append(lat, more[1])
    expected = owners(Oracle(polygons, slabs=min(4096, len(shapely.get_coordinates(polygons)))), lon, lat)
    found = index.locate(lon, lat)
    assert np.flatnonzero(found != expected).tolist() == []
    assert (found >= 0).any()
    for closed in (False, True):
        slow = kernels_numpy.locate(index.sheets[0], index.rings.origin, lon, lat, closed=closed)
        fast = kernels_numba.locate(index.sheets[0], index.rings.origin, lon, lat, closed=closed)
        np.testing.assert_array_equal(slow, fast)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(1, 7),
    labels=st.integers(2, 5),
    stretch=st.sampled_from([1, 2, 3, 7]),
    east=st.floats(-170, 170),
    north=st.floats(-80, 80),
)
def test_every_lattice_point_of_a_patchwork(seed, size, labels, stretch, east, north):
    """On a tiny board every single point is asked for, wherever on the globe the board lies."""
    polygons = patchwork(size, labels, np.random.default_rng(seed), stretch=stretch, origin=(east, north))
    if not len(polygons):
        return
    index = build(polygons)
    oracle = Oracle(polygons)
    lon, lat = every_point_of(polygons, stretch)
    found = index.locate(lon, lat)
    np.testing.assert_array_equal(found, owners(oracle, lon, lat))
    # Closed: whoever touches a grid has an owner, and it is one that it touches or lies in.
    detail = index.locate_detail(lon, lat)
    for i, (x, y) in enumerate(zip(to_lattice(lon).tolist(), to_lattice(lat).tolist(), strict=True)):
        touching = oracle.touching(x, y)
        assert detail.touching_of(i).tolist() == touching
        if touching:
            assert found[i] in touching
            assert detail.status[i] == OwnerStatus.EDGE
            assert detail.margin_m[i] == 0
        else:
            assert len(oracle.covering(x, y)) == (found[i] >= 0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), bends=st.integers(0, 4))
def test_nothing_depends_on_how_a_boundary_is_written(seed, bends):
    """Rotating, reversing and reordering rings and polygons changes no answer."""
    rng = np.random.default_rng(seed)
    polygons = wavy_grids(3, 4, bends, rng)
    lon, lat = hostile_points(polygons, 600, rng)
    before = build(polygons).locate(lon, lat)
    turned = []
    for polygon in polygons:
        ring = shapely.get_coordinates(polygon)[:-1]
        ring = np.roll(ring, rng.integers(0, len(ring)), axis=0)
        if rng.random() < 0.5:
            ring = ring[::-1]
        turned.append(shapely.Polygon(ring))
    np.testing.assert_array_equal(build(np.array(turned)).locate(lon, lat), before)
    order = rng.permutation(len(polygons))
    shuffled = build(polygons[order]).locate(lon, lat)
    np.testing.assert_array_equal(np.where(shuffled >= 0, order[shuffled], -1), before)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), dx=st.integers(-(2**33), 2**33), dy=st.integers(-(2**32), 2**32))
def test_a_shift_of_everything_changes_nothing(seed, dx, dy):
    rng = np.random.default_rng(seed)
    polygons = wavy_grids(3, 3, 2, rng, origin=(0.0, 0.0))
    lon, lat = hostile_points(polygons, 600, rng)
    before = build(polygons).locate(lon, lat)
    moved = shapely.transform(polygons, lambda xy: to_degrees(to_lattice(xy) + np.array([dx, dy])))
    after = build(moved).locate(to_degrees(to_lattice(lon) + dx), to_degrees(to_lattice(lat) + dy))
    np.testing.assert_array_equal(after, before)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_vertex_more_on_an_edge_changes_nothing(seed):
    """One neighbour alone gets the vertex, so its border no longer matches the other's edge by edge."""
    rng = np.random.default_rng(seed)
    even = shapely.transform(
        wavy_grids(3, 3, 2, rng), lambda xy: to_degrees(to_lattice(xy) // 2 * 2)
    )  # whole middles
    lon, lat = hostile_points(even, 600, rng)
    before = build(even).locate(lon, lat)
    split = []
    for polygon in even:
        ring = to_lattice(shapely.get_coordinates(polygon))
        middle = (ring[:-1] + ring[1:]) // 2
        both = np.stack([ring[:-1], middle], 1).reshape(-1, 2)
        split.append(shapely.Polygon(to_degrees(both)) if rng.random() < 0.5 else polygon)
    np.testing.assert_array_equal(build(np.array(split)).locate(lon, lat), before)


def test_overlaps_are_refused_by_name():
    boxes = shapely.box(np.array([0.0, 0.5, 3.0]), 0.0, np.array([1.0, 1.5, 4.0]), 1.0)
    with pytest.raises(GeometryError, match="A and B overlap"):
        GridIndex.build(boxes, ["A", "B", "C"])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(2, 9))
def test_where_overlaps_are_allowed_the_first_wins(seed, count):
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 10, (count, 2))
    size = rng.integers(1, 6, (count, 2))
    boxes = shapely.box(*to_degrees(np.hstack([low, low + size])).T)
    index = build(boxes, overlap="first")
    lon, lat = every_point_of(boxes, 1)
    np.testing.assert_array_equal(index.locate(lon, lat), owners(Oracle(boxes), lon, lat))


def test_a_small_sheet_under_a_wide_one():
    """Just under 2**31 steps the small sheet ends, and points beyond lie in the same cells."""
    top = 2**31 - 10
    wedge = shapely.Polygon(to_degrees(np.array([[0, 0], [top - 90, 0], [top - 40, top], [top - 80, top]])))
    polygons = np.array([wedge, shapely.box(0, 0, 180, 90)])
    index = build(polygons, overlap="first")
    assert len(index.sheets) == 2
    x, y = np.meshgrid(np.arange(top - 130, top + 20, 3), np.arange(top - 20, top + 30))
    lon, lat = to_degrees(x.ravel()), to_degrees(y.ravel())
    np.testing.assert_array_equal(index.locate(lon, lat), owners(Oracle(polygons), lon, lat))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(2, 8))
def test_every_overlapping_pair_is_found(seed, count):
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 7, (count, 3, 2))
    triangles = shapely.polygons(corners.astype(float))
    triangles = triangles[shapely.is_valid(triangles)]
    if len(triangles):
        a, b = np.triu_indices(len(triangles), 1)
        overlap = shapely.area(shapely.intersection(triangles[a], triangles[b])) > 1e-9
        np.testing.assert_array_equal(pairs_of(triangles), np.column_stack([a, b])[overlap])


def test_a_margin_is_to_the_owners_own_edge():
    """On the edge of a grid that only overlaps the owner, the owner's edge is still far away."""
    index = build(shapely.box([0.0, 0.005], 0.0, [0.01, 0.02], 0.01), overlap="first")
    detail = index.locate_detail([0.005, 0.01], [0.005, 0.005])
    assert detail.position.tolist() == [0, 1]
    assert detail.status.tolist() == ["edge", "edge"]
    assert [detail.touching_of(i).tolist() for i in range(2)] == [[1], [0]]
    np.testing.assert_allclose(detail.margin_m, [552.9, 552.9], atol=5)


def test_layers_that_lie_wholly_on_one_another_are_found():
    """Two tessellations of one square: within each all edges but the rim have land on both sides."""
    rng = np.random.default_rng(12)
    for one, two in [(6, 5), (4, 4)]:
        layers = [wavy_grids(n, n, 2, rng, cell=0.06 / n) for n in (one, two)]
        polygons = np.concatenate(layers)
        a, b = np.triu_indices(len(polygons), 1)
        overlap = shapely.relate_pattern(polygons[a], polygons[b], "T********")
        rings, snapped = read_rings(polygons, codes_of(polygons))
        found = overlapping_pairs(snapped, join_rings(rings, np.ones(len(polygons), dtype=bool)))
        np.testing.assert_array_equal(found, np.column_stack([a, b])[overlap])


def test_an_overlap_of_a_step_is_found():
    polygons = np.array([shapely.box(0, 0, 1, 1), shapely.box(1 - 1e-8, 0.2, 2, 0.8)])
    with pytest.raises(GeometryError, match="overlap"):
        build(polygons)
    assert len(build(polygons, overlap="first").sheets) == 2


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (None, "missing"),
        (shapely.Point(0, 0), "not a polygon"),
        (shapely.Polygon(), "empty"),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "crosses or folds back on itself near 0.5"),
        (shapely.Polygon([(0, 0), (1e-10, 0), (0, 1e-10)]), "folds back"),
        (shapely.Polygon([(0, 0), (1000, 0), (0, 1000)]), "not a number of degrees"),
    ],
)
def test_a_bad_boundary_is_refused_by_name(shape, words):
    with pytest.raises(GeometryError, match=words) as refused:
        GridIndex.build(np.array([shapely.box(5, 5, 6, 6), shape]), ["good", "bad"])
    assert refused.value.where == "bad"
    assert refused.value.mend


def test_a_coordinate_that_is_no_number_is_refused():
    with np.errstate(invalid="ignore"):
        shape = shapely.Polygon([(0, 0), (np.nan, 0), (0, 1)])
    with pytest.raises(GeometryError, match="not a number of degrees"):
        GridIndex.build([shape], ["bad"])


def test_codes_must_go_with_polygons():
    box = shapely.box(0, 0, 1, 1)
    with pytest.raises(InputError, match="1 polygons came with 2 codes"):
        GridIndex.build([box], ["a", "b"])
    with pytest.raises(InputError, match="b occurs twice"):
        GridIndex.build([box, box, box], ["a", "b", "b"])
    with pytest.raises(InputError, match="no polygons"):
        GridIndex.build([], [])


def test_not_finite_is_nobodys_and_far_away_is_outside():
    index = build(np.array([shapely.box(0, 0, 1, 1)]))
    lon = np.array([0.5, np.nan, np.inf, -np.inf, 0.5, 1e300, -1e300, 181.0])
    lat = np.array([0.5, 0.5, 0.5, 0.5, np.nan, 0.5, 0.5, 95.0])
    assert index.locate(lon, lat).tolist() == [0, -1, -1, -1, -1, -1, -1, -1]
    status = index.locate_detail(lon[:5], lat[:5]).status.tolist()
    assert status == ["inside", "invalid", "invalid", "invalid", "invalid"]


def test_takes_columns_of_every_kind():
    polygons = wavy_grids(4, 4, 3, np.random.default_rng(3))
    index = build(polygons)
    lon, lat = hostile_points(polygons, 500, np.random.default_rng(4))
    expected = index.locate(lon, lat)
    both = np.column_stack([lon, lat])
    frame = pd.DataFrame({"lon": lon, "lat": lat})
    table = pa.table(frame)
    for x, y in [
        (both[:, 0], both[:, 1]),
        (lon.tolist(), lat.tolist()),
        (frame["lon"], frame["lat"]),
        (frame["lon"].astype("Float64"), frame["lat"].astype("Float64")),
        (table["lon"], table["lat"]),
        (table["lon"].combine_chunks(), table["lat"].combine_chunks()),
        (pa.chunked_array([lon[:100], lon[100:]]), pa.chunked_array([lat[:7], lat[7:]])),
    ]:
        np.testing.assert_array_equal(index.locate(x, y), expected)
    assert index.locate(lon[3], lat[3]).tolist() == [expected[3]]
    assert index.locate(pa.array([None, lon[0]]), pa.array([lat[0], lat[0]]))[0] == -1
    with pytest.raises(InputError, match="not a column of numbers"):
        index.locate(["105.1"], [34.0])
    with pytest.raises(InputError, match="not a column of numbers"):
        index.locate(pa.array(["105.1"]), pa.array([34.0]))
    with pytest.raises(InputError, match="not a column of numbers"):
        index.locate(pd.Series(["x"]), pd.Series([34.0]))
    with pytest.raises(InputError, match="lon has 1 values and lat has 2"):
        index.locate([105.1], [34.0, 35.0])


def test_saved_and_opened_it_is_the_same(tmp_path):
    polygons = wavy_grids(5, 5, 4, np.random.default_rng(5))
    index = GridIndex.build(polygons, codes_of(polygons), digest="abc")
    lon, lat = hostile_points(polygons, 2000, np.random.default_rng(6))
    path = tmp_path / "deep" / "grids.index"
    index.save(path)
    opened = GridIndex.open(path)
    assert (opened.codes, opened.digest) == (index.codes, "abc")
    np.testing.assert_array_equal(opened.locate(lon, lat), index.locate(lon, lat))
    assert opened.to_bytes() == path.read_bytes() == GridIndex.from_bytes(index.to_bytes()).to_bytes()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-200], "cut short or damaged"),
        (lambda data: data[:100], "cut short or damaged"),
        (lambda _: b"", "cannot be read|not a locate index"),
        (lambda data: b"PK" + data[2:], "not a locate index"),
        (lambda data: data[:13] + b"\x09" + data[14:], "format 9"),
        (lambda data: data[:-300] + bytes([data[-300] ^ 1]) + data[-299:], "damaged"),
        (lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:], "damaged"),
    ],
)
def test_a_file_that_is_not_an_index_is_refused(tmp_path, change, words):
    path = tmp_path / "grids.index"
    path.write_bytes(change(build(np.array([shapely.box(0, 0, 1, 1)])).to_bytes()))
    with pytest.raises(InputError, match=words):
        GridIndex.open(path)
    with pytest.raises(InputError, match="cannot be read"):
        GridIndex.open(tmp_path / "absent")


def test_margins_and_the_nearest_grid_are_true_metres():
    polygons = wavy_grids(6, 6, 8, np.random.default_rng(7))
    index = build(polygons)
    rng = np.random.default_rng(8)
    lon, lat = rng.uniform(104.99, 105.03, 3000), rng.uniform(33.99, 34.03, 3000)
    lon, lat = np.round(lon, 8), np.round(lat, 8)
    detail = index.locate_detail(lon, lat)
    # Gauss-Krüger zone of 105° E: its scale is 1 to within 1e-8 here.
    to_plane = __import__("pyproj").Transformer.from_crs(4490, 4544, always_xy=True)
    plane = shapely.transform(polygons, lambda xy: np.column_stack(to_plane.transform(*xy.T)))
    points = shapely.points(np.column_stack(to_plane.transform(lon, lat)))
    inside = detail.position >= 0
    expected = shapely.distance(points[inside], shapely.boundary(plane[detail.position[inside]]))
    np.testing.assert_allclose(detail.margin_m[inside], expected, atol=2e-3)
    tree = shapely.STRtree(plane)
    _, distance = tree.query_nearest(points[~inside], return_distance=True, all_matches=False)
    np.testing.assert_allclose(detail.distance_m[~inside], distance, rtol=1e-5, atol=2e-3)
    own = shapely.distance(points[~inside], plane[detail.nearest[~inside]])
    np.testing.assert_allclose(own, distance, rtol=1e-5, atol=2e-3)
    assert np.isnan(detail.margin_m[~inside]).all()
    assert (detail.distance_m[inside] == 0).all()


def test_distances_are_the_same_without_numba():
    polygons = wavy_grids(5, 7, 20, np.random.default_rng(9))
    index = build(polygons)
    rng = np.random.default_rng(10)
    xy = rng.uniform(-2e5, 3e6, (400, 2)).round()
    scale = np.full((400, 2), (9.2e-4, 1.1e-3))
    fast = distance_numba.nearest_polygon(index.rings, index.reach, xy, scale)
    slow = distance_numpy.nearest_polygon(index.rings, index.reach, xy, scale)
    np.testing.assert_array_equal(fast[0], slow[0])
    np.testing.assert_allclose(fast[1], slow[1], atol=1e-6)
    given_ = rng.integers(0, len(polygons), 400).astype(np.int32)
    np.testing.assert_allclose(
        distance_numba.nearest_on(index.rings, index.reach, given_, xy, scale),
        distance_numpy.nearest_on(index.rings, index.reach, given_, xy, scale),
        atol=1e-6,
    )
