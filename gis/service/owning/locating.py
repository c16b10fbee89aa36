"""Locate: one point in, one owner out, with how sure that is and why.

Every layer of grids answers for itself. The precedence table of the database says whose answer names the
one owner: the first layer in whose grids the point lies. With an accuracy radius each layer gives its
candidates' probabilities; where the best is below the operator's threshold, the answer is ``ambiguous`` and
names no owner, because a person decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from gis.errors import InputError, NotFoundError
from gis.locate.index import GridIndex
from gis.locate.uncertainty import NEGLIGIBLE, candidates
from gis.service.owning.compiled import GRID_LAYERS, Compiled
from gis.service.owning.questions import Question, swapped_in
from gis.settings import Settings
from gis.terms import OwnerStatus
from gis.texts import text

_FAR_SIGMA = math.sqrt(-2 * math.log(NEGLIGIBLE))


@dataclass(frozen=True)
class LayerAnswer:
    """What one layer of grids says.

    Attributes
    ----------
    layer
        ``basic``, ``exclusive`` or ``micro``.
    status
        inside, edge, ambiguous or outside.
    owner
        Code of the grid that holds the point itself; None outside.
    margin_m
        Metres from the point to the owner's border.
    touching
        Codes of all grids on whose border the point lies exactly.
    candidates
        Code and probability of each grid that may hold the true position, best first; None as code: in
        none of the layer's grids.
    nearest
        Code of the nearest grid; the owner where there is one.
    distance_m
        Metres to it.
    """

    layer: str
    status: OwnerStatus
    owner: str | None
    margin_m: float | None
    touching: tuple[str, ...]
    candidates: tuple[tuple[str | None, float], ...]
    nearest: str | None
    distance_m: float | None


@dataclass(frozen=True)
class Answer:
    """The answer to a question, from one edition.

    Attributes
    ----------
    question
        What was asked.
    compiled
        The edition that it was computed from, whole.
    status
        Of the answer as a whole.
    owner
        Code of the one owner; None where ambiguous or outside.
    decided_by
        The layer whose answer counts.
    layers
        What each layer says.
    community, compound, building
        Codes of what the point lies in.
    swapped_in
        The grid that the point would be in with its axes swapped, where it lies outside as given.
    """

    question: Question
    compiled: Compiled
    status: OwnerStatus
    owner: str | None
    decided_by: str
    layers: tuple[LayerAnswer, ...]
    community: str | None
    compound: str | None
    building: str | None
    swapped_in: str | None = None

    @property
    def decisive(self) -> LayerAnswer:
        """The answer of the layer that counts."""
        return next(answer for answer in self.layers if answer.layer == self.decided_by)


def locate(
    counties: Mapping[str, Compiled],
    question: Question,
    settings: Settings,
    *,
    layers: Iterable[str] | None = None,
) -> Answer:
    """Name the owner of a point.

    Parameters
    ----------
    counties
        County → compiled edition; the county in whose grids the point lies answers, else the nearest.
    question
        The point.
    settings
        The threshold below which an answer is ambiguous.
    layers
        Only these layers of grids; all, unless given.

    Returns
    -------
    Answer
        From one edition.

    Raises
    ------
    NotFoundError
        If no edition is in force.
    InputError
        If there is no such layer.
    """
    wanted = _wanted(layers)
    compiled = county_of_point(counties, question.lon, question.lat)
    asked = [layer for layer in compiled.precedence if wanted is None or layer in wanted]
    if not asked:
        raise NotFoundError(
            f"county {compiled.edition.county_code} has no grids of {', '.join(wanted or GRID_LAYERS)}",
            where="layers",
        )
    answers = [_ask(compiled.indexes[layer], layer, question, settings) for layer in asked]
    status, owner, decided_by = _decide(answers, settings.ambiguous_below)
    return Answer(
        question,
        compiled,
        status,
        owner,
        decided_by,
        tuple(answers),
        _within(compiled, "communities", question),
        _within(compiled, "compounds", question),
        _within(compiled, "buildings", question),
        swapped_in(question, counties.values()) if status is OwnerStatus.OUTSIDE else None,
    )


def county_of_point(counties: Mapping[str, Compiled], lon: float, lat: float) -> Compiled:
    """Choose the county that answers for a point.

    Parameters
    ----------
    counties
        County → compiled edition.
    lon, lat
        Degrees, CGCS2000.

    Returns
    -------
    Compiled
        The one in whose basic grids the point lies, else the one whose grids are nearest.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    if len(counties) == 1:
        return next(iter(counties.values()))
    nearest: tuple[float, Compiled] | None = None
    for compiled in counties.values():
        index = compiled.indexes[compiled.precedence[-1]]
        if index.locate(lon, lat)[0] >= 0:
            return compiled
        distance = float(index.locate_detail(lon, lat).distance_m[0])
        if nearest is None or distance < nearest[0]:
            nearest = (distance, compiled)
    if nearest is None:
        raise NotFoundError(
            text("dispatch.why.nothing", "en"), mend="import grids with `wangge import grids …`"
        )
    return nearest[1]


