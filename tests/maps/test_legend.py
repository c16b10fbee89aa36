from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd
import pytest

from gis.errors import InputError
from gis.texts import catalogue
from maps import legend


def _linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _contrast(one: str, other: str) -> float:
    light = sorted(float(_linear(colour) @ [0.2126, 0.7152, 0.0722]) + 0.05 for colour in (one, other))
    return light[1] / light[0]


def test_every_category_of_the_terms_has_a_sign():
    named = {key.split(".")[-1] for key in catalogue("zh") if key.startswith("terms.service_category.")}
    assert named == set(legend.default_categories())


def test_no_two_categories_share_a_glyph_a_colour_or_a_look():
    signs = list(legend.default_categories().values())
    for field in ("colour", "glyph"):
        values = [getattr(sign, field) for sign in signs]
        assert len(set(values)) == len(values), field
    assert len(set(legend.GLYPHS.values())) == len(legend.GLYPHS)
    assert len({sign.outline for sign in signs}) >= 6


def test_white_glyphs_are_seen_on_every_category_colour():
    for sign in legend.default_categories().values():
        assert _contrast(sign.colour, "#ffffff") >= 3, sign.category


def test_themes_stay_apart_without_red_or_green_sight_or_by_their_mark():
    # Viénot, Brettel and Mollon's (1999) matrices for what protanopes and deuteranopes see, in linear RGB.
    protan = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    deutan = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    themes = list(legend.default_themes().values())
    assert len({theme.mark for theme in themes}) == len(themes)
    for matrix in (np.eye(3), protan, deutan):
        for one, other in itertools.combinations(themes, 2):
            apart = np.abs(
                np.cbrt(np.clip(matrix @ _linear(one.colour), 0, 1))
                - np.cbrt(np.clip(matrix @ _linear(other.colour), 0, 1))
            )
            assert apart.max() > 0.05, (one.theme, other.theme)


def test_paths_hold_nothing_but_path():
    for path in [*legend.OUTLINES.values(), *legend.GLYPHS.values()]:
        assert re.fullmatch(r"[MmLlHhVvCcSsAaZz0-9.,\s-]+", path)


def test_a_places_own_table_comes_first_and_an_unknown_category_is_kept():
    table = pd.DataFrame(
        [
            {"category": "刻章", "zh": "刻章店", "en": "Seal cutter", "glyph": "star"},
            {"category": "health", "zh": "卫生院"},
        ]
    )
    found = legend.categories_of(["pharmacy", "刻章", "health", "莫名"], table)
    assert list(found) == ["刻章", "health", "pharmacy", "莫名"]
    assert found["刻章"].known
    assert found["health"].names == {"zh": "卫生院", "en": "Health station"}
    assert not found["莫名"].known
    assert found["莫名"].names["en"] == "莫名"


@pytest.mark.parametrize(
    ("column", "value"), [("colour", "red"), ("colour", "#12345g"), ("outline", "blob"), ("glyph", "x")]
)
def test_a_table_that_names_what_is_not_there_is_refused(column, value):
    with pytest.raises(InputError, match="categories: health"):
        legend.categories_of(["health"], pd.DataFrame([{"category": "health", column: value}]))


def test_unknown_themes_are_grey_and_named_as_they_are():
    found = legend.themes_of(["violet", None, "red"], pd.DataFrame([{"colour_theme": "red", "zh": "党员"}]))
    assert list(found) == ["red", "violet"]
    assert found["red"].names["zh"] == "党员"
    assert found["violet"].mark == "bar"


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, pd.NaT, "", "  "])
def test_missing_cells_are_no_text(value):
    assert legend.plain_text(value) == ""


def test_what_no_page_can_hold_is_marked():
    assert legend.plain_text("a\x00b\ud800c\x1b") == "a\ufffdb\ufffdc\ufffd"
