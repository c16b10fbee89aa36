"""Distances on foot against hand-made answers and against networkx on the split network."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import shapely
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from gis.demo.community import make_community
from gis.errors import InputError
from gis.walking.access import access_of
from gis.walking.minutes import Basis, doors_of, walking_metres
from gis.walking.network import network_of_streets
from gis.walking.osmnx_graph import NOT_WALKED, read_osmnx
from tests.walking.test_network import ORIGIN, PLANE, streets


def at(*xy: tuple[float, float]):
    return PLANE.lift(shapely.points(np.array(xy, dtype=float) + ORIGIN))


def test_along_a_street_round_a_corner_and_back() -> None:
    network = network_of_streets(streets(("lane", [(0, 0), (200, 0), (200, 300)])))
    walk = walking_metres(network, at((10, 0), (50, 10)), at((190, 0), (200, 250)))
    assert walk.metres == pytest.approx(np.array([[180, 440], [150, 410]]), abs=0.1)
    assert walk.basis().tolist() == [Basis.NETWORK] * 2
    assert walk.minutes(2.0)[0, 0] == pytest.approx(1.5, abs=0.01)


def test_a_river_is_crossed_at_the_bridge_only() -> None:
    drawn = streets(
        ("lane", [(0, 0), (1000, 0)]), ("lane", [(0, 60), (1000, 60)]), ("lane", [(1000, 0), (1000, 60)]),
        ("river", [(-50, 30), (1050, 30)]),
    )  # fmt: skip
    walk = walking_metres(network_of_streets(drawn), at((500, 5)), at((500, 55)), limit_m=2000)
    assert walk.metres[0, 0] == pytest.approx(5 + 500 + 60 + 500 + 5, abs=0.2)
    assert walk.place_access[0] == "open"


def test_a_walled_compound_is_left_by_its_gate() -> None:
    # A wall around 100 m × 100 m with its gate in the north; the street outside runs in the south and east.
    wall = [[(45, 100), (0, 100), (0, 0), (100, 0), (100, 100), (55, 100)]]
    drawn = streets(("wall", wall), ("lane", [(-50, -20), (150, -20), (150, 120), (-50, 120)]))
    walk = walking_metres(network_of_streets(drawn), at((50, 10)), at((50, -20)), limit_m=2000)
    assert walk.place_access[0] == "gate"
    # 90 m to the gate, 20 m on to the northern street, and round by the east.
    assert walk.metres[0, 0] == pytest.approx(90 + 20 + 100 + 140 + 100, abs=0.5)


def test_a_wall_without_a_gate_is_gone_through_and_that_is_said() -> None:
    ring = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]
    drawn = streets(("wall", ring), ("lane", [(-50, -20), (150, -20)]))
    walk = walking_metres(network_of_streets(drawn), at((50, 10)), at((150, -20)))
    assert walk.place_access[0] == "through"
    assert walk.metres[0, 0] == pytest.approx(30 + 100, abs=0.2)


def test_neighbours_meet_across_open_ground_but_not_through_a_wall() -> None:
    lane = ("lane", [(0, 0), (0, 500)])
    open_ground = walking_metres(
        network_of_streets(streets(lane)), at((200, 200)), at((200, 260)), detour=1.3
    )
    assert open_ground.metres[0, 0] == pytest.approx(60 * 1.3, abs=0.1)
    walled = streets(lane, ("wall", [(150, 230), (400, 230)]))
    round_it = walking_metres(network_of_streets(walled), at((200, 200)), at((200, 260)), detour=1.3)
    assert round_it.metres[0, 0] == pytest.approx(200 + 60 + 200, abs=0.2)


def test_no_network_is_the_circle_and_says_so() -> None:
    walk = walking_metres(None, at((0, 0)), at((300, 400), (900, 0)), limit_m=990, detour=1.3)
    assert walk.metres[0, 0] == pytest.approx(650, abs=0.5)
    assert np.isinf(walk.metres[0, 1])
    assert walk.basis().tolist() == [Basis.CIRCLE]
    assert walk.detour == 1.3


def test_a_place_far_from_every_street_is_measured_by_the_circle_alone() -> None:
    network = network_of_streets(streets(("lane", [(0, 0), (500, 0)])))
    walk = walking_metres(network, at((100, 0), (100, 600)), at((100, 100)), detour=1.5)
    assert walk.basis().tolist() == [Basis.NETWORK, Basis.CIRCLE]
    assert walk.metres[1, 0] == pytest.approx(750, abs=1)


def test_what_cannot_be_walked_to_stays_out_of_reach() -> None:
    apart = streets(("lane", [(0, 0), (500, 0)]), ("lane", [(0, 600), (500, 600)]))
    walk = walking_metres(network_of_streets(apart), at((10, 0)), at((10, 600)), limit_m=5000)
    assert np.isinf(walk.metres[0, 0])


def test_missing_places_and_empty_sets_reach_nothing() -> None:
    network = network_of_streets(streets(("lane", [(0, 0), (500, 0)])))
    points = at((10, 0))
    some = np.array([None, at((20, 0))[0]], dtype=object)
    walk = walking_metres(network, some, points)
    assert np.isinf(walk.metres[0, 0])
    assert walk.metres[1, 0] == pytest.approx(10, abs=0.1)
    assert walking_metres(network, points[:0], points).metres.shape == (0, 1)


def test_a_limit_below_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="limit"):
        walking_metres(None, at((0, 0)), at((1, 1)), limit_m=0)


def test_every_distance_agrees_with_networkx_on_the_split_network() -> None:
    frames = make_community()
    network = network_of_streets(frames["streets"])
    assert network is not None
    places, points = doors_of(frames["buildings"])[::9], doors_of(frames["service_points"])
    walk = walking_metres(network, places, points, limit_m=5000, detour=1e9)
    assert walk.metres == pytest.approx(by_networkx(network, places, points), abs=0.05)


def test_doors_in_shenzhen_agree_with_networkx_on_the_split_network(shared_data) -> None:
    network = read_osmnx(shared_data / "shenzhen_roads" / "shenzhen_futian.graphml")
    rng = np.random.default_rng(20261121)
    west, south, east, north = shapely.total_bounds(network.lines)
    somewhere = network.plane.lift(shapely.points(rng.uniform((west, south), (east, north), (440, 2))))
    doors, points = somewhere[:400], somewhere[400:]
    walk = walking_metres(network, doors, points, limit_m=20_000, detour=1e9)
    near, far = walk.place_access != "none", walk.point_access != "none"
    assert near.sum() > 300
    expected = by_networkx(network, doors, points)[near][:, far]
    assert walk.metres[near][:, far] == pytest.approx(expected, abs=0.05)


def test_shenzhens_junctions_agree_with_networkx_on_the_graph_as_it_was_saved(shared_data) -> None:
    """From 60 junctions to every other: nothing of ours on the other side but which streets are walked."""
    file = shared_data / "shenzhen_roads" / "shenzhen_futian.graphml"
    network = read_osmnx(file)
    saved = nx.MultiGraph(nx.read_graphml(file))
    graph = nx.MultiGraph()
    for one, other, facts in saved.edges(data=True):
        if facts["highway"] not in NOT_WALKED:
            graph.add_edge(one, other, length=float(facts["length"]))
    names = [name for name in saved if name in graph and graph.degree(name)]
    lon, lat = (np.array([float(saved.nodes[name][axis]) for name in names]) for axis in "xy")
    apart, ours = KDTree(network.nodes).query(network.plane.xy(lon, lat))
    assert apart.max() < 0.2  # WGS84 and CGCS2000 lie as near to each other as that
    assert len(set(ours)) == len(names) == len(network.nodes)

    starts = np.arange(0, len(names), len(names) // 60)
    found = dijkstra(network.matrix(), indices=ours[starts])[:, ours]
    for row, start in enumerate(starts):
        reached = nx.single_source_dijkstra_path_length(graph, names[start], weight="length")
        expected = [reached.get(name, np.inf) for name in names]
        assert found[row] == pytest.approx(expected, abs=1e-6)
        assert np.isfinite(expected).mean() > 0.9 or row


def by_networkx(network, places, points) -> np.ndarray:
    """The oracle: every way of every place is spliced into a plain graph, and networkx walks it."""
    access = {name: access_of(network, network.plane.lay(of)) for name, of in (("a", places), ("b", points))}
    graph = nx.Graph()
    stops: dict[int, list[tuple[float, object]]] = {}
    for edge in range(len(network.metres)):
        stops[edge] = [(0.0, ("n", network.start[edge])), (network.metres[edge], ("n", network.end[edge]))]
    doors = []
    for name, ways in access.items():
        for row in range(len(ways.place)):
            here = (name, int(ways.place[row]), row)
            stops[int(ways.edge[row])].append((float(ways.along[row]), here))
            doors.append(((name, int(ways.place[row])), here, float(ways.link[row])))
    for on_edge in stops.values():
        ordered = sorted(on_edge, key=lambda stop: stop[0])
        for (low, one), (high, other) in pairwise(ordered):
            graph.add_edge(
                one, other, weight=min(high - low, graph.get_edge_data(one, other, {"weight": 9e9})["weight"])
            )
    expected = np.full((len(places), len(points)), np.inf)
    for point in range(len(points)):
        graph.add_node(("b", point))
        graph.add_weighted_edges_from(
            (door, here, link) for door, here, link in doors if door == ("b", point)
        )
        reached = nx.single_source_dijkstra_path_length(graph, ("b", point))
        graph.remove_node(("b", point))
        for door, here, link in doors:
            if door[0] == "a" and here in reached:
                expected[door[1], point] = min(expected[door[1], point], reached[here] + link)
    return expected


def test_the_shenzhen_graph_obeys_the_triangle_and_the_straight_line(shared_data) -> None:
    network = read_osmnx(shared_data / "shenzhen_roads" / "shenzhen_futian.graphml")
    nodes = network.plane.lift(shapely.points(network.nodes[::7]))
    walk = walking_metres(network, nodes, nodes, limit_m=10_000)
    straight = walking_metres(None, nodes, nodes, limit_m=10_000, detour=1.0)
    assert np.isfinite(walk.metres).mean() > 0.95
    assert (walk.metres >= straight.metres * 0.99 - 1).all()
    assert np.nanmax(np.abs(np.where(np.isfinite(walk.metres), walk.metres - walk.metres.T, 0))) < 0.1
    detour = walk.metres / np.where(straight.metres > 100, straight.metres, np.nan)
    assert 1.1 < np.nanmedian(np.where(np.isfinite(detour), detour, np.nan)) < 1.6
