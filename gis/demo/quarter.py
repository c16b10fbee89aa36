"""The drawing of the demonstration community: streets, river, lots and grids, on the board.

Board metres, u east and v north; :class:`gis.demo.ground.Ground` bends it and sets it down. Whoever wants
another street moves a node here. Every name says that it is a sample (示例).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from gis.demo.ground import blocks, densify, flow
from gis.terms import BarrierClass, CompoundKind

WIDTH, HEIGHT = 1120.0, 895.0
SPACING = 34.0

Point = tuple[float, float]

NODES: dict[str, Point] = {
    # West, north and south arterials; the river closes the quarter in the east.
    "sw": (4, 0), "w1": (-20, 230), "w2": (0, 470), "w3": (14, 686), "nw": (10, 895),
    "na": (161, 901), "n1": (290, 906), "n2": (560, 895), "n3": (830, 880), "ne": (1106, 890),
    "s1": (250, -8), "s2": (549, 2), "s3": (850, 14), "se": (1090, 6),
    "r1": (1122, 262), "re": (1102, 470), "r2": (1136, 650),
    # The two arterials that cross in the middle.
    "ha": (112, 474), "hb": (250, 479), "h1": (290, 480), "h2": (574, 470), "h3": (836, 456),
    "m1": (562, 236), "m3": (580, 632), "m4": (578, 692),
    # Where lanes meet.
    "ac": (161, 687), "a1": (298, 688), "b1": (844, 641), "c1": (256, 232), "ba": (118, 229),
    "d1": (844, 238),
}  # fmt: skip


@dataclass(frozen=True)
class Street:
    """A street, lane or river of the drawing.

    Attributes
    ----------
    name
        Chinese name; empty for a line that is no street but divides micro grids.
    barrier_class
        What it is, or None for such a line.
    path
        Names of nodes, or further vertices.
    """

    name: str
    barrier_class: BarrierClass | None
    path: tuple[str | Point, ...]

    def line(self) -> Any:
        """Return the street as a LineString, board metres, with vertices close enough to bend well."""
        uv = np.array([NODES[at] if isinstance(at, str) else at for at in self.path], dtype=np.float64)
        curve = flow(uv) if self.barrier_class is BarrierClass.RIVER else densify(uv, SPACING)
        return shapely.linestrings(curve)


STREETS: tuple[Street, ...] = (
    Street("示例西路", BarrierClass.ARTERIAL, ("sw", "w1", "w2", "w3", "nw")),
    Street("示例北街", BarrierClass.ARTERIAL, ("nw", "na", "n1", "n2", "n3", "ne")),
    Street("示例南街", BarrierClass.ARTERIAL, ("sw", "s1", "s2", "s3", "se")),
    Street("示例大街", BarrierClass.ARTERIAL, ("w2", "ha", "hb", "h1", "h2", "h3", "re")),
    Street("示例中路", BarrierClass.ARTERIAL, ("s2", "m1", "h2", "m3", "m4", "n2")),
    Street(
        "示例河",
        BarrierClass.RIVER,
        ("se", (1112, 92), (1132, 180), "r1", (1103, 362), "re", (1118, 560), "r2", (1132, 752), "ne"),
    ),
    Street("示例嘉园西巷", BarrierClass.LANE, ("w3", "ac", "a1")),
    Street("示例学府巷", BarrierClass.LANE, ("n1", "a1", "h1")),
    Street("示例花苑巷", BarrierClass.LANE, ("a1", "m4")),
    Street("示例康宁巷", BarrierClass.LANE, ("m3", "b1")),
    Street("示例河畔巷", BarrierClass.LANE, ("n3", "b1", "h3")),
    Street("示例河畔一弄", BarrierClass.LANE, ("b1", "r2")),
    Street("示例平安巷", BarrierClass.LANE, ("s1", "c1", "hb")),
    Street("示例福安巷", BarrierClass.LANE, ("w1", "ba", "c1")),
    Street("示例集市巷", BarrierClass.LANE, ("c1", "m1")),
    Street("示例佳苑中巷", BarrierClass.LANE, ("m1", "d1")),
    Street("示例体育巷", BarrierClass.LANE, ("d1", "r1")),
    Street("示例佳苑东巷", BarrierClass.LANE, ("s3", "d1", "h3")),
    Street("示例平房中巷", BarrierClass.LANE, ("ba", "ha")),
    Street("", None, ("ac", "na")),
)

HUTONGS: tuple[tuple[str, float], ...] = (
    ("示例平房一巷", 281.6),
    ("示例平房二巷", 315.6),
    ("示例平房三巷", 349.6),
    ("示例平房四巷", 383.6),
    ("示例平房五巷", 417.6),
)
"""Dead-end lanes of the bungalow area: name and v; they cross its middle lane."""
HUTONG_ENDS = (12.0, 206.0)


@dataclass(frozen=True)
class GridPlan:
    """A basic grid of the drawing.

    Attributes
    ----------
    name, theme
        Chinese name, and key of its colour theme.
    inside
        One point in each block that it is made of; a block of its own where micro grids divide it.
    micro
        Whether each of its blocks is a micro grid.
    """

    name: str
    theme: str
    inside: tuple[Point, ...]
    micro: bool = False


GRIDS: tuple[GridPlan, ...] = (
    GridPlan("示例嘉园北网格", "yellow", ((80, 800), (220, 800)), micro=True),
    GridPlan("示例花苑网格", "orange", ((430, 800),)),
    GridPlan("示例新村网格", "green", ((700, 780), (700, 560))),
    GridPlan("示例河畔北网格", "blue", ((1000, 780),)),
    GridPlan("示例嘉园南网格", "yellow", ((150, 580),)),
    GridPlan("示例学府网格", "red", ((430, 580),)),
    GridPlan("示例河畔南网格", "blue", ((1000, 550),)),
    GridPlan("示例平房网格", "red", ((60, 350), (190, 350)), micro=True),
    GridPlan("示例中心网格", "red", ((410, 350), (410, 120))),
    GridPlan("示例佳苑北网格", "green", ((700, 350), (1000, 350))),
    GridPlan("示例北苑网格", "orange", ((120, 120),)),
    GridPlan("示例佳苑南网格", "green", ((700, 120), (1000, 120))),
)
"""In the order of their serials: west to east, north to south."""


@dataclass(frozen=True)
class Lot:
    """A piece of land with one owner: a compound, a school, a market.

    Attributes
    ----------
    key, name
        Short key in this drawing, and Chinese name.
    shape
        Polygon before streets are taken off, board metres.
    kind
        What compound it is; None where it is none.
    households
        Of a compound, else 0.
    gates
        Points near which its wall opens; no gates, no wall.
    exclusive
        Name of the exclusive grid on it, or empty.
    managed
        Whether a firm manages it.
    aliases
        What else people call it.
    """

    key: str
    name: str
    shape: Any
    kind: CompoundKind | None = None
    households: int = 0
    gates: tuple[Point, ...] = ()
    exclusive: str = ""
    managed: bool = True
    aliases: tuple[str, ...] = ()


_L_SHAPE = shapely.difference(shapely.box(18, 40, 242, 220), shapely.box(168, 30, 250, 104))
_COMPOUND, _STANDALONE, _BUNGALOW = CompoundKind.COMPOUND, CompoundKind.STANDALONE, CompoundKind.BUNGALOW

LOTS: tuple[Lot, ...] = (
    Lot("A", "示例嘉园", shapely.box(42, 494, 288, 884), _COMPOUND, 820,
        ((36, 600), (36, 686), (292, 688), (200, 478)),
        aliases=("示例嘉园一期", "示例嘉园二期")),
    Lot("B", "示例河畔苑", shapely.box(848, 478, 1050, 866), _COMPOUND, 760,
        ((842, 560), (842, 641), (842, 760), (1050, 646)), aliases=("示例河畔花园",)),
    Lot("C", "示例佳苑", shapely.box(604, 46, 838, 446), _COMPOUND, 690,
        ((604, 237), (842, 238), (842, 330), (720, 46))),
    Lot("D", "示例花苑", shapely.box(304, 700, 528, 884), _COMPOUND, 440,
        ((420, 690), (296, 790))),
    Lot("E", "示例新村", shapely.box(608, 640, 836, 868), _COMPOUND, 420,
        ((720, 636), (840, 760)), aliases=("示例纺织新村",)),
    Lot("F", "示例学府小区", shapely.box(440, 494, 562, 684), _COMPOUND, 325,
        ((500, 692), (500, 474))),
    Lot("G", "示例北苑", _L_SHAPE, _COMPOUND, 340, ((110, 228), (248, 160)), managed=False),
    Lot("P", "示例平房区", shapely.box(12, 246, 208, 456), _BUNGALOW, 262, managed=False,
        aliases=("示例老平房",)),
    Lot("S1", "示例独栋一号楼", shapely.box(306, 494, 372, 530), _STANDALONE, 96),
    Lot("S2", "示例独栋二号楼", shapely.box(214, 300, 246, 350), _STANDALONE, 84, managed=False),
    Lot("S3", "示例独栋三号楼", shapely.box(180, 42, 242, 94), _STANDALONE, 72, managed=False),
    Lot("S4", "示例独栋四号楼", shapely.box(412, 156, 470, 218), _STANDALONE, 118),
    Lot("S5", "示例独栋五号楼", shapely.box(482, 156, 544, 218), _STANDALONE, 106),
    Lot("S6", "示例独栋六号楼", shapely.box(272, 14, 346, 78), _STANDALONE, 102),
    Lot("school", "示例实验学校", shapely.box(306, 540, 430, 684), gates=((296, 610), (420, 692)),
        exclusive="示例学校专属网格"),
    Lot("hospital", "示例医院", shapely.box(596, 478, 828, 628), gates=((700, 474), (590, 560)),
        exclusive="示例医院专属网格"),
    Lot("market", "示例便民市场", shapely.box(270, 112, 402, 226), exclusive="示例市场专属网格"),
    Lot("office", "示例机关大院", shapely.box(272, 246, 404, 460), gates=((262, 350),),
        exclusive="示例机关专属网格"),
    Lot("park", "示例滨河公园", shapely.box(1062, 484, 1150, 872), exclusive="示例公园专属网格"),
)  # fmt: skip

_CLEAR = {BarrierClass.ARTERIAL: 15.0, BarrierClass.LANE: 6.5, BarrierClass.RIVER: 14.0}
_WITHIN = ("示例嘉园西巷", "示例河畔一弄", "示例佳苑中巷", "示例平房中巷")
"""Lanes inside a compound: it is not cut back along them."""


def quarter_blocks() -> Any:
    """Cut the quarter into blocks along streets, river and the lines between micro grids.

    Returns
    -------
    numpy.ndarray
        Polygons, board metres.
    """
    return blocks([street.line() for street in STREETS])


def lot_shapes() -> dict[str, Any]:
    """Draw every lot, cut back from the streets about it.

    Returns
    -------
    dict
        Key of the lot → polygon, board metres.
    """
    land = shapely.union_all(quarter_blocks())
    outer = [s for s in STREETS if s.barrier_class is not None and s.name not in _WITHIN]
    lines = np.array([s.line() for s in outer], dtype=object)
    clear = np.array([_CLEAR[s.barrier_class] for s in outer if s.barrier_class])
    roads = shapely.union_all(shapely.buffer(lines, clear, join_style="mitre", quad_segs=2))
    open_land = shapely.difference(land, roads)
    shapes = shapely.intersection(np.array([lot.shape for lot in LOTS], dtype=object), open_land)
    return {lot.key: shapely.segmentize(shape, SPACING) for lot, shape in zip(LOTS, shapes, strict=True)}
