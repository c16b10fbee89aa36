"""The quick way for the plain question: a point in degrees, now, with no radius of doubt.

It says word for word what :mod:`gis.service.owning.answers` says, and the tests hold it to that. What does
not depend on the point is written as JSON once for each edition. Whatever is not plain (a border, a point
outside, another datum, a radius, an overlap) it leaves to the general way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import orjson

from gis.crs import metres_per_degree, parse_crs
from gis.lattice import STEPS_PER_DEGREE
from gis.locate.single import Lookup, single_lookup
from gis.service.owning.answers import answer_as_dict, owner_as_dict
from gis.service.owning.compiled import PLACE_LAYERS, Compiled
from gis.service.owning.current import InForce
from gis.service.owning.locating import Answer, LayerAnswer
from gis.service.owning.questions import Question
from gis.settings import Settings
from gis.terms import OwnerStatus
from gis.texts import Language

_NEXT_TO_A_BORDER_M = 0.001
_DEGREE_STEP = 0.0005
_MARGIN_MARK = 1_234_567.0
_MARGIN_WORDS = "1234567.0"
_PLACE_FACTS = {"communities": "divisions", "compounds": "compounds", "buildings": "buildings"}


@dataclass
class QuickLocate:
    """Answers plain questions from one edition.

    Use :func:`quick_locate`. Not for several threads at once: it lives in one event loop.

    Attributes
    ----------
    state
        The state that it was made for; it answers for no other.
    compiled
        The one county's edition.
    """

    state: InForce
    compiled: Compiled
    _settings: Settings
    _layers: tuple[tuple[str, Lookup, tuple[str, ...]], ...]
    _places: tuple[tuple[str, Lookup | None, tuple[str, ...]], ...]
    _edition: orjson.Fragment
    _scales: dict[int, tuple[float, float]] = field(default_factory=dict)
    _owners: dict[str, orjson.Fragment] = field(default_factory=dict)
    _facts: dict[str, orjson.Fragment] = field(default_factory=dict)
    _words: dict[tuple[Any, ...], tuple[str, str]] = field(default_factory=dict)

    def answer(self, lon: float, lat: float, crs: str, language: Language) -> bytes | None:
        """Answer a plain question.

        Parameters
        ----------
        lon, lat
            Degrees.
        crs
            ``cgcs2000`` or ``wgs84``.
        language
            Of the words.

        Returns
        -------
        bytes or None
            The JSON of the answer; None where the general way must answer.
        """
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            return None
        scale_x, scale_y = self._scale(lat)
        layers: dict[str, Any] = {}
        owner = decided_by = None
        margin = 0.0
        held: list[str] = []
        for layer, look, codes in self._layers:
            position, metres = look(lon, lat, scale_x, scale_y)
            if position < 0:
                layers[layer] = _OUTSIDE
                continue
            if not metres > _NEXT_TO_A_BORDER_M:
                return None
            code = codes[position]
            held.append(layer)
            if owner is None:
                owner, decided_by, margin = code, layer, metres
            name = self.compiled.facts["grids"][code]["name"] or code
            layers[layer] = {
                "status": "inside",
                "owner": code,
                "name": name,
                "margin_m": round(metres, 3),
                "touching": (),
                "candidates": ({"grid_code": code, "name": name, "probability": 1.0},),
                "nearest": None,
            }
        if owner is None or decided_by is None:
            return None
        before, after = self._why(owner, decided_by, tuple(held), language)
        point = (round(lon, 8), round(lat, 8))
        places = [self._place(kind, look, codes, lon, lat) for kind, look, codes in self._places]
        return orjson.dumps(
            {
                "edition": self._edition,
                "point": {
                    "wgs84": point,
                    "cgcs2000": point,
                    "given": {"x": lon, "y": lat, "crs": crs},
                    "accuracy_m": None,
                    "confidence": None,
                },
                "status": "inside",
                "owner": self._owner(owner),
                "decided_by": decided_by,
                "layers": layers,
                "community": places[0],
                "compound": places[1],
                "building": places[2],
                "why": f"{before}{margin:.1f}{after}",
            }
        )

    def _scale(self, lat: float) -> tuple[float, float]:
        """Give metres per lattice step at a latitude: exact at a table's rows, a straight line between them.

        Between rows 0.0005° apart the line is off by less than 1e-10 of the length.
        """
        row = math.floor(lat / _DEGREE_STEP)
        share = lat / _DEGREE_STEP - row
        (x0, y0), (x1, y1) = self._row(row), self._row(row + 1)
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share

    def _row(self, row: int) -> tuple[float, float]:
        found = self._scales.get(row)
        if found is None:
            if len(self._scales) > 100_000:
                self._scales.clear()
            x, y = metres_per_degree(row * _DEGREE_STEP)
            found = self._scales[row] = (float(x) / STEPS_PER_DEGREE, float(y) / STEPS_PER_DEGREE)
        return found

    def _owner(self, code: str) -> orjson.Fragment:
        found = self._owners.get(code)
        if found is None:
            found = self._owners[code] = orjson.Fragment(orjson.dumps(owner_as_dict(self.compiled, code)))
        return found

    def _place(
        self, kind: str, look: Lookup | None, codes: tuple[str, ...], lon: float, lat: float
    ) -> orjson.Fragment | None:
        if look is None:
            return None
        position, _ = look(lon, lat, 1.0, 1.0)
        if position < 0:
            return None
        code = codes[position]
        found = self._facts.get(code)
        if found is None:
            found = self._facts[code] = orjson.Fragment(orjson.dumps(self.compiled.facts[kind][code]))
        return found

    def _why(self, owner: str, decided_by: str, held: tuple[str, ...], language: Language) -> tuple[str, str]:
        """Give the words of the general way, cut where the margin stands."""
        key = (owner, held, language)
        found = self._words.get(key)
        if found is None:
            # The general way is asked once, about a margin that nothing on earth has.
            answers = tuple(
                LayerAnswer(
                    layer,
                    OwnerStatus.INSIDE if layer in held else OwnerStatus.OUTSIDE,
                    owner if layer == decided_by else ("" if layer in held else None),
                    _MARGIN_MARK,
                    (),
                    ((owner, 1.0),),
                    None,
                    None,
                )
                for layer, _, _ in self._layers
            )
            question = Question(0.0, 0.0, parse_crs("cgcs2000"), 0.0, 0.0)
            whole = Answer(
                question, self.compiled, OwnerStatus.INSIDE, owner, decided_by, answers, None, None, None
            )
            words = str(answer_as_dict(whole, self._settings, language)["why"])
            before, _, after = words.partition(_MARGIN_WORDS)
            found = self._words[key] = (before, after)
        return found


def quick_locate(state: InForce, settings: Settings) -> QuickLocate | None:
    """Make the quick way for the state in force. It may take seconds where a kernel must be compiled first.

    Parameters
    ----------
    state
        The editions in force.
    settings
        For the words of the general way.

    Returns
    -------
    QuickLocate or None
        None where there is more than one county, or an index is not of the plain kind; the general way then
        answers everything.
    """
    if len(state.counties) != 1:
        return None
    compiled = next(iter(state.counties.values()))
    layers = []
    for layer in compiled.precedence:
        look = single_lookup(compiled.indexes[layer])
        if look is None:
            return None
        layers.append((layer, look, compiled.indexes[layer].codes))
    places = []
    for layer in PLACE_LAYERS:
        index = compiled.indexes.get(layer)
        look = None if index is None else single_lookup(index)
        if index is not None and look is None:
            return None
        places.append((_PLACE_FACTS[layer], look, index.codes if index is not None else ()))
    edition = orjson.Fragment(orjson.dumps(compiled.edition.as_dict()))
    return QuickLocate(state, compiled, settings, tuple(layers), tuple(places), edition)


_OUTSIDE = orjson.Fragment(
    orjson.dumps(
        {
            "status": "outside",
            "owner": None,
            "name": None,
            "margin_m": None,
            "touching": [],
            "candidates": [{"grid_code": None, "name": None, "probability": 1.0}],
            "nearest": None,
        }
    )
)
