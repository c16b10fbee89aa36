"""The other tools on the same units, each in a process of its own."""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

FEWEST, MOST, MEAN = 300, 500, 440


def metis(case: dict[str, Any]) -> np.ndarray:
    """METIS k-way alone, contiguous, the best of a few unevennesses and numbers of grids."""
    import pymetis

    n, i, j = case["n"], case["i"], case["j"]
    source = np.concatenate([i, j])
    order = np.argsort(source, kind="stable")
    graph = pymetis.CSRAdjacency(
        np.concatenate([[0], np.cumsum(np.bincount(source, minlength=n))]).tolist(),
        np.concatenate([j, i])[order].tolist(),
    )
    weight = np.maximum(1, np.concatenate([case["length"]] * 2)[order]).astype(int).tolist()
    best: tuple[Any, np.ndarray] | None = None
    for k in (225, 235, 245):
        for uneven in (30, 60, 100, 150):
            for seed in range(5):
                _, part = pymetis.part_graph(
                    k,
                    adjacency=graph,
                    vweights=case["households"].tolist(),
                    eweights=weight,
                    options=pymetis.Options(seed=seed, contig=1, ufactor=uneven),
                )
                label = np.asarray(part)
                sizes = np.bincount(label, case["households"])
                key = (-int(((sizes >= FEWEST) & (sizes <= MOST)).sum()) / len(sizes), _border(case, label))
                if best is None or key < best[0]:
                    best = (key, label)
    assert best is not None
    return best[1]


def _border(case: dict[str, Any], label: np.ndarray) -> float:
    return float(case["length"][label[case["i"]] != label[case["j"]]].sum())


def _weights(case: dict[str, Any]) -> Any:
    import libpysal

    near: dict[int, list[int]] = {unit: [] for unit in range(case["n"])}
    for a, b in zip(case["i"].tolist(), case["j"].tolist(), strict=True):
        near[a].append(b)
        near[b].append(a)
    return libpysal.weights.W(near, silence_warnings=True)


def _frame(case: dict[str, Any]) -> Any:
    import geopandas as gpd

    return gpd.GeoDataFrame(
        {"households": case["households"], "x": case["x"], "y": case["y"]},
        geometry=gpd.points_from_xy(case["x"], case["y"]),
    )


def maxp(case: dict[str, Any]) -> np.ndarray:
    """Spopt's MaxP heuristic: as many regions as it can of at least so many households, alike in position."""
    from spopt.region import MaxPHeuristic

    np.random.seed(1)  # noqa: NPY002 - its own generator
    model = MaxPHeuristic(
        _frame(case), _weights(case), ["x", "y"], "households", 340, 2, max_iterations_construction=8
    )
    model.solve()
    return np.asarray(model.labels_)


def skater(case: dict[str, Any]) -> np.ndarray:
    """Spopt's Skater: a minimum spanning tree over positions, cut into regions of a least size."""
    from spopt.region import Skater

    model = Skater(
        _frame(case),
        _weights(case),
        ["x", "y"],
        n_clusters=235,
        floor=6,
        spanning_forest_kwds={"verbose": False},
    )
    model.solve()
    return np.asarray(model.labels_)


def _graph(case: dict[str, Any]) -> Any:
    import networkx as nx
    from gerrychain import Graph

    graph = nx.Graph()
    for unit in range(case["n"]):
        graph.add_node(unit, pop=int(case["households"][unit]))
    for a, b, length in zip(case["i"].tolist(), case["j"].tolist(), case["length"].tolist(), strict=True):
        graph.add_edge(a, b, length=length)
    return Graph.from_networkx(graph)


def recursive_tree(case: dict[str, Any]) -> np.ndarray:
    """Gerrychain's recursive tree partition, every part within a quarter of the mean."""
    from gerrychain.tree import recursive_tree_part

    k = round(case["households"].sum() / 400)
    found = recursive_tree_part(_graph(case), range(k), case["households"].sum() / k, "pop", 0.249, rng=1)
    return np.array([found[unit] for unit in range(case["n"])])


def bursts(case: dict[str, Any]) -> np.ndarray:
    """Gerrychain's short bursts of recombination for the shortest border, from a METIS partition."""
    from functools import partial

    from gerrychain import Partition
    from gerrychain.optimization import SingleMetricOptimizer
    from gerrychain.proposals import recom
    from gerrychain.updaters import Tally

    graph = _graph(case)
    start = Partition(graph, dict(enumerate(case["start"].tolist())), {"pop": Tally("pop", alias="pop")})
    k = len(start)
    target = case["households"].sum() / k
    propose = partial(
        recom, pop_col="pop", pop_target=target, epsilon=min(1 - FEWEST / target, MOST / target - 1)
    )

    def length(partition: Any) -> float:
        label = np.array([partition.assignment[unit] for unit in range(case["n"])])
        return _border(case, label)

    optimizer = SingleMetricOptimizer(propose, [], start, length, maximize=False, rng=1)
    out = Path(case["out"])
    known = np.inf
    for _ in optimizer.short_bursts(10, 10_000_000):
        # It is stopped at a limit of time: what it has is kept whole under another name first.
        if optimizer.best_score < known:
            known = optimizer.best_score
            best = optimizer.best_part
            np.save(out.with_suffix(".part.npy"), [best.assignment[unit] for unit in range(case["n"])])
            out.with_suffix(".part.npy").replace(out)
    return np.load(out)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    given = pickle.loads(Path(sys.argv[2]).read_bytes())  # noqa: S301 - our own file
    given["out"] = sys.argv[3]
    np.save(sys.argv[3], globals()[sys.argv[1]](given))
