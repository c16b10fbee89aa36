"""Redrawing along a line: splitting a grid by whole units, and cutting units, never a building."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from shapely.ops import split

from gis.errors import InputError
from gis.lattice import snap
from gis.planning.draft import Draft, GridInfo
from gis.planning.faces import cut_faces, join_to_neighbours, locate_points, unite
from gis.planning.history import PIECE_COLUMNS, Change, Step, commit, piece_records, refuse_locked
from gis.planning.measure import Bools, Floats, Geometries, Ints, Metres, lonlat
from gis.planning.sizes import numbers

_BEYOND = 1e-6
"""Degrees, a decimetre: how far a line goes on past the units that it cuts, to cut them right through."""

_SMALLEST_M2 = 1.0
"""A piece below a square metre is what the pen slipped, and stays with its unit."""


def split_grid(draft: Draft, code: str, line: shapely.LineString, new_code: str | None = None) -> Change:
    """Split a grid along a drawn line, by whole units.

    Parameters
    ----------
    draft
        The state.
    code
        The grid.
    line
        Degrees (EPSG:4490). An end that lies inside the grid is drawn on straight until it leaves it. Each
        unit goes to the side that has more of it.
    new_code
        Of the side with fewer households; the next free serial if left out.

    Returns
    -------
    Change
        The side with more households keeps the code; the other is a new grid of the same type.

    Raises
    ------
    InputError
        If the line does not part the grid's units into two sides.
    """
    info = draft.info(code)
    refuse_locked(draft, [code])
    rows = draft.units_of(code)
    right = _right_of(draft.units.shapes[rows], line)
    if right.all() or not right.any():
        raise InputError(
            "the line leaves all units on one side", where="line", mend="draw it right across the grid"
        )
    weight = np.nan_to_num(draft.units.households[rows])
    sides = (rows[~right], rows[right])
    heavy = float(weight[~right].sum()) >= float(weight[right].sum())
    fresh = draft.next_code(info.grid_type) if new_code is None else new_code
    if fresh in draft.grids or fresh in draft.used_codes:
        raise InputError(f"grid code {fresh} is used already", where="new_code", mend="leave it out")
    owner = draft.owner.copy()
    owner[sides[1 if heavy else 0]] = fresh
    heir = GridInfo(grid_type=info.grid_type, colour_theme=info.colour_theme, predecessors=(code,))
    facts = {"code": code, "to": fresh, "line": shapely.get_coordinates(line).tolist()}
    return commit(draft, Step("split", facts, owner, {fresh: heir}))


def _right_of(shapes: Geometries, line: shapely.LineString) -> Bools:
    """Tell which units lie, for the greater part, to the right of a line."""
    whole = shapely.coverage_union_all(shapes)
    long = _lengthen(line, whole)
    pieces = np.array(list(split(whole, long).geoms), dtype=object)
    side = _side(shapely.point_on_surface(pieces), long)
    unit, piece = shapely.STRtree(pieces).query(shapes, predicate="intersects")
    area = shapely.area(shapely.intersection(shapes[unit], pieces[piece]))
    balance = np.bincount(unit, weights=np.where(side[piece], area, -area), minlength=len(shapes))
    return np.asarray(balance > 0)


def _lengthen(line: shapely.LineString, whole: shapely.Geometry) -> shapely.LineString:
    """Draw ends that lie inside on, straight, past the border."""
    xy = shapely.get_coordinates(line)
    if len(xy) < 2 or (xy == xy[0]).all():
        raise InputError("the line has no length", where="line", mend="draw it right across the grid")
    reach = float(np.hypot(*np.ptp(shapely.get_coordinates(whole), axis=0))) * 1.1
    for end, before in ((0, 1), (-1, -2)):
        if shapely.intersects_xy(whole, *xy[end]):
            direction = xy[end] - xy[before]
            length = float(np.hypot(*direction))
            if length > 0:
                xy[end] = xy[end] + direction / length * reach
    return shapely.LineString(xy)


def _side(points: Geometries, line: shapely.LineString) -> Bools:
    """Tell which points lie to the right of the stretch of a line that is nearest to each."""
    xy = shapely.get_coordinates(line)
    stretches = shapely.linestrings(np.stack([xy[:-1], xy[1:]], axis=1))
    distance = shapely.distance(points[:, None], stretches[None, :])
    # At a bend two stretches are equally near; the one whose middle is nearer tells the side better.
    middle = shapely.distance(points[:, None], shapely.centroid(stretches)[None, :])
    nearest = np.lexsort([middle, distance], axis=1)[:, 0]
    p = shapely.get_coordinates(points)
    a, b = xy[:-1][nearest], xy[1:][nearest]
    cross = (b[:, 0] - a[:, 0]) * (p[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (p[:, 0] - a[:, 0])
    return np.asarray(cross < 0)


def cut_units(
    draft: Draft, line: shapely.LineString, buildings: gpd.GeoDataFrame, code: str | None = None
) -> Change:
    """Cut units along a drawn line; a building in its way goes whole to the side that has more of it.

    Parameters
    ----------
    draft
        The state.
    line
        Degrees (EPSG:4490). A unit is cut only where the line crosses it right through.
    buildings
        Of the community, with ``households``: what each piece holds follows from them.
    code
        Cut this grid's units only.

    Returns
    -------
    Change
        The pieces are units of their own (``U00012-1``, ``U00012-2``) in the grid that the unit was in; what
        they hold adds up to what the unit held. The graph is made anew, which takes longer than a move.

    Raises
    ------
    InputError
        If the line cuts no unit.
    """
    shapes = draft.units.shapes
    line = snap(line)
    crossed: Bools = shapely.intersects(shapes, line)
    if code is not None:
        crossed &= draft.owner == code
    refuse_locked(draft, set(draft.owner[crossed].tolist()))
    cut = np.flatnonzero(crossed)
    # Neighbours get the new corners on their borders too, or the coverage would no longer match.
    graph = draft.units.adjacency
    near = np.zeros(len(shapes), dtype=bool)
    near[graph.j[crossed[graph.i]]] = True
    near[graph.i[crossed[graph.j]]] = True
    around = np.flatnonzero(near & ~crossed)
    inside = _standing_in(buildings, shapes[cut])
    houses = snap(lonlat(buildings, where="buildings"))[inside]
    # Beyond them it cuts nothing: a corner on the far side of a neighbour would have to be matched there.
    here = shapely.get_parts(
        shapely.intersection(line, shapely.buffer(shapely.union_all(shapes[cut]), _BEYOND))
    )
    pieces, source = _pieces(shapes, cut, around, here, houses)
    many = np.bincount(source, minlength=len(shapes))
    if not (many[cut] > 1).any():
        raise InputError("the line cuts no unit right through", where="line", mend="draw it across a unit")
    return _commit_pieces(draft, pieces, source, many, line, buildings.iloc[inside])


def _standing_in(buildings: gpd.GeoDataFrame, shapes: Geometries) -> Ints:
    """Pick the buildings that stand in some units."""
    points = np.asarray(shapely.point_on_surface(lonlat(buildings, where="buildings")), dtype=object)
    points[shapely.is_empty(points)] = None
    return np.flatnonzero(locate_points(points, shapes) >= 0)


def _pieces(
    shapes: Geometries, cut: Ints, around: Ints, lines: Geometries, houses: Geometries
) -> tuple[Geometries, Ints]:
    """Cut units; return the pieces of them and of their neighbours, and the unit that each came from."""
    local = np.concatenate([cut, around])
    # First by the line alone, to know which piece has more of each building.
    faces = cut_faces(shapes[local], lines)
    face_unit = locate_points(faces.point, shapes[local])
    face_unit = np.where(face_unit < len(cut), face_unit, np.where(face_unit >= 0, face_unit, -1))
    home_face = _most_of(houses, faces.geometry)
    whole = cut_faces(shapes[local], lines, houses)
    label = locate_points(whole.point, faces.geometry)
    in_house = locate_points(whole.point, houses)
    label = np.where(in_house >= 0, home_face[in_house], label)
    # The line is no border in a neighbour that it only touched: its faces are one.
    first_face = np.full(len(local) + 1, -1, dtype=np.int64)
    for face in range(len(faces) - 1, -1, -1):
        first_face[face_unit[face]] = face
    face_label = np.where(face_unit >= len(cut), first_face[face_unit], np.arange(len(faces)))
    label = np.where(label >= 0, face_label[label], -1)
    used, compact = np.unique(label, return_inverse=True)
    shift = int(used[0] < 0)
    united = unite(whole.geometry, compact.ravel() - shift, len(used) - shift)
    source = local[face_unit[used[shift:]]]
    source = np.where(face_unit[used[shift:]] < 0, -1, source)
    parts, owner = shapely.get_parts(united[source >= 0], return_index=True)
    source = source[source >= 0][owner]
    area = Metres.of(parts).area_m2(parts)
    biggest = np.zeros(len(parts), dtype=bool)
    biggest[[int(group[np.argmax(area[group])]) for group in _groups(source)]] = True
    split_off = np.isin(source, cut) & ~biggest & (area < _SMALLEST_M2)
    target = join_to_neighbours(parts, np.flatnonzero(split_off))
    kept, final = np.unique(target, return_inverse=True)
    return unite(parts, final.ravel(), len(kept)), source[kept]


def _groups(values: Ints) -> list[Ints]:
    order = np.argsort(values, kind="stable")
    return [
        order[group] for group in np.split(np.arange(len(order)), np.flatnonzero(np.diff(values[order])) + 1)
    ]


def _most_of(things: Geometries, faces: Geometries) -> Ints:
    """Find the face that has most of each thing, or -1."""
    best = np.full(len(things) + 1, -1, dtype=np.int64)
    thing, face = shapely.STRtree(faces).query(things, predicate="intersects")
    area = shapely.area(shapely.intersection(things[thing], faces[face]))
    order = np.argsort(area, kind="stable")
    best[thing[order]] = face[order]
    return best


def _commit_pieces(
    draft: Draft,
    pieces: Geometries,
    source: Ints,
    many: Ints,
    line: shapely.LineString,
    buildings: gpd.GeoDataFrame,
) -> Change:
    frame = draft.units.frame
    # Most neighbours got no new corner: they are who they were.
    before = draft.units.shapes[source]
    new = (many[source] > 1) | ~shapely.equals_exact(shapely.normalize(pieces), shapely.normalize(before))
    pieces, source = pieces[new], source[new]
    order = np.lexsort([shapely.bounds(pieces)[:, 0], -shapely.bounds(pieces)[:, 3], source])
    pieces, source = pieces[order], source[order]
    place = np.arange(len(source)) - np.searchsorted(source, source)
    split_up = many[source] > 1
    held = {name: frame[name].to_numpy(dtype=object) for name in PIECE_COLUMNS if name in frame.columns}
    fresh = {name: values[source] for name, values in held.items()}
    fresh["unit_id"] = np.array(
        [
            f"{name}-{number + 1}" if parted else name
            for name, number, parted in zip(fresh["unit_id"], place.tolist(), split_up.tolist(), strict=True)
        ],
        dtype=object,
    )
    points = shapely.point_on_surface(lonlat(buildings, where="buildings"))
    home = locate_points(np.asarray(points, dtype=object), pieces)
    for column, known in (("households", draft.units.households), ("residents", draft.units.residents)):
        if column in held:
            weight = numbers(buildings, column, where="buildings")
            shared = _shares(known[source], source, home, weight)
            fresh[column] = np.where(split_up, shared, known[source])
    if "buildings" in held:
        counted = np.bincount(home[home >= 0], minlength=len(pieces))
        fresh["buildings"] = np.where(split_up, counted, fresh["buildings"])
    rows = np.unique(source)
    gone = {name: values[rows].tolist() for name, values in held.items()}
    come = {name: values.tolist() for name, values in fresh.items()}
    records = {
        "removed": piece_records(gone, draft.units.shapes[rows], draft.owner[rows]),
        "added": piece_records(come, pieces, draft.owner[source]),
    }
    return commit(draft, Step("cut", {"line": shapely.get_coordinates(line).tolist()}, pieces=records))


def _shares(held: Floats, source: Ints, home: Ints, weight: Floats) -> Floats:
    """Share what a unit held among its pieces by what stands in each; whole numbers that add up."""
    inside = home >= 0
    piece_weight = np.bincount(home[inside], weights=np.nan_to_num(weight[inside]), minlength=len(held))
    total = np.bincount(source, weights=piece_weight, minlength=int(source.max()) + 1)[source]
    shares = np.zeros(len(held))
    for group in _groups(source):
        part = piece_weight[group] / total[group] if total[group[0]] > 0 else np.eye(len(group))[0]
        # Cumulative rounding: every piece gets a whole number, and their sum is what the unit held.
        steps = np.rint(np.cumsum(part) * held[group[0]])
        shares[group] = np.diff(steps, prepend=0.0)
    return shares
