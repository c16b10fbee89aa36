"""The first start: load a made-up place, and give out the addresses to open."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select

from gis.demo.community import make_community
from gis.demo.district import make_district
from gis.layers.database import Database
from gis.layers.division import Division
from gis.layers.editions import EditionStamp
from gis.service.access import create_token
from gis.service.loading import load_place
from gis.terms import Role

_MAKERS = {"community": make_community, "district": make_district}
_DAYS = 30


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
    return load_place(database, frames, actor="wangge demo", note="示例数据，非真实 · made up, not real")


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
            name = f"first-start {role} {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S.%f}"
            token = create_token(connection, name, role, root, ends, actor="wangge up")
            links.append((words, f"{base}/{page}#token={token}"))
    return links
