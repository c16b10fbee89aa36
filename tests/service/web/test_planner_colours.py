"""The studio's colours: everybody tells any two of them apart, and dark text is read on all."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import gis.service.web

SCRIPT = Path(gis.service.web.__path__[0]) / "planner" / "colours.js"
# How a colour looks without one kind of cones, in linear RGB (Machado, Oliveira and Fernandes 2009).
VISION = {
    "all cones": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
Floats = NDArray[np.float64]


def linear(code: str) -> Floats:
    part = np.array([int(code[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def lab(rgb: Floats) -> Floats:
    """CIELAB under D65 of a colour in linear RGB."""
    x = SRGB @ np.clip(rgb, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: Floats, other: Floats) -> float:
    """CIEDE2000 (Sharma, Wu & Dalal 2005)."""
    mean = (np.hypot(*one[1:]) + np.hypot(*other[1:])) / 2
    g = 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + 25.0**7)))
    a = np.array([one[1], other[1]]) * (1 + g)
    b = np.array([one[2], other[2]])
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    turn = (hue[1] - hue[0] + 180) % 360 - 180
    dh = 2 * np.sqrt(chroma[0] * chroma[1]) * np.sin(np.radians(turn / 2))
    light, c, h = (one[0] + other[0]) / 2, chroma.mean(), (hue[0] + turn / 2) % 360
    t = (
        1
        - 0.17 * np.cos(np.radians(h - 30))
        + 0.24 * np.cos(np.radians(2 * h))
        + 0.32 * np.cos(np.radians(3 * h + 6))
        - 0.20 * np.cos(np.radians(4 * h - 63))
    )
    dl = (other[0] - one[0]) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    dc, dh = (chroma[1] - chroma[0]) / (1 + 0.045 * c), dh / (1 + 0.015 * c * t)
    turned = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((h - 275) / 25) ** 2))))
    return float(np.sqrt(dl**2 + dc**2 + dh**2 + turned * dc * dh))


def palette() -> list[str]:
    found = re.search(r"PALETTE = \[(.*?)\]", SCRIPT.read_text("utf-8"))
    assert found is not None
    return re.findall(r"#[0-9a-f]{6}", found[1])


def test_the_measure_is_the_published_one() -> None:
    # Two pairs of the table that comes with the formula.
    assert apart(np.array([50.0, 2.6772, -79.7751]), np.array([50.0, 0.0, -82.7485])) == pytest.approx(
        2.0425, abs=1e-4
    )
    assert apart(np.array([22.7233, 20.0904, -46.6940]), np.array([23.0331, 14.9730, -42.5619])) == (
        pytest.approx(2.0373, abs=1e-4)
    )


@pytest.mark.parametrize("vision", VISION)
def test_no_two_colours_of_neighbours_are_alike(vision: str) -> None:
    seen = [lab(np.array(VISION[vision]) @ linear(code)) for code in palette()]
    assert min(apart(*pair) for pair in itertools.combinations(seen[:6], 2)) >= 15
    assert min(apart(*pair) for pair in itertools.combinations(seen, 2)) >= 10


def test_dark_text_is_read_on_every_colour() -> None:
    def luminance(code: str) -> float:
        return float(SRGB[1] @ linear(code))

    dark = luminance("#20242a")
    for code in palette():
        assert (luminance(code) + 0.05) / (dark + 0.05) >= 4.5, code
