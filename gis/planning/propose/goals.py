"""What can be asked for, and what the plans of each goal prefer."""

from __future__ import annotations

from typing import Literal

from gis.planning.propose.search import Weights

Goal = Literal["minimal-change", "compact", "balanced"]

VARIANTS: dict[str, tuple[tuple[str, Weights], ...]] = {
    "minimal-change": (
        ("best", Weights(shape=2.0, moved=50.0)),
        ("least_change", Weights(shape=0.5, moved=200.0)),
        ("short_border", Weights(shape=2.0, moved=5.0)),
        ("compact", Weights(shape=8.0, moved=1.0)),
    ),
    "compact": (
        ("best", Weights(shape=6.3)),
        ("short_border", Weights(shape=2.0)),
        ("compact", Weights(shape=15.0)),
        ("even", Weights(shape=6.0, spread=10.0)),
    ),
    "balanced": (
        ("best", Weights(shape=4.0, spread=20.0)),
        ("even", Weights(shape=2.0, spread=60.0)),
        ("compact", Weights(shape=12.0, spread=8.0)),
        ("short_border", Weights(shape=2.0, spread=4.0)),
    ),
}
"""What each goal's plans prefer; the first is the goal's own."""
