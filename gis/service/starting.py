"""The first start: load a made-up place, and give out the addresses to open."""

from __future__ import annotations

import datetime as dt
import secrets

import pandas as pd
from sqlalchemy import select

from gis.codes import county_of
from gis.demo.community import make_community
from gis.demo.district import make_district
from gis.layers.database import Database
from gis.layers.division import Division
from gis.layers.editions import EditionStamp
from gis.service.access import Actor, create_token
from gis.service.dispatch.dispatching import accept, resolve
from gis.service.dispatch.reporting import Report, report
from gis.service.dispatch.steps import Step
from gis.service.loading import load_place
from gis.service.owning.one_off import compile_counties
from gis.settings import settings
from gis.terms import IncidentState, Role

_MAKERS = {"community": make_community, "district": make_district}
_ACTOR = "wangge demo"
_DAYS = 30
_INCIDENTS = 60
_ACCEPTED = (IncidentState.ACCEPTED, IncidentState.RESOLVED, IncidentState.RATED)


def load_demo(database: Database, *, place: str = "community", seed: int | None = None) -> list[EditionStamp]:
    """Load a made-up place.

    Parameters
    ----------
    database
        The database.
    place
        ``community`` or ``district``.
    seed
        Seed; the default place's own unless given.

    Returns
    -------
    list of EditionStamp
        The editions that it became.
    """
    make = _MAKERS[place]
    frames = make() if seed is None else make(seed=seed)
    stamps = load_place(database, frames, actor=_ACTOR, note="示例数据，非真实 · made up, not real")
    _report_incidents(database, frames["incidents"])
    return stamps


def _report_incidents(database: Database, incidents: pd.DataFrame) -> None:
    """Report the latest of the made-up incidents as if they came in these days, and deal with some."""
    latest = incidents.sort_values("reported_at").tail(_INCIDENTS)
    later = dt.datetime.now(dt.UTC) - latest["reported_at"].max()
    with database.connection() as connection:
        counties = compile_counties(connection)
        for row in latest.astype(object).where(latest.notna(), None).to_dict(orient="records"):
            said = Report(
                category=row["category"],
                source=row["source"],
                words=row["text"],
                lon=row["lon"],
                lat=row["lat"],
                crs=row["crs"],
                accuracy_m=row["accuracy_m"],
                reported_at=(row["reported_at"] + later).to_pydatetime(),
            )
            done = report(connection, counties, settings(), said, actor=_ACTOR)
            if done.state == IncidentState.ASSIGNED and row["state"] in _ACCEPTED:
                actor = Actor(_ACTOR, Role.ADMIN, county_of(str(done.grid_code)))
                accept(connection, done.number, Step(actor))
                if row["state"] != IncidentState.ACCEPTED:
                    resolve(connection, done.number, Step(actor, reason="示例：已处理"))


def demo_links(database: Database, base: str) -> list[tuple[str, str]]:
    """Give the three addresses to open, with fresh tokens for the two that are not public.

    The token stands in the fragment, which a browser never sends; the page keeps it and clears it away.

    Parameters
    ----------
    database
        The database.
    base
        Where it is served, such as ``http://127.0.0.1:8000``.

    Returns
    -------
    list of tuple
        (who it is for, address).
    """
    with database.connection() as connection:
        root = connection.execute(
            select(Division.division_code)
            .where(Division.parent_code.is_(None))
            .order_by(Division.division_code)
        ).scalar()
        links = [("居民 residents", f"{base}/")]
        if root is None:
            return links
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=_DAYS)
        for words, page, role in (
            ("调度员 dispatcher", "dispatch", Role.DISPATCHER),
            ("规划员 planner", "planner", Role.PLANNER),
        ):
            name = f"{words} {secrets.token_hex(2)}"
            token = create_token(connection, name, role, root, ends, actor="wangge up")
            links.append((words, f"{base}/{page}#token={token}"))
    return links
