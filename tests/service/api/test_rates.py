"""The public's rate is one, however many workers serve."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from gis.errors import TooManyError
from gis.layers.database import Database
from gis.service.api.rates import Limiter

pytestmark = pytest.mark.database


def taken(limiters: list[Limiter], client: str, times: int) -> int:
    """Send from several workers at once, and count what is allowed."""

    def one(at: int) -> bool:
        try:
            limiters[at % len(limiters)].take(client)
        except TooManyError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(one, range(times)))


def test_two_workers_together_allow_what_one_does(database: Database) -> None:
    workers = [Limiter(lambda: database, most=5, each_s=60) for _ in range(2)]
    assert taken(workers, "192.0.2.7", 16) == 5
    assert taken(workers, "192.0.2.8", 16) == 5
    with pytest.raises(TooManyError) as refused:
        workers[0].take("192.0.2.7")
    assert 50 <= refused.value.retry_after_s <= 60
    with database.connection() as connection:
        kept = connection.execute(text("SELECT rate::text FROM wangge.public_rate AS rate")).scalars().all()
    assert len(kept) == 2
    assert not any("192.0.2" in row for row in kept)


def test_one_more_is_allowed_when_its_time_has_come(database: Database) -> None:
    workers = [Limiter(lambda: database, most=2, each_s=0.6) for _ in range(2)]
    assert taken(workers[:1], "198.51.100.1", 4) == 2
    with pytest.raises(TooManyError):
        workers[1].take("198.51.100.1")
    with database.connection() as connection:
        connection.execute(text("UPDATE wangge.public_rate SET full_at = full_at - interval '0.7 s'"))
    fresh = Limiter(lambda: database, most=2, each_s=0.6)
    fresh.take("198.51.100.1")


def test_one_house_of_ipv6_addresses_is_one_client(database: Database) -> None:
    limiter = Limiter(lambda: database, most=3, each_s=60)
    for end in range(3):
        limiter.take(f"2001:db8:1:2::{end}")
    with pytest.raises(TooManyError):
        limiter.take("2001:db8:1:2:ffff::9")
    limiter.take("2001:db8:1:3::1")


def test_who_was_refused_is_refused_without_asking_the_database(database: Database) -> None:
    asked = []

    def opened() -> Database:
        asked.append(1)
        return database

    limiter = Limiter(opened, most=1, each_s=60)
    limiter.take("203.0.113.1")
    for _ in range(5):
        with pytest.raises(TooManyError):
            limiter.take("203.0.113.1")
    assert len(asked) == 2
