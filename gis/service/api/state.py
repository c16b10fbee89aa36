"""What routes stand on: the settings, the database, the editions in force, the feed, and who is asking."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Header, Query, Request

from gis.errors import InputError, UnavailableError
from gis.layers.database import Database
from gis.service.access import Actor, actor_of
from gis.service.api.rates import AtOnce, Limiter
from gis.service.dispatch.addresses import Geocoder
from gis.service.dispatch.feed import Feed
from gis.service.dispatch.intake import Intake
from gis.service.owning.current import Current
from gis.service.owning.quick import QuickLocate, quick_locate
from gis.settings import CHINA_STANDARD_TIME, Settings
from gis.texts import Language, as_language


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
    feed
        What happens, as it happens.
    geocoder
        An outside geocoder, if an operator hooked one in.
    quick
        Answers plain questions from the state in force; None where it cannot, or not yet.
    limiter
        For what anybody may send without a token.
    intake
        Takes reports in.
    batches
        Counts the batches that are under way.
    """

    settings: Settings
    current: Current
    opened: Database | None
    feed: Feed
    geocoder: Geocoder | None = None
    quick: QuickLocate | None = None
    limiter: Limiter = field(init=False, repr=False)
    intake: Intake = field(init=False, repr=False)
    batches: AtOnce = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make what stands on the others."""
        self.limiter = Limiter(lambda: self.database)
        self.intake = Intake(lambda: self.database, lambda: self.current.in_force.counties, self.settings)
        self.batches = AtOnce("batches", self.settings.batches_at_once)

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


def client_of(request: Request) -> str:
    """Return the address that a request comes from, which its rate is counted by.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    str
        An IP address.
    """
    return request.client.host if request.client else "unknown"


def when_it_was(when: dt.datetime) -> dt.datetime:
    """Read a time that something is said to have happened at; without a time zone it is China's.

    Parameters
    ----------
    when
        As it was sent.

    Returns
    -------
    datetime.datetime
        With a time zone.

    Raises
    ------
    InputError
        If it is in the future by more than a clock can be wrong.
    """
    aware = when if when.tzinfo else when.replace(tzinfo=CHINA_STANDARD_TIME)
    if aware > dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5):
        raise InputError("this is in the future", where="reported_at", mend="give when it was reported")
    return aware


async def service_of(request: Request) -> Service:
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


async def bearer(authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> str | None:
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


async def asked_language(
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


Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="The same key again: done once, and the same answer"),
]
TheToken = Annotated[str | None, Depends(bearer)]
TheService = Annotated[Service, Depends(service_of)]
TheActor = Annotated[Actor, Depends(current_actor)]
TheLanguage = Annotated[Language, Depends(asked_language)]
