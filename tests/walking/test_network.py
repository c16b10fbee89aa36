"""Networks drawn by hand, whose nodes, gates and lengths are known."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gis.crs import parse_crs
from gis.demo.community import make_community
from gis.demo.quarter import LOTS
from gis.errors import InputError
from gis.terms import CompoundKind
from gis.walking.network import find_gates, network_of_streets
from gis.walking.osmnx_graph import read_osmnx
from gis.walking.plane import Plane

PLANE = Plane(parse_crs("EPSG:4546"))
ORIGIN = np.array([39_500_000.0 - 39_000_000.0, 4_000_000.0])


def streets(
    *rows: tuple[str, list[tuple[float, float]] | list[list[tuple[float, float]]]],
) -> gpd.GeoDataFrame:
    """Draw street lines in metres from a fixed origin and give them as the frame `streets`."""
    shapes = []
    for _, path in rows:
        parts = path if isinstance(path[0], list) else [path]
        shapes.append(shapely.multilinestrings([shapely.linestrings(np.array(p) + ORIGIN) for p in parts]))
    return gpd.GeoDataFrame(
        {"street_code": [str(n) for n in range(len(rows))], "barrier_class": [kind for kind, _ in rows]},
        geometry=PLANE.lift(np.array(shapes, dtype=object)),
        crs=4490,
    )


def test_crossing_streets_meet_in_one_node_though_no_vertex_is_there() -> None:
    network = network_of_streets(streets(("lane", [(0, 50), (100, 50)]), ("arterial", [(50, 0), (50, 100)])))
    assert network is not None
    assert len(network.nodes) == 5
    assert network.metres == pytest.approx([50.0] * 4, abs=0.02)
    assert np.bincount(np.concatenate((network.start, network.end))).max() == 4


def test_an_end_that_hangs_short_of_a_street_is_joined_and_one_farther_off_is_not() -> None:
    drawn = streets(("lane", [(0, 0), (100, 0)]), ("lane", [(40, 1.5), (40, 80)]))
    joined = network_of_streets(drawn)
    apart = network_of_streets(drawn, join_m=1.0)
    assert joined is not None
    assert apart is not None
    assert len(joined.metres) == 3
    assert joined.metres.sum() == pytest.approx(180.0, abs=0.05)
    assert len(apart.metres) == 2


def test_rivers_and_walls_are_barriers_and_nobody_walks_along_them() -> None:
    network = network_of_streets(
        streets(("lane", [(0, 0), (100, 0)]), ("river", [(0, 20), (100, 20)]), ("wall", [(0, 40), (90, 40)]))
    )
    assert network is not None
    assert len(network.metres) == 1
    assert sorted(shapely.length(network.barriers).round(1)) == [90.0, 100.0]


def test_no_street_no_network() -> None:
    assert network_of_streets(streets(("river", [(0, 0), (10, 0)]))) is None


def test_a_frame_without_classes_is_refused() -> None:
    with pytest.raises(InputError, match="barrier_class"):
        network_of_streets(streets(("lane", [(0, 0), (1, 0)])).drop(columns="barrier_class"))


def test_a_gate_is_where_one_wall_is_interrupted() -> None:
    two_gates = shapely.from_wkt(
        "MULTILINESTRING ((5 0, 100 0, 100 50), (100 60, 100 100, 0 100, 0 0, -5 0))"
    )
    gates = find_gates(np.array([two_gates]))
    assert sorted(shapely.to_wkt(gates)) == ["POINT (0 0)", "POINT (100 55)"]


def test_a_wide_gap_is_no_gate_nor_is_one_between_two_walls() -> None:
    wide = shapely.linestrings([(0, 0), (100, 0), (100, 100), (0, 100), (0, 30)])
    other = shapely.linestrings([(-5, 0), (-100, 0)])
    assert len(find_gates(np.array([wide]))) == 0
    assert len(find_gates(np.array([wide, other]))) == 0


def test_every_gate_of_the_demonstration_community_is_found() -> None:
    network = network_of_streets(make_community()["streets"])
    assert network is not None
    drawn = [lot.gates for lot in LOTS if lot.gates and lot.kind is not CompoundKind.BUNGALOW]
    assert len(network.gates) == sum(map(len, drawn))


def test_the_shenzhen_graph_is_read_whole(shared_data) -> None:
    network = read_osmnx(shared_data / "shenzhen_roads" / "shenzhen_futian.graphml")
    assert network.source == "graph"
    # 1,751 nodes; the 32 that are missing hang on streets that nobody walks along, or on none.
    assert 1_700 <= len(network.nodes) <= 1_751
    assert len(network.metres) < 4_009
    drawn = shapely.length(network.lines)
    assert np.abs(drawn / network.metres - 1).max() < 0.006


def test_what_is_no_graph_is_refused_in_our_words(tmp_path) -> None:
    file = tmp_path / "x.graphml"
    with pytest.raises(InputError, match="no such file"):
        read_osmnx(file)
    file.write_text("<graphml><graph", encoding="utf-8")
    with pytest.raises(InputError, match="not a GraphML file"):
        read_osmnx(file)
    file.write_text(
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="c" for="graph" attr.name="crs" '
        'attr.type="string"/><graph edgedefault="directed"><data key="c">epsg:4326</data>'
        '<node id="1"/><node id="2"/></graph></graphml>',
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="no x and y"):
        read_osmnx(file)
