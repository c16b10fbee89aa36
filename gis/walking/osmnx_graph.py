"""Read a walking network that OSMnx wrote: GraphML with lon/lat nodes and edge lengths in metres."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import ParseError

import networkx as nx
import numpy as np
import shapely

from gis.crs import geometries_to_storage, parse_crs
from gis.errors import InputError
from gis.walking.network import Network, network_of_edges
from gis.walking.plane import Plane

NOT_WALKED = frozenset({"motorway", "motorway_link", "trunk", "trunk_link", "construction", "proposed"})
"""Values of ``highway`` that nobody walks on."""


def read_osmnx(path: Path) -> Network:
    """Read a GraphML file of OSMnx.

    One-way streets are walked both ways; an edge that is there in both directions is taken once, and of its
    lengths, which may differ by a rounding, the shorter.

    Parameters
    ----------
    path
        The file. Its ``crs`` names the datum of its nodes.

    Returns
    -------
    Network
        Of the source ``graph``; it knows no walls, rivers or gates.

    Raises
    ------
    InputError
        If it is not GraphML, or nodes lack positions, or no edge can be walked.
    """
    try:
        graph = nx.MultiGraph(nx.read_graphml(path))
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path)) from None
    except (ParseError, nx.NetworkXException, ValueError, KeyError, TypeError) as error:
        raise InputError("this is not a GraphML file", where=str(path), mend="save it with OSMnx") from error
    datum = parse_crs(str(graph.graph.get("crs", "")) or None, where=str(path))
    try:
        position = {node: (float(facts["x"]), float(facts["y"])) for node, facts in graph.nodes(data=True)}
    except (KeyError, ValueError):
        raise InputError(
            "a node has no x and y", where=str(path), mend="save the graph with OSMnx, unprojected"
        ) from None
    found: dict[tuple[object, ...], tuple[object, float]] = {}
    for one, other, facts in graph.edges(data=True):
        if str(facts.get("highway", "")) in NOT_WALKED or one == other:
            continue
        straight = shapely.linestrings([position[one], position[other]])
        shape = shapely.from_wkt(facts["geometry"]) if facts.get("geometry") else straight
        length = float(facts["length"]) if facts.get("length") else float("nan")
        first, last = sorted((str(one), str(other)))
        key = (first, last, round(length, 1))
        if key not in found or length < found[key][1]:
            found[key] = (shape, length)
    if not found:
        raise InputError("no edge of this graph can be walked", where=str(path))
    shapes, lengths = zip(*found.values(), strict=True)
    stored = np.asarray(geometries_to_storage(np.array(shapes, dtype=object), datum), dtype=object)
    plane = Plane.around(stored)
    lines = plane.lay(stored)
    stated = np.array(lengths)
    return network_of_edges(
        plane, lines, np.where(np.isfinite(stated), stated, shapely.length(lines)), source="graph"
    )
