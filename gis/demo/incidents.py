"""Incidents of the demonstration community: from every source, in every datum, some where it is hard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.crs import from_storage, metres_per_degree, parse_crs
from gis.lattice import to_degrees, to_lattice
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import GridType, IncidentState

Floats = NDArray[np.float64]

_TOTAL = 300
_EDGE = 18
_NEAR_EDGE = 24
_OUTSIDE = 14
_DAYS = 120
_SURE_M = 10.0
"""An incident this far inside its grid was assigned long ago without a doubt."""

_TEXTS: dict[str, tuple[str, ...]] = {
    "environment": ("垃圾桶满溢，周边有散落垃圾", "绿化带内堆放杂物", "门前积水结冰，行人易滑倒"),
    "facility_damage": ("路灯不亮", "井盖松动有响声", "健身器材螺丝脱落", "单元门禁损坏"),
    "noise": ("夜间施工噪声扰民", "广场音响音量过大", "楼下商铺清晨卸货声大"),
    "parking": ("车辆占用盲道", "机动车堵住小区出口", "非机动车停放在楼门口"),
    "fire_hazard": ("楼道堆放纸箱", "电动车在楼内充电", "消防通道被占用"),
    "dispute": ("邻里因漏水发生争执", "停车位使用纠纷", "晾晒占用公共空间引起争执"),
    "lost_item": ("捡到老年卡一张", "拾到钥匙一串", "电动车头盔遗落在站台"),
    "elderly_help": ("独居老人需要代购药品", "老人忘带钥匙进不了门", "请求协助办理认证"),
    "construction": ("擅自搭建棚屋", "装修拆改承重墙", "围挡占用人行道"),
    "utilities": ("暖气不热", "自来水压力低", "闻到燃气异味，已通知燃气公司", "楼内停电"),
}


@dataclass(frozen=True)
class _Source:
    """How a source reports: its share, the datums its positions come in, and their accuracy in metres."""

    share: float
    datums: tuple[str, ...]
    accuracy: tuple[float, float] | None
    categories: tuple[str, ...] | None = None


_SOURCES: dict[str, _Source] = {
    "resident_snapshot": _Source(0.34, ("gcj02", "gcj02", "wgs84"), (5, 65)),
    "video": _Source(
        0.10, ("cgcs2000",), (1, 3), ("environment", "parking", "fire_hazard", "facility_damage")
    ),
    "courier": _Source(
        0.10, ("gcj02", "bd09"), (10, 40), ("facility_damage", "parking", "lost_item", "elderly_help")
    ),
    "hotline": _Source(0.18, ("gcj02", "bd09", "cgcs2000"), None),
    "grid_worker": _Source(0.20, ("cgcs2000", "wgs84"), (3, 12)),
    "patrol": _Source(
        0.08, ("cgcs2000",), (2, 8), ("environment", "facility_damage", "fire_hazard", "parking")
    ),
}
INCIDENT_COLUMNS = (
    "incident_number",
    "category",
    "source",
    "text",
    "reported_at",
    "lon",
    "lat",
    "crs",
    "accuracy_m",
    "state",
    "grid_code",
)


def make_incidents(
    grids: Any,
    buildings: Any,
    streets: Any,
    until: date,
    rng: np.random.Generator,
    *,
    prefix: str,
    total: int = _TOTAL,
) -> pd.DataFrame:
    """Make incidents up for the months before a day.

    Most lie at buildings and along streets; some exactly on a border of two or three grids, some within
    metres of one, some outside every grid.

    Parameters
    ----------
    grids
        Frame of one place's grids.
    buildings
        Frame of its buildings.
    streets
        Frame of its streets.
    until
        The last day.
    rng
        Chance.
    prefix
        Division code that the incident numbers begin with.
    total
        How many.

    Returns
    -------
    pandas.DataFrame
        The incidents frame in order of time. ``lon`` and ``lat`` are in the row's own ``crs``.
        ``grid_code`` is set where the state says that somebody assigned it: never for one on or near a
        border or outside, which are still ``reported``.
    """
    basic = grids[grids["grid_type"] == GridType.BASIC]
    shapes = basic.geometry.to_numpy()
    lonlat, hard = _positions(shapes, buildings, streets, total, rng)
    names = list(_SOURCES)
    source = rng.choice(names, size=total, p=[_SOURCES[name].share for name in names])
    records = []
    ages = np.sort(rng.uniform(0, _DAYS, total))[::-1]
    midnight = datetime.combine(until, time(), CHINA_STANDARD_TIME)
    owners = _sure_owners(shapes, basic["grid_code"].to_numpy(), lonlat)
    for at in range(total):
        name = str(source[at])
        kind = _SOURCES[name]
        datum = "cgcs2000" if hard[at] else str(rng.choice(kind.datums))
        category = str(rng.choice(kind.categories or tuple(_TEXTS)))
        minute = int(np.clip(rng.normal(13.5, 4.2), 0.2, 23.8) * 60)
        reported = midnight - timedelta(days=int(ages[at])) + timedelta(minutes=minute)
        accuracy = None if kind.accuracy is None else round(float(rng.uniform(*kind.accuracy)), 1)
        state = _state(float(ages[at]), rng) if owners[at] is not None else IncidentState.REPORTED
        owner = None if state is IncidentState.REPORTED else owners[at]
        text = f"（示例）{rng.choice(_TEXTS[category])}"
        records.append(
            (category, name, text, reported, *_written(lonlat[at], datum), datum, accuracy, str(state), owner)
        )
    records.sort(key=lambda record: record[3])
    numbered = [
        (f"{prefix}-{record[3]:%Y%m%d}-{n:04d}", *record) for n, record in enumerate(records, start=1)
    ]
    frame = pd.DataFrame.from_records(numbered, columns=list(INCIDENT_COLUMNS))
    return frame.astype({"accuracy_m": "Float64"})


def _positions(
    shapes: NDArray[np.object_], buildings: Any, streets: Any, total: int, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """Choose where: longitudes and latitudes, and which of them must not be moved by a datum's rounding."""
    per_degree = np.array([float(part) for part in metres_per_degree(shapely.bounds(shapes)[:, 1].mean())])
    inner = _shared_vertices(shapes)
    edge = inner[rng.choice(len(inner), _EDGE, replace=len(inner) < _EDGE)]
    near = inner[rng.choice(len(inner), _NEAR_EDGE)] + rng.normal(0, 6, (_NEAR_EDGE, 2)) / per_degree
    whole = shapely.coverage_union_all(shapes)
    ring = shapely.get_coordinates(whole)
    middle = ring.mean(axis=0)
    away = ring[rng.choice(len(ring), _OUTSIDE)]
    out = away - middle
    metres = np.hypot(*(out * per_degree).T)
    outside = away + out * (rng.uniform(25, 900, _OUTSIDE) / metres)[:, None]

    rest = total - _EDGE - _NEAR_EDGE - _OUTSIDE
    on_street = rest // 3
    roads = streets[streets["barrier_class"].isin(["arterial", "lane"])].geometry.to_numpy()
    parts = shapely.get_parts(roads)
    length = shapely.length(parts)
    road = parts[rng.choice(len(parts), on_street, p=length / length.sum())]
    along = shapely.line_interpolate_point(road, rng.uniform(0, 1, on_street), normalized=True)
    beside = shapely.get_coordinates(along) + rng.normal(0, 7, (on_street, 2)) / per_degree
    middles = shapely.get_coordinates(shapely.centroid(buildings.geometry.to_numpy()))
    weight = buildings["households"].to_numpy(dtype=np.float64) + 4
    home = middles[rng.choice(len(middles), rest - on_street, p=weight / weight.sum())]
    at_home = home + rng.normal(0, 9, home.shape) / per_degree

    lonlat = np.vstack((edge, near, outside, beside, at_home))
    hard = np.arange(total) < _EDGE
    order = rng.permutation(total)
    return to_degrees(to_lattice(lonlat[order])), hard[order]


