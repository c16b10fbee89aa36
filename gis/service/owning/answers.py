"""Answers about ownership in words and in JSON: names, staff, phones, and why."""

from __future__ import annotations

import datetime as dt
from typing import Any

from gis.service.owning.compiled import Compiled
from gis.service.owning.locating import Answer, LayerAnswer
from gis.settings import CHINA_STANDARD_TIME, Settings
from gis.terms import GridType, OwnerStatus
from gis.texts import Language, text

_COORDINATE_DIGITS = 8
_METRE_DIGITS = 3
_PROBABILITY_DIGITS = 4
_NAMED = 4


def answer_as_dict(
    answer: Answer,
    settings: Settings,
    language: Language = "zh",
    *,
    away_since: dt.datetime | None = None,
    away: bool = False,
) -> dict[str, Any]:
    """Return an answer's JSON shape.

    Parameters
    ----------
    answer
        The answer.
    settings
        The threshold and the limit that the words name.
    language
        Of the words.
    away_since
        When the database last confirmed the edition.
    away
        Whether the database is away, which the answer then says.

    Returns
    -------
    dict
        ``edition``, ``point``, ``status``, ``owner``, ``decided_by``, ``layers``, ``community``,
        ``compound``, ``building``, ``why``; ``swapped`` and ``stale`` where they apply.
    """
    compiled = answer.compiled
    question = answer.question
    point = [round(question.lon, _COORDINATE_DIGITS), round(question.lat, _COORDINATE_DIGITS)]
    body: dict[str, Any] = {
        "edition": compiled.edition.as_dict(),
        "point": {
            "wgs84": point,
            "cgcs2000": point,
            "given": {"x": question.x, "y": question.y, "crs": question.datum.name},
            "accuracy_m": question.accuracy_m,
            "confidence": question.confidence if question.accuracy_m is not None else None,
        },
        "status": answer.status.value,
        "owner": None if answer.owner is None else owner_as_dict(compiled, answer.owner),
        "decided_by": answer.decided_by,
        "layers": {one.layer: _layer(answer, one) for one in answer.layers},
        "community": _place(compiled, "divisions", answer.community),
        "compound": _place(compiled, "compounds", answer.compound),
        "building": _place(compiled, "buildings", answer.building),
        "why": why(answer, settings, language),
    }
    if answer.swapped_in is not None:
        grid = grid_name(compiled, answer.swapped_in)
        body["swapped"] = {
            "grid_code": answer.swapped_in,
            "words": text("dispatch.why.swapped", language, grid=grid),
        }
    if away:
        at = away_since or compiled.read_at
        body["stale"] = {
            "checked_at": at.isoformat(),
            "age_s": round((dt.datetime.now(dt.UTC) - at).total_seconds(), 1),
            "words": text(
                "dispatch.why.stale",
                language,
                number=compiled.edition.number,
                at=at.astimezone(CHINA_STANDARD_TIME).strftime("%Y-%m-%d %H:%M:%S"),
            ),
        }
    return body


def owner_as_dict(compiled: Compiled, code: str) -> dict[str, Any]:
    """Return a grid with everybody who may be called about it.

    Parameters
    ----------
    compiled
        The edition.
    code
        The grid's code.

    Returns
    -------
    dict
        The grid's facts, ``staff``, and ``above``: the community and street with their staff.
    """
    grid = compiled.grid(code)
    above = []
    division = grid["community_code"]
    divisions = compiled.facts["divisions"]
    while division is not None and division in divisions and division != compiled.edition.county_code:
        above.append(
            {
                "division_code": division,
                "name": divisions[division]["name"],
                "level": divisions[division]["level"],
                "staff": compiled.staff_of(division),
            }
        )
        division = divisions[division]["parent_code"]
    return {**grid, "staff": compiled.staff_of(code), "above": above}


def grid_name(compiled: Compiled, code: str) -> str:
    """Name a grid as people say it.

    Parameters
    ----------
    compiled
        The edition.
    code
        Its code.

    Returns
    -------
    str
        Its name, or its code where it has none.
    """
    return str(compiled.facts["grids"].get(code, {}).get("name") or code)


