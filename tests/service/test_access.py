"""Tokens: shown once, stored hashed, and no further than their role and division reach."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import text

from gis.errors import ConflictError, ForbiddenError, InputError, NotFoundError, UnauthorisedError
from gis.layers.database import Database
from gis.layers.frames import write_frame
from gis.service.access import Actor, actor_of, create_token, list_tokens, require, revoke_token
from gis.terms import Role
from tests.service.conftest import COMMUNITY, COUNTY, STREET, place

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def known(module_database: Database) -> Database:
    with module_database.connection() as connection:
        write_frame(connection, "divisions", place()["divisions"])
    return module_database


def test_a_token_is_stored_as_its_hash_only(known: Database) -> None:
    with known.connection() as connection:
        token = create_token(connection, "one", "dispatcher", STREET)
        assert actor_of(connection, token) == Actor("one", Role.DISPATCHER, STREET)
        stored = connection.execute(text("SELECT t::text FROM wangge.token t")).scalars().all()
        logged = connection.execute(text("SELECT a::text FROM wangge.audit a")).scalars().all()
    assert len(token) > 40
    assert token not in " ".join(stored + logged)
    assert "token created" in " ".join(logged)


def test_a_token_ends_when_it_is_revoked_or_out_of_date(known: Database) -> None:
    with known.connection() as connection:
        revoked = create_token(connection, "two", "planner", COUNTY)
        revoke_token(connection, "two")
        late = create_token(connection, "three", "planner", COUNTY, dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        for token in (revoked, late, "wg_guess", "", None):
            with pytest.raises(UnauthorisedError):
                actor_of(connection, token)
        with pytest.raises(NotFoundError):
            revoke_token(connection, "two")
        facts = {one.name: one for one in list_tokens(connection)}
    assert facts["two"].revoked_at is not None
    assert not any("hash" in name for name in vars(facts["two"]))


def test_a_token_needs_a_name_a_role_and_a_division_that_is_there(known: Database) -> None:
    with known.connection() as connection:
        for arguments, error in [
            ((" ", "planner", COUNTY), InputError),
            (("x", "king", COUNTY), InputError),
            (("x", "planner", "999999000000"), NotFoundError),
            (("x", "planner", "15"), InputError),
        ]:
            with pytest.raises(error):
                create_token(connection, *arguments)
        create_token(connection, "four", "planner", COUNTY)
        with pytest.raises(ConflictError):
            create_token(connection, "four", "planner", COUNTY)


@pytest.mark.parametrize(
    ("role", "division", "code", "allowed"),
    [
        (Role.DISPATCHER, COUNTY, COMMUNITY, True),
        (Role.DISPATCHER, STREET, COMMUNITY + "001", True),
        (Role.DISPATCHER, COMMUNITY, COMMUNITY + "001", True),
        (Role.DISPATCHER, COMMUNITY, STREET, False),
        (Role.DISPATCHER, COUNTY, "150104000000", False),
        (Role.PLANNER, COUNTY, COMMUNITY, False),
        (Role.ADMIN, COUNTY, COMMUNITY, True),
        (Role.ADMIN, COUNTY, "150104000000", False),
    ],
)
def test_role_and_reach(role: Role, division: str, code: str, allowed: bool) -> None:
    actor = Actor("somebody", role, division)
    if allowed:
        require(actor, {Role.DISPATCHER}, code)
    else:
        with pytest.raises(ForbiddenError):
            require(actor, {Role.DISPATCHER}, code)
