"""What routes stand on: the settings, the database, the editions in force, the feed, and who is asking."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Header, Query, Request

from gis.errors import TooManyError, UnavailableError
from gis.layers.database import Database
from gis.service.access import Actor, actor_of
from gis.service.dispatch.addresses import Geocoder
from gis.service.dispatch.feed import Feed
from gis.service.owning.current import Current
from gis.service.owning.quick import QuickLocate, quick_locate
from gis.settings import Settings
from gis.texts import Language, as_language

_CLIENTS = 50_000


@dataclass
class Service:
    """One running service.

    Attributes
    ----------
    settings
        The operator's.
    current
        The editions in force.
    opened
        The database; None where there is none at all.
    limiter
        For what anybody may send without a token.
    feed
        What happens, as it happens.
    geocoder
        An outside geocoder, if an operator hooked one in.
    quick
        Answers plain questions from the state in force; None where it cannot, or not yet.
    """

    settings: Settings
    current: Current
    opened: Database | None
    limiter: Limiter
    feed: Feed
    geocoder: Geocoder | None = None
    quick: QuickLocate | None = None

    def prepare(self) -> None:
        """Make the quick way for the state in force; not in the event loop."""
        self.quick = quick_locate(self.current.in_force, self.settings)

    @property
    def database(self) -> Database:
        """The database, for what cannot be done without.

        Raises
        ------
        UnavailableError
            If there is none.
        """
        if self.opened is None:
            raise UnavailableError("the database does not answer", mend="try again shortly")
        return self.opened

    @property
    def photos(self) -> Path:
        """The folder of stored photos."""
        return self.settings.data_dir / "photos"


@dataclass
class Limiter:
    """So many requests a client, refilled evenly: a bucket for each, the least used forgotten.

    Attributes
    ----------
    most
        Requests in a row.
    each_s
        Seconds until one more is allowed.
    """

    most: int = 10
    each_s: float = 30.0
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, client: str) -> None:
        """Count one request.

        Parameters
        ----------
        client
            Who sends it, such as an address.

        Raises
        ------
        TooManyError
            If there were too many.
        """
        now = time.monotonic()
        with self._lock:
            left, at = self._buckets.pop(client, (float(self.most), now))
            left = min(float(self.most), left + (now - at) / self.each_s)
            allowed = left >= 1
            self._buckets[client] = (left - 1 if allowed else left, now)
            while len(self._buckets) > _CLIENTS:
                self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, round((1 - left) * self.each_s))
            raise TooManyError(
                "too many reports from this address",
                retry_after_s=wait,
                mend=f"wait {wait} s, or use the hotline",
            )


def service_of(request: Request) -> Service:
    """Return the running service.

    Parameters
    ----------
    request
        Any request of its app.

    Returns
    -------
    Service
        The service.
    """
    service: Service = request.app.state.service
    return service


def bearer(authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> str | None:
    """Read the token of a request.

    Parameters
    ----------
    authorization
        The header.

    Returns
    -------
    str or None
        The token, if there is one.
    """
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def current_actor(
    service: Annotated[Service, Depends(service_of)], token: Annotated[str | None, Depends(bearer)]
) -> Actor:
    """Tell who is asking; nobody without a token gets past this.

    Parameters
    ----------
    service
        The service.
    token
        The request's.

    Returns
    -------
    Actor
        Who acts.
    """
    with service.database.connection() as connection:
        return actor_of(connection, token)


def perhaps_actor(
    service: Annotated[Service, Depends(service_of)], token: Annotated[str | None, Depends(bearer)]
) -> Actor | None:
    """Tell who is asking, if they say so; a token that is not valid is refused all the same.

    Parameters
    ----------
    service
        The service.
    token
        The request's.

    Returns
    -------
    Actor or None
        Who acts; None for the public.
    """
    return None if token is None else current_actor(service, token)


def asked_language(
    request: Request, lang: Annotated[str | None, Query(description="zh or en, for words")] = None
) -> Language:
    """Choose the language of an answer's words: what is asked for, else the browser's, else Chinese.

    Parameters
    ----------
    request
        For its Accept-Language.
    lang
        ``zh`` or ``en``.

    Returns
    -------
    Language
        ``zh`` or ``en``.
    """
    return as_language(lang or request.headers.get("accept-language"))


TheService = Annotated[Service, Depends(service_of)]
TheActor = Annotated[Actor, Depends(current_actor)]
PerhapsActor = Annotated[Actor | None, Depends(perhaps_actor)]
TheLanguage = Annotated[Language, Depends(asked_language)]