def why(answer: Answer, settings: Settings, language: Language = "zh") -> str:
    """Say in words why an answer is what it is.

    Parameters
    ----------
    answer
        The answer.
    settings
        The threshold and limit.
    language
        Of the words.

    Returns
    -------
    str
        One or two sentences; plain text.
    """
    compiled, decisive = answer.compiled, answer.decisive
    accuracy = answer.question.accuracy_m
    if answer.status is OwnerStatus.AMBIGUOUS:
        listed = [
            text(
                "dispatch.why.candidate",
                language,
                grid=_candidate(compiled, code, language),
                probability=f"{p:.0%}",
            )
            for code, p in decisive.candidates[:_NAMED]
        ]
        return text(
            "dispatch.why.ambiguous",
            language,
            accuracy=f"{accuracy or 0:.0f}",
            candidates=text("dispatch.why.and", language).join(listed),
            threshold=f"{settings.ambiguous_below:.0%}",
        )
    if answer.owner is None:
        nearest = min(
            (one for one in answer.layers if one.nearest and one.distance_m is not None),
            key=lambda one: (one.distance_m, one.layer != GridType.BASIC),
        )
        distance = nearest.distance_m or 0.0
        key = "near" if distance <= settings.manual_beyond_m else "far"
        return text(
            f"dispatch.why.{key}",
            language,
            grid=grid_name(compiled, nearest.nearest or ""),
            distance=f"{distance:.0f}",
        )
    grid = grid_name(compiled, answer.owner)
    if answer.status is OwnerStatus.EDGE:
        names = text("dispatch.why.and", language).join(
            grid_name(compiled, code) for code in decisive.touching
        )
        key = "edge" if len(decisive.touching) > 1 else "outer_edge"
        words = text(f"dispatch.why.{key}", language, grid=grid, names=names)
    elif accuracy is not None:
        words = text(
            "dispatch.why.sure",
            language,
            accuracy=f"{accuracy:.0f}",
            probability=f"{decisive.candidates[0][1]:.0%}",
            grid=grid,
        )
    else:
        words = text("dispatch.why.inside", language, grid=grid, margin=f"{decisive.margin_m or 0:.1f}")
    others = [one.layer for one in answer.layers if one.layer != answer.decided_by and one.owner is not None]
    if others:
        gap = " " if language == "en" else ""
        named = text("dispatch.why.and", language).join(_layer_name(layer, language) for layer in others)
        words += gap + text(
            "dispatch.why.precedence", language, layer=_layer_name(answer.decided_by, language), others=named
        )
    return words


def _layer(answer: Answer, one: LayerAnswer) -> dict[str, Any]:
    """Return what a layer says; the nearest grid is named only where nobody owns the point."""
    compiled = answer.compiled
    return {
        "status": one.status.value,
        "owner": one.owner,
        "name": None if one.owner is None else grid_name(compiled, one.owner),
        "margin_m": None if one.margin_m is None else round(one.margin_m, _METRE_DIGITS),
        "touching": list(one.touching),
        "candidates": [
            {
                "grid_code": code,
                "name": None if code is None else grid_name(compiled, code),
                "probability": round(probability, _PROBABILITY_DIGITS),
            }
            for code, probability in one.candidates
        ],
        "nearest": None
        if one.nearest is None or one.owner is not None or answer.owner is not None
        else {
            "grid_code": one.nearest,
            "name": grid_name(compiled, one.nearest),
            "distance_m": round(one.distance_m or 0.0, _METRE_DIGITS),
        },
    }


def _place(compiled: Compiled, kind: str, code: str | None) -> dict[str, Any] | None:
    return None if code is None else dict(compiled.facts[kind][code])


def _candidate(compiled: Compiled, code: str | None, language: Language) -> str:
    return text("dispatch.why.outside_all", language) if code is None else grid_name(compiled, code)


def _layer_name(layer: str, language: Language) -> str:
    name = text(f"terms.grid_type.{layer}", language)
    return name.lower() if language == "en" else name
