"""The houses of the demonstration community: slabs, towers, courtyards, shops and public buildings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.demo.quarter import HUTONG_ENDS
from gis.demo.shapes import block, slab, tower, wings


@dataclass(frozen=True)
class House:
    """One building of the drawing.

    Attributes
    ----------
    lot
        Key of the lot it stands on; empty for one along a street.
    number
        Number within its compound, or its name.
    u, v
        Its middle, board metres.
    outline
        Open ring about its middle, metres.
    floors
        Storeys.
    units
        Stairwells (单元); 0 where nobody lives.
    dwellings
        Flats; 0 where nobody lives.
    """

    lot: str
    number: str
    u: float
    v: float
    outline: NDArray[np.float64]
    floors: int
    units: int = 0
    dwellings: int = 0


@dataclass(frozen=True)
class Rows:
    """Parallel slab blocks of one compound.

    Attributes
    ----------
    lot
        Key of the compound.
    us, vs
        Columns and rows of middles, board metres.
    units
        Stairwells of a slab, two flats a floor in each.
    floors
        Storeys, taken in turn.
    without
        (column, row) left open for a garden or another building.
    """

    lot: str
    us: tuple[float, ...]
    vs: tuple[float, ...]
    units: int
    floors: tuple[int, ...]
    without: tuple[tuple[int, int], ...] = ()


_ROWS = (
    Rows("A", (70, 131, 192, 253), (516, 557, 598, 639, 716, 757, 798, 839), 3, (6, 5, 6),
         ((1, 3), (2, 3), (1, 4), (2, 4), (3, 7))),
    Rows("C", (641, 718, 795), (66, 107, 148, 189), 4, (5, 5, 6), ((2, 3),)),
    Rows("C", (641, 718, 795), (272, 313, 354, 395), 4, (5, 6, 5), ((0, 0), (1, 1))),
    Rows("D", (344, 414, 484), (724, 765, 806, 847), 4, (5,)),
    Rows("E", (643, 713, 783), (668, 709, 750, 791, 832), 4, (5,), ((1, 2), (0, 4), (2, 0))),
    Rows("F", (473, 527), (512, 552, 592, 632, 668), 3, (6,)),
    Rows("G", (58, 130), (60, 104), 4, (5,)),
    Rows("G", (58, 130, 202), (148, 192), 4, (5,)),
)  # fmt: skip
_TOWERS = (
    ("B", (888, 948, 1008), (514, 592), 18),
    ("B", (888, 948, 1008), (694, 780), 18),
)
_STANDALONE = (
    ("S1", 339, 512, block(44, 17), 16, 2, 4),
    ("S2", 230, 325, tower(23, 3.5), 16, 1, 6),
    ("S3", 211, 68, block(40, 16), 11, 2, 4),
    ("S4", 441, 187, block(42, 17), 16, 2, 4),
    ("S5", 513, 187, block(42, 17), 15, 2, 4),
    ("S6", 309, 46, block(46, 17), 14, 2, 4),
)
"""Lot, u, v, outline, floors, stairwells, flats a floor in each stairwell."""

_PUBLIC = (
    ("school", "教学楼", 352, 656, wings(78, 40, 13, "E"), 5),
    ("school", "综合楼", 412, 656, block(16, 40), 4),
    ("school", "体育馆", 406, 570, block(30, 42), 2),
    ("school", "门卫室", 313, 602, block(6, 6), 1),
    ("hospital", "门诊楼", 640, 510, block(62, 34), 5),
    ("hospital", "住院楼", 722, 590, wings(96, 36, 16, "H"), 12),
    ("hospital", "医技楼", 726, 512, block(50, 30), 4),
    ("hospital", "急诊楼", 796, 512, block(44, 28), 3),
    ("hospital", "后勤楼", 640, 594, block(36, 16), 3),
    ("market", "一号大棚", 304, 169, block(42, 90), 1),
    ("market", "二号大棚", 364, 169, block(42, 90), 1),
    ("office", "办公楼", 338, 420, wings(96, 30, 14, "U"), 8),
    ("office", "服务大厅", 318, 330, block(60, 30), 3),
    ("office", "档案楼", 380, 330, block(28, 40), 4),
    ("office", "食堂", 336, 272, block(50, 20), 2),
    ("A", "幼儿园", 166, 640, wings(44, 22, 10, "U"), 3),
    ("A", "物业楼", 253, 850, block(36, 14), 2),
    ("B", "会所", 948, 846, block(64, 18), 2),
    ("C", "物业楼", 641, 272, block(30, 12), 2),
    ("C", "幼儿园", 718, 313, wings(46, 22, 10, "L"), 3),
    ("E", "居民之家", 643, 832, block(34, 12), 2),
    ("", "社区党群服务中心", 462, 282, wings(64, 30, 13, "L"), 4),
    ("", "文化馆", 478, 396, wings(86, 54, 20, "H"), 4),
    ("", "派出所", 534, 286, block(26, 34), 4),
    ("", "商场", 458, 66, block(146, 72), 5),
    ("", "体育馆", 940, 362, block(92, 62), 2),
    ("", "游泳馆", 1040, 330, block(48, 58), 2),
    ("", "体育办公楼", 900, 280, block(48, 14), 3),
    ("", "物流仓库甲", 920, 190, block(84, 30), 1),
    ("", "物流仓库乙", 920, 142, block(84, 30), 1),
    ("", "物流仓库丙", 1032, 178, block(84, 30), 1),
    ("", "物流综合楼", 900, 76, wings(64, 34, 13, "L"), 6),
    ("", "厂房", 1014, 90, block(104, 52), 2),
    ("park", "公园管理房", 1080, 600, block(14, 9), 1),
    ("park", "茶室", 1088, 720, wings(20, 16, 6, "L"), 1),
)
_SHOPS = (
    # Both ends of a frontage, and the depth of its shops.
    ((28, 520), (33, 668), 11),
    ((35, 708), (30, 872), 11),
    ((545, 712), (538, 872), 11),
    ((600, 664), (590, 856), 11),
    ((578, 40), (586, 210), 11),
    ((588, 262), (595, 432), 11),
    ((24, 24), (232, 18), 11),
    ((610, 28), (826, 36), 12),
    ((222, 372), (226, 452), 12),
    ((420, 456), (540, 452), 11),
    ((226, 250), (226, 288), 12),
)


def houses(rng: np.random.Generator) -> list[House]:
    """Draw every house of the quarter.

    Parameters
    ----------
    rng
        For what differs from house to house: courtyards and shops.

    Returns
    -------
    list of House
        Those in compounds numbered from north-west to south-east as people do.
    """
    found: list[House] = []
    homes: dict[str, list[House]] = {}
    for rows in _ROWS:
        outline = slab(rows.units)
        for row, v in enumerate(rows.vs):
            for column, u in enumerate(rows.us):
                if (column, row) not in rows.without:
                    floors = rows.floors[(row + column) % len(rows.floors)]
                    flats = rows.units * floors * 2
                    homes.setdefault(rows.lot, []).append(
                        House(rows.lot, "", u, v, outline, floors, rows.units, flats)
                    )
    for lot, us, vs, floors in _TOWERS:
        for v in vs:
            for column, u in enumerate(us):
                shift = 9.0 if column == 1 else -6.0  # staggered, so that each sees the sun past the other
                homes.setdefault(lot, []).append(House(lot, "", u, v + shift, tower(), floors, 1, floors * 4))
    for lot, built in homes.items():
        ordered = sorted(built, key=lambda house: (-house.v, house.u))
        found += [
            House(lot, str(n), h.u, h.v, h.outline, h.floors, h.units, h.dwellings)
            for n, h in enumerate(ordered, start=1)
        ]
    for lot, u, v, outline, floors, units, flats in _STANDALONE:
        found.append(House(lot, "1", u, v, outline, floors, units, floors * units * flats))
    found += [House(lot, name, u, v, outline, floors) for lot, name, u, v, outline, floors in _PUBLIC]
    return found + _courtyards(rng) + _shops(rng)


def _courtyards(rng: np.random.Generator) -> list[House]:
    """Rows of small courtyards back to back between the dead-end lanes."""
    found: list[House] = []
    west, east = HUTONG_ENDS
    for lane in np.arange(257.0, 428.0, 34.0):
        for side in (0.0, 15.2):
            u = west + 6.0
            while u < east - 12.0:
                width = float(rng.uniform(11.5, 16.0))
                depth = float(rng.uniform(12.0, 14.6))
                middle = u + width / 2
                u += width + 0.9
                # The middle lane and a few empty plots stay free.
                if abs(middle - 115.0) < width / 2 + 3.6 or u > east - 4.0 or rng.random() < 0.08:
                    continue
                arms = str(rng.choice(["U", "L", "L"]))
                outline = wings(width, depth, float(rng.uniform(4.0, 5.0)), arms)
                if rng.random() < 0.5:
                    outline = outline * [-1, 1]
                if side == 0.0:
                    outline = outline * [1, -1]
                number = str(len(found) + 1)
                found.append(House("P", number, middle, float(lane + side), outline, 1, 1, 3))
    return found


def _shops(rng: np.random.Generator) -> list[House]:
    """Low buildings with shops along the arterials."""
    found: list[House] = []
    for start, end, depth in _SHOPS:
        a, b = np.array(start, dtype=np.float64), np.array(end, dtype=np.float64)
        length = float(np.hypot(*(b - a)))
        at = 0.0
        upright = abs(b[1] - a[1]) > abs(b[0] - a[0])
        while at < length - 14:
            run = min(float(rng.uniform(20, 44)), length - at)
            middle = a + (b - a) * (at + run / 2) / length
            outline = block(depth, run) if upright else block(run, depth)
            found.append(
                House("", f"商铺{len(found) + 1}", middle[0], middle[1], outline, int(rng.integers(1, 4)))
            )
            at += run + float(rng.uniform(2.5, 7))
    return found
