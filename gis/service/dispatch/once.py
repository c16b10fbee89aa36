"""A step that is sent again is made once: its Idempotency-Key is claimed in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from gis.errors import ConflictError
from gis.layers.record import KeptAnswer
from gis.service.dispatch.reports import check_key, digest


def once(
    connection: Connection,
    actor: str,
    key: str | None,
    request: Mapping[str, Any],
    act: Callable[[], Mapping[str, Any]],
) -> Mapping[str, Any]:
    """Do something, unless it was done before with the same key.

    Parameters
    ----------
    connection
        An open transaction. Whoever sends the same key meanwhile waits for its end: if it fails, theirs is
        the first.
    actor
        Who sends it.
    key
        The Idempotency-Key; None: it is done.
    request
        What is asked for, JSON-ready; only its SHA-256 is kept.
    act
        Does it, and returns what is kept of the answer: nothing personal.

    Returns
    -------
    Mapping
        What ``act`` returned, now or then.

    Raises
    ------
    InputError
        If the key is none.
    ConflictError
        If the key came before with another request.
    """
    if key is None:
        return act()
    check_key(key)
    asked = digest(orjson.dumps(request, option=orjson.OPT_SORT_KEYS, default=str).decode())
    claim = (
        insert(KeptAnswer)
        .values(actor=actor, key=digest(key), request=asked, status=200, answer={})
        .on_conflict_do_nothing()
        .returning(KeptAnswer.id)
    )
    claimed = connection.execute(claim).scalar()
    if claimed is None:
        kept = connection.execute(
            select(KeptAnswer.request, KeptAnswer.answer).where(
                KeptAnswer.actor == actor, KeptAnswer.key == digest(key)
            )
        ).one()
        if kept.request != asked:
            raise ConflictError(
                "this Idempotency-Key came before with another request",
                where="Idempotency-Key",
                mend="send a new key with each new step",
            )
        found: Mapping[str, Any] = kept.answer
        return found
    done = act()
    connection.execute(update(KeptAnswer).where(KeptAnswer.id == claimed).values(answer=dict(done)))
    return done
