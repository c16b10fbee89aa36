"""`make bench-walk`: walking minutes from every building to every service point, beside the usual tools.

The district is the demonstration's, at 35 communities. Every way asks the same: which point of each category
is nearest on foot within a quarter of an hour, on the same streets. pandana and networkx know nodes only, so
they are given the network with every door's and point's nearest way spliced in; ours measures from the doors
themselves, with gates and walls, and keeps three ways for each. Times are the median of a few runs in this
process, one after the other; the ratios are what holds on another machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import shapely

from bench._report import write_between
from gis.demo.district import make_district
from gis.walking.access import access_of
from gis.walking.coverage import measure_coverage
from gis.walking.minutes import doors_of, walking_metres
from gis.walking.network import Network, network_of_streets
from gis.walking.osmnx_graph import read_osmnx

SHENZHEN = Path(__file__).parents[2] / "shared" / "data" / "shenzhen_roads" / "shenzhen_futian.graphml"
LIMIT_M = 15 * 60 * 1.1


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a district of 5 communities, one run each")
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    size = {"communities": 5, "grids": 40} if options.short else {"communities": 35, "grids": 289}
    runs = 1 if options.short else 3
    lines = measure(size, runs)
    words = "\n".join(lines)
    print(words)
    if not options.short and not options.dry:
        write_between(words, "bench-walk", "Walking")


def measure(size: dict[str, int], runs: int) -> list[str]:
    """Measure a district of a size, and say it in lines of Markdown."""
    frames = make_district(**size)
    buildings, points = frames["buildings"], frames["service_points"]
    places, goals = doors_of(buildings), doors_of(points)
    network = network_of_streets(frames["streets"])
    assert network is not None
    built_s, _ = timed(lambda: network_of_streets(frames["streets"]), runs)
    ours_s, walk = timed(lambda: walking_metres(network, places, goals, limit_m=LIMIT_M), runs)
    coverage_s, coverage = timed(
        lambda: measure_coverage(network, buildings, points, frames["grids"], look_minutes=15), runs
    )
    splice_s, splice = timed(lambda: Spliced(network, places, goals), runs)
    categories = points["category"].to_numpy()
    peer_s, peer = timed(lambda: by_pandana(splice, categories), runs)
    nx_s, by_nx = timed(lambda: by_networkx(splice, categories), 1)
    # Answers: the peers agree with each other, and ours is never longer (it knows more ways).
    agree = np.isclose(peer, by_nx, atol=0.5) | (np.isinf(peer) & np.isinf(by_nx))
    nearest = coverage.walk.metres
    least = np.stack(
        [walk.metres[:, categories == one].min(axis=1) for one in sorted(set(categories))], axis=1
    )
    same = np.isclose(least, nearest, atol=0.01) | (np.isinf(least) & np.isinf(nearest))
    not_longer = nearest <= by_nx + 0.5
    pairs = len(places) * len(goals)
    rows = [
        ("Wangge: nearest of each category, with the homes' grids", coverage_s),
        ("Wangge: the whole matrix, all buildings × all points", ours_s),
        ("pandana: nearest of each category (contraction hierarchies, built in the run)", peer_s),
        ("pandana, and first its doors joined to the streets, as ours does", peer_s + splice_s),
        ("networkx: multi-source Dijkstra for each category", nx_s),
    ]
    about = (
        f"{size['communities']} communities, {len(buildings):,} buildings × {len(points):,} service points "
        f"= {pairs / 1e6:.1f} million pairs; network of {len(network.nodes):,} nodes and "
        f"{len(network.metres):,} edges, made from the street layer in {built_s:.2f} s. "
        f"Python {platform.python_version()}, {os.cpu_count()} cores, median of {runs}."
    )
    agreement = (
        f"Ours by category is the least of the whole matrix for {same.mean():.2%} of the nearest points. "
        f"pandana and networkx agree on {agree.mean():.2%} of the nearest points; ours is no longer than "
        f"theirs on {not_longer.mean():.2%} (it keeps three ways from each door, and crosses open ground). "
        f"Within reach: {np.isfinite(nearest).mean():.1%}, theirs {np.isfinite(by_nx).mean():.1%}."
    )
    lines = [
        about,
        "",
        "| way | seconds | times ours |",
        "|---|---:|---:|",
        *(f"| {name} | {seconds:.2f} | {seconds / coverage_s:.2f} |" for name, seconds in rows),
        "",
        agreement,
    ]
    return lines + (shenzhen(runs) if SHENZHEN.exists() else [])


def shenzhen(runs: int) -> list[str]:
    """Measure the real network of part of Futian, where the data are beside the checkout."""
    read_s, graph = timed(lambda: read_osmnx(SHENZHEN), 1)
    middles = graph.plane.lift(shapely.line_interpolate_point(graph.lines, 0.5, normalized=True))
    walked_s, _ = timed(lambda: walking_metres(graph, middles, middles[::10], limit_m=LIMIT_M), runs)
    words = (
        f"Shenzhen, part of Futian (OSMnx, © OpenStreetMap contributors): {len(graph.nodes):,} nodes, "
        f"{len(graph.metres):,} edges read in {read_s:.2f} s; {len(middles):,} doors × "
        f"{len(middles[::10]):,} points in {walked_s:.2f} s."
    )
    return ["", words]


class Spliced:
    """The network as the peers want it: every door and point a node, joined by its nearest way."""

    def __init__(self, network: Network, places: Any, goals: Any) -> None:
        place = access_of(network, network.plane.lay(places), ways=1)
        goal = access_of(network, network.plane.lay(goals), ways=1)
        count, doors = len(network.nodes), len(places)
        # Stops along each edge, in order; the edge is replaced by the pieces between them.
        first = np.concatenate((network.start, network.end, np.arange(len(place.place)) + count))
        stop = np.concatenate((first, np.arange(len(goal.place)) + count + len(place.place)))
        edge = np.concatenate((np.tile(np.arange(len(network.metres)), 2), place.edge, goal.edge))
        along = np.concatenate((np.zeros(len(network.metres)), network.metres, place.along, goal.along))
        order = np.lexsort((along, edge))
        stop, edge, along = stop[order], edge[order], along[order]
        same = edge[1:] == edge[:-1]
        one, other, length = stop[:-1][same], stop[1:][same], np.diff(along)[same]
        ways = count + len(place.place) + len(goal.place)
        self.door = np.arange(doors) + ways
        self.goal = np.arange(len(goals)) + ways + doors
        self.start = np.concatenate((one, self.door[place.place], self.goal[goal.place]))
        self.end = np.concatenate(
            (
                other,
                np.arange(len(place.place)) + count,
                np.arange(len(goal.place)) + count + len(place.place),
            )
        )
        self.metres = np.maximum(np.concatenate((length, place.link, goal.link)), 1e-3)
        self.size = ways + doors + len(goals)


def by_pandana(splice: Spliced, categories: Any) -> np.ndarray:
    """Let pandana find the nearest of each category, its preparation included."""
    with silent():
        import pandana

        # pandana finds nodes by position; here each node is its own place, a kilometre from the next.
        where = pd.Series(np.arange(splice.size, dtype=float) * 1000)
        net = pandana.Network(
            where,
            where * 0,
            pd.Series(splice.start),
            pd.Series(splice.end),
            pd.DataFrame({"m": splice.metres}),
        )
        found = []
        for category in sorted(set(categories)):
            goals = splice.goal[categories == category]
            net.set_pois("x", LIMIT_M, 1, pd.Series(goals * 1000.0), pd.Series(np.zeros(len(goals))))
            answer = net.nearest_pois(LIMIT_M, "x", num_pois=1, max_distance=np.inf)
            found.append(answer[1].to_numpy()[splice.door])
    metres = np.stack(found, axis=1)
    return np.where(metres >= LIMIT_M, np.inf, metres)


def by_networkx(splice: Spliced, categories: Any) -> np.ndarray:
    """Let networkx find the nearest of each category."""
    graph = nx.Graph()
    graph.add_nodes_from(range(splice.size))
    order = np.argsort(-splice.metres, kind="stable")  # of parallel edges the shortest stays
    graph.add_weighted_edges_from(
        zip(splice.start[order], splice.end[order], splice.metres[order], strict=True)
    )
    found = np.full((len(splice.door), len(set(categories))), np.inf)
    for column, category in enumerate(sorted(set(categories))):
        reached = nx.multi_source_dijkstra_path_length(
            graph, set(splice.goal[categories == category]), cutoff=LIMIT_M
        )
        found[:, column] = [reached.get(door, np.inf) for door in splice.door]
    return found


def timed(act: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Run something a few times; return the median of the seconds, and the answer."""
    taken, answer = [], None
    for _ in range(runs):
        started = time.perf_counter()
        answer = act()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken), answer


@contextlib.contextmanager
def silent() -> Any:
    """Keep what C++ libraries print out of the table."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


if __name__ == "__main__":
    main()
