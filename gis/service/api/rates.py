"""How often and how much at once somebody may send.

How often, without a token, is counted in the database, for all workers together. Each address has a bucket of
``most`` requests that fills up evenly. One row tells when it is full again, one statement takes from it, so
that however many workers and machines serve, the limit is one. What is stored of an address is its SHA-256,
in a table that is not logged, for as long as the bucket is not full. Whom the database refused is refused
from memory until the wait is over, so that hammering costs the database nothing.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable

from sqlalchemy import text

from gis.errors import TooManyError
from gis.layers.database import Database

_REMEMBERED = 50_000
_TIDY_ONE_IN = 200
_BATCH_S = 5
_IPV6_HOUSE = 64
"""Bits of an IPv6 address that one customer has; what follows they choose as they like."""

# Takes one where one is left; tells when the bucket will be full, and no row where none is left.
_TAKE = text(
    """
    INSERT INTO wangge.public_rate AS rate (client, full_at)
    VALUES (:client, clock_timestamp() + make_interval(secs => :each))
    ON CONFLICT (client) DO UPDATE
    SET full_at = greatest(rate.full_at, clock_timestamp()) + make_interval(secs => :each)
    WHERE rate.full_at <= clock_timestamp() + make_interval(secs => :each * (:most - 1))
    RETURNING full_at
    """
)
_WAIT = text(
    """
    SELECT extract(epoch FROM full_at - clock_timestamp())::float8 - :each * (:most - 1)
    FROM wangge.public_rate WHERE client = :client
    """
)
_TIDY = text(
    """
    DELETE FROM wangge.public_rate WHERE id IN (
        SELECT id FROM wangge.public_rate WHERE full_at < clock_timestamp() LIMIT 1000
        FOR UPDATE SKIP LOCKED)
    """
)


class Limiter:
    """So many requests of a client in a row, refilled evenly, whichever worker they come to.

    Parameters
    ----------
    database
        Called for the database; it may raise that there is none.
    most
        Requests in a row.
    each_s
        Seconds until one more is allowed.
    """

    def __init__(self, database: Callable[[], Database], *, most: int = 10, each_s: float = 30.0) -> None:
        self.most = most
        self.each_s = each_s
        self._database = database
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str) -> None:
        """Count one request; not in the event loop.

        Parameters
        ----------
        client
            The address that it comes from.

        Raises
        ------
        TooManyError
            If there were too many; it says how long to wait.
        UnavailableError
            If the database, which counts, does not answer.
        """
        hashed = hashlib.sha256(_house(client).encode()).hexdigest()
        wait = self._known(hashed)
        if wait <= 0:
            asked = {"client": hashed, "each": self.each_s, "most": self.most}
            with self._database().connection() as connection:
                if connection.execute(_TAKE, asked).first() is None:
                    wait = max(float(connection.execute(_WAIT, asked).scalar() or 0.0), 0.1)
                elif secrets.randbelow(_TIDY_ONE_IN) == 0:
                    connection.execute(_TIDY)
        if wait > 0:
            self._remember(hashed, wait)
            seconds = max(1, round(wait))
            raise TooManyError(
                "too many reports from this address",
                retry_after_s=seconds,
                mend=f"wait {seconds} s, or use the hotline",
            )

    def _known(self, hashed: str) -> float:
        with self._lock:
            until = self._refused.get(hashed)
            left = 0.0 if until is None else until - time.monotonic()
            if until is not None and left <= 0:
                del self._refused[hashed]
            return left

    def _remember(self, hashed: str, wait: float) -> None:
        with self._lock:
            self._refused[hashed] = time.monotonic() + wait
            while len(self._refused) > _REMEMBERED:
                self._refused.popitem(last=False)


class AtOnce:
    """So many requests of a client under way at the same time, in this worker; lives in one event loop.

    Parameters
    ----------
    what
        What is counted, for the message.
    most
        How many.
    """

    def __init__(self, what: str, most: int) -> None:
        self.most = most
        self._what = what
        self._under_way: Counter[str] = Counter()

    def enter(self, client: str) -> Callable[[], None]:
        """Count one more.

        Parameters
        ----------
        client
            The address that it comes from.

        Returns
        -------
        callable
            To be called when it is over, once.

        Raises
        ------
        TooManyError
            If so many are under way already.
        """
        house = _house(client)
        if self._under_way[house] >= self.most:
            raise TooManyError(
                f"{self.most} {self._what} of this address are under way",
                retry_after_s=_BATCH_S,
                mend="send the next one when one of them has been answered",
            )
        self._under_way[house] += 1

        def leave() -> None:
            self._under_way[house] -= 1
            if not self._under_way[house]:
                del self._under_way[house]

        return leave


def _house(client: str) -> str:
    """Return what is counted together: an IPv4 address, or the part of an IPv6 address that a house has."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if address.version == 6:
        return str(ipaddress.ip_network((address, _IPV6_HOUSE), strict=False))
    return str(address)