def _shared_vertices(shapes: NDArray[np.object_]) -> Floats:
    """Give the vertices that two or more grids share, each once; of a lone grid all of its own."""
    each = [np.unique(to_lattice(shapely.get_coordinates(shape)), axis=0) for shape in shapes]
    vertices, times = np.unique(np.vstack(each), axis=0, return_counts=True)
    return to_degrees(vertices[times > 1] if len(shapes) > 1 else vertices)


def _sure_owners(shapes: NDArray[np.object_], codes: NDArray[np.object_], lonlat: Floats) -> list[str | None]:
    """Name the grid that holds each point well inside, None for the others."""
    per_lon, per_lat = metres_per_degree(lonlat[:, 1].mean())
    scale = np.array([float(per_lon), float(per_lat)])
    flat = shapely.transform(shapes, lambda xy: xy * scale)
    points = shapely.points(lonlat * scale)
    at, grid = shapely.STRtree(flat).query(points, predicate="within")
    sure = shapely.distance(points[at], shapely.boundary(flat[grid])) > _SURE_M
    owners: list[str | None] = [None] * len(lonlat)
    for point, owner in zip(at[sure], grid[sure], strict=True):
        owners[int(point)] = str(codes[owner])
    return owners


def _state(age_days: float, rng: np.random.Generator) -> IncidentState:
    """Choose how far an incident of this age has come."""
    steps = (IncidentState.REPORTED, IncidentState.ASSIGNED, IncidentState.ACCEPTED, IncidentState.RESOLVED)
    if age_days < 7:
        return steps[int(rng.choice(4, p=[0.3, 0.3, 0.25, 0.15]))]
    if age_days < 21:
        return steps[int(rng.choice(4, p=[0.04, 0.08, 0.23, 0.65]))]
    return IncidentState.RATED if rng.random() < 0.6 else IncidentState.RESOLVED


def _written(lonlat: Floats, datum: str) -> tuple[float, float]:
    """Write a position as its source would: in its own datum, to as many decimals as such a source gives."""
    if datum == "cgcs2000":
        return float(lonlat[0]), float(lonlat[1])
    x, y = from_storage(lonlat[:1], lonlat[1:], parse_crs(datum))
    return round(float(x[0]), 6), round(float(y[0]), 6)
