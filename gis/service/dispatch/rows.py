"""What an incident's rows say: whose it is, and what listeners are told of it."""

from __future__ import annotations

from typing import Any

from geoalchemy2 import WKTElement

from gis.crs import STORAGE_SRID
from gis.service.owning.locating import Answer

MACHINE = "wangge"
"""The actor of what the program decides by itself."""


def ownership(answer: Answer | None, owner: str | None) -> dict[str, Any]:
    """Return the columns of an incident that say whose it is, as an answer has it; JSON-ready.

    Parameters
    ----------
    answer
        The answer; None without a position.
    owner
        The grid that it is given to.

    Returns
    -------
    dict
        Column → value; the position itself is :func:`position_of`.
    """
    if answer is None:
        return {"grid_code": owner, "owner_status": None, "candidates": None}
    decisive = answer.decisive
    return {
        "grid_code": owner,
        "owner_status": answer.status.value,
        "margin_m": decisive.margin_m,
        "distance_m": decisive.distance_m if decisive.owner is None else None,
        "candidates": [
            {"grid_code": code, "probability": round(chance, 4)} for code, chance in decisive.candidates
        ],
        "edition_id": answer.compiled.edition.id,
    }


def position_of(answer: Answer) -> WKTElement:
    """Return the position that an answer is about, as the column of an incident has it.

    Parameters
    ----------
    answer
        The answer.

    Returns
    -------
    geoalchemy2.WKTElement
        A point on the lattice.
    """
    return WKTElement(f"POINT({answer.question.lon:.8f} {answer.question.lat:.8f})", srid=STORAGE_SRID)


def event(
    kind: str, number: str, *, county: str, grid: str | None, division: str | None = None, **facts: Any
) -> dict[str, Any]:
    """Return the row that tells listeners of an incident: codes and numbers, nothing personal.

    Parameters
    ----------
    kind
        ``reported``, ``assigned``, ``moved`` …
    number
        The incident's.
    county
        Whose queue it is in.
    grid
        Its owner.
    division
        The division that it was escalated to.
    **facts
        More.

    Returns
    -------
    dict
        Column → value of :class:`gis.layers.record.Event`.
    """
    return {
        "kind": kind,
        "county_code": county,
        "division_code": division or (grid[:12] if grid else None),
        "body": {"incident_number": number, "grid_code": grid, **facts},
    }
