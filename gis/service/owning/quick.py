"""The quick way for the plain question: a point in degrees, now, with no radius of doubt.

It says word for word what :mod:`gis.service.owning.answers` says, and the tests hold it to that. What does
not depend on the point is written as JSON once for each edition: an answer is its pieces with the point, the
margins and the places between. Whatever is not plain (a border, a point outside, another datum, a radius, an
overlap) it leaves to the general way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import orjson

from gis.crs import metres_per_degree, parse_crs
from gis.lattice import STEPS_PER_DEGREE
from gis.locate.single import PointLookup, point_lookup
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
_SAID = {"communities": "community", "compounds": "compound", "buildings": "building"}
_FACTS = {"communities": "divisions", "compounds": "compounds", "buildings": "buildings"}
_GAP = b"\0"  # JSON has no such byte: where an answer is cut for what depends on the point
_MOST_KEPT = 100_000


@dataclass(frozen=True)
class _Told:
    """What is said of all points with the same owners, as JSON."""

    pieces: tuple[bytes, ...]
    """From the point's end to the places, cut at the margin of each layer that holds the point."""
    decided: int
    """The layer that decides."""
    why: tuple[bytes, bytes]
    """The words before and after the margin."""


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
    _lookup: PointLookup
    _codes: dict[str, tuple[str, ...]]
    _places: tuple[tuple[str, bytes, tuple[str, ...] | None], ...]
    _edition: bytes
    _scales: dict[int, tuple[float, float]] = field(default_factory=dict)
    _told: dict[tuple[Language, tuple[int, ...]], _Told | None] = field(default_factory=dict)
    _facts: dict[tuple[str, int], bytes] = field(default_factory=dict)

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
        positions, margins = self._lookup.ask(lon, lat, *self._scale(lat))
        held = tuple(positions[: len(margins)])
        key = (language, held)
        told = self._told[key] if key in self._told else self._tell(held, language)
        if told is None:
            return None
        point = orjson.dumps((round(lon, 8), round(lat, 8)))
        given = orjson.dumps({"x": lon, "y": lat, "crs": crs})
        parts = [self._edition, point, b',"cgcs2000":', point, b',"given":', given, told.pieces[0]]
        number = 0
        for position, metres in zip(held, margins, strict=True):
            if position < 0:
                continue
            if not metres > _NEXT_TO_A_BORDER_M:
                return None
            number += 1
            parts += (orjson.dumps(round(metres, 3)), told.pieces[number])
        at = len(margins)
        for layer, said, codes in self._places:
            parts.append(said)
            if codes is None:
                parts.append(b"null")
                continue
            parts.append(self._place(layer, codes, positions[at]))
            at += 1
        before, after = told.why
        parts += (before, b"%.1f" % margins[told.decided], after)
        return b"".join(parts)

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
            if len(self._scales) > _MOST_KEPT:
                self._scales.clear()
            x, y = metres_per_degree(row * _DEGREE_STEP)
            found = self._scales[row] = (float(x) / STEPS_PER_DEGREE, float(y) / STEPS_PER_DEGREE)
        return found

    def _place(self, layer: str, codes: tuple[str, ...], position: int) -> bytes:
        if position < 0:
            return b"null"
        found = self._facts.get((layer, position))
        if found is None:
            found = orjson.dumps(self.compiled.facts[_FACTS[layer]][codes[position]])
            self._facts[layer, position] = found
        return found

    def _tell(self, held: tuple[int, ...], language: Language) -> _Told | None:
        """Write what is said of all points with the same owners; None where nobody owns them."""
        owners = {
            layer: codes[position]
            for (layer, codes), position in zip(self._codes.items(), held, strict=True)
            if position >= 0
        }
        if not owners:
            found = None
        else:
            decided_by, owner = next(iter(owners.items()))
            layers = {layer: self._layer(owners.get(layer)) for layer in self._codes}
            rest = orjson.dumps(
                {
                    "status": "inside",
                    "owner": owner_as_dict(self.compiled, owner),
                    "decided_by": decided_by,
                    "layers": layers,
                }
            )
            said = b',"accuracy_m":null,"confidence":null},' + rest[1:-1]
            found = _Told(
                tuple(said.split(_GAP)),
                list(self._codes).index(decided_by),
                self._why(owner, decided_by, owners, language),
            )
        self._told[language, held] = found
        return found

    def _layer(self, code: str | None) -> dict[str, Any]:
        if code is None:
            return _OUTSIDE
        name = self.compiled.facts["grids"][code]["name"] or code
        return {
            "status": "inside",
            "owner": code,
            "name": name,
            "margin_m": orjson.Fragment(_GAP),
            "touching": (),
            "candidates": ({"grid_code": code, "name": name, "probability": 1.0},),
            "nearest": None,
        }

    def _why(
        self, owner: str, decided_by: str, owners: dict[str, str], language: Language
    ) -> tuple[bytes, bytes]:
        """Give the words of the general way, cut where the margin stands."""
        # The general way is asked twice, about margins that nothing on earth has: where its words differ
        # stands the margin, whatever digits a grid has in its name.
        one, other = (
            self._words(owner, decided_by, owners, language, mark) for mark in (1_111_111.1, 2_222_222.2)
        )
        width = len("1111111.1")
        at = next(place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
        words = one[:at], one[at + width :]
        before, after = (orjson.dumps(part)[1:-1] for part in words)
        return b',"why":"' + before, after + b'"}'

    def _words(
        self, owner: str, decided_by: str, owners: dict[str, str], language: Language, margin: float
    ) -> str:
        answers = tuple(
            LayerAnswer(
                layer,
                OwnerStatus.INSIDE if layer in owners else OwnerStatus.OUTSIDE,
                owner if layer == decided_by else owners.get(layer),
                margin,
                (),
                ((owner, 1.0),),
                None,
                None,
            )
            for layer in self._codes
        )
        question = Question(0.0, 0.0, parse_crs("cgcs2000"), 0.0, 0.0)
        whole = Answer(
            question, self.compiled, OwnerStatus.INSIDE, owner, decided_by, answers, None, None, None
        )
        return str(answer_as_dict(whole, self._settings, language)["why"])


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
    codes = {layer: compiled.indexes[layer].codes for layer in compiled.precedence}
    places = [(layer, compiled.indexes.get(layer)) for layer in PLACE_LAYERS]
    indexes = [compiled.indexes[layer] for layer in codes] + [one for _, one in places if one is not None]
    lookup = point_lookup(indexes, len(codes))
    if lookup is None:
        return None
    said = tuple(
        (layer, b',"%b":' % _SAID[layer].encode(), None if index is None else index.codes)
        for layer, index in places
    )
    edition = b'{"edition":%b,"point":{"wgs84":' % orjson.dumps(compiled.edition.as_dict())
    return QuickLocate(state, compiled, settings, lookup, codes, said, edition)


_OUTSIDE: dict[str, Any] = {
    "status": "outside",
    "owner": None,
    "name": None,
    "margin_m": None,
    "touching": [],
    "candidates": [{"grid_code": None, "name": None, "probability": 1.0}],
    "nearest": None,
}