def _wanted(layers: Iterable[str] | None) -> tuple[str, ...] | None:
    if layers is None:
        return None
    wanted = tuple(layers)
    unknown = [layer for layer in wanted if layer not in GRID_LAYERS]
    if unknown:
        raise InputError(
            f"there is no layer {unknown[0]!r} of grids",
            where="layers",
            mend=f"give {', '.join(GRID_LAYERS)}",
        )
    return wanted


def _within(compiled: Compiled, layer: str, question: Question) -> str | None:
    index = compiled.indexes.get(layer)
    if index is None:
        return None
    position = int(index.locate(question.lon, question.lat)[0])
    return index.codes[position] if position >= 0 else None


def _ask(index: GridIndex, layer: str, question: Question, settings: Settings) -> LayerAnswer:
    detail = index.locate_detail(question.lon, question.lat)
    position, nearest = int(detail.position[0]), int(detail.nearest[0])
    owner = index.codes[position] if position >= 0 else None
    margin = float(detail.margin_m[0])
    status = OwnerStatus(str(detail.status[0]))
    if question.accuracy_m is None:
        found: tuple[tuple[str | None, float], ...] = ((owner, 1.0),)
    else:
        found = _candidates(index, question, question.accuracy_m, owner, margin)
        if found[0][1] < settings.ambiguous_below:
            status = OwnerStatus.AMBIGUOUS
    return LayerAnswer(
        layer,
        status,
        owner,
        None if np.isnan(margin) else margin,
        tuple(index.codes[at] for at in detail.touching_of(0).tolist()),
        found,
        index.codes[nearest] if nearest >= 0 else None,
        float(detail.distance_m[0]),
    )


def _candidates(
    index: GridIndex, question: Question, radius: float, owner: str | None, margin: float
) -> tuple[tuple[str | None, float], ...]:
    """List who may hold the true position, best first; far from every border there is nothing to reckon."""
    sigma = radius / math.sqrt(-2 * math.log1p(-question.confidence))
    if owner is not None and margin > sigma * _FAR_SIGMA:
        return ((owner, 1.0),)
    found = candidates(index, question.lon, question.lat, radius, question.confidence)
    listed: list[tuple[str | None, float]] = [(index.codes[at], chance) for at, chance in found.of(0)]
    outside = float(found.outside[0])
    if outside > 0 or not listed:
        listed.append((None, outside))
    return tuple(sorted(listed, key=lambda one: -one[1]))


def _decide(answers: list[LayerAnswer], threshold: float) -> tuple[OwnerStatus, str | None, str]:
    """Go down the layers by precedence until one is sure of a grid, or none is sure of being outside."""
    for answer in answers:
        best, probability = answer.candidates[0]
        if probability < threshold or best != answer.owner:
            return OwnerStatus.AMBIGUOUS, None, answer.layer
        if best is not None:
            return answer.status, best, answer.layer
    return OwnerStatus.OUTSIDE, None, answers[-1].layer
