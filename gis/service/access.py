"""Who may do what: tokens, the actor behind each, and how far a role and a division reach.

A token is 256 random bits, shown once when it is made; only its SHA-256 is stored. It is looked up by that
hash, so no comparison leaks how much of a guess was right.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from gis.codes import check_code
from gis.errors import ConflictError, ForbiddenError, InputError, NotFoundError, UnauthorisedError
from gis.layers.division import Division
from gis.layers.record import Audit, Token
from gis.terms import Role

_PREFIX = "wg_"
_BYTES = 32
_MEND = "make one with `wangge token create`, and send it as `Authorization: Bearer …`"


@dataclass(frozen=True)
class Actor:
    """Somebody who acts.

    Attributes
    ----------
    name
        The token's name; stands in every record.
    role
        What it may do.
    division_code
        How far it reaches: this division and all below it.
    """

    name: str
    role: Role
    division_code: str

    def reaches(self, code: str | None) -> bool:
        """Tell whether a division, or anything whose code starts with one, lies within reach.

        Parameters
        ----------
        code
            A division, grid, compound, building or service-point code; None reaches no one.

        Returns
        -------
        bool
            True within the actor's division.
        """
        return code is not None and code.startswith(reach_of(self.division_code))


@dataclass(frozen=True)
class TokenFacts:
    """What may be told of a token.

    Attributes
    ----------
    name
        Who holds it.
    role
        What it may do.
    division_code
        How far it reaches.
    created_at, expires_at, revoked_at
        Its life.
    """

    name: str
    role: Role
    division_code: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None


def reach_of(division_code: str) -> str:
    """Return the digits that every code within a division starts with.

    Parameters
    ----------
    division_code
        12 digits.

    Returns
    -------
    str
        6 digits for a county, 9 for a street, 12 for a community.
    """
    if division_code.endswith("000000"):
        return division_code[:6]
    return division_code[:9] if division_code.endswith("000") else division_code


def create_token(
    connection: Connection,
    name: str,
    role: Role | str,
    division_code: str,
    expires: dt.datetime | None = None,
    *,
    actor: str = "command line",
) -> str:
    """Make a token and return it, this once.

    Parameters
    ----------
    connection
        An open transaction.
    name
        Who holds it; stands in every record of what it does.
    role
        ``planner``, ``dispatcher`` or ``admin``.
    division_code
        How far it reaches.
    expires
        When it ends; never, unless given.
    actor
        Who makes it, for the audit.

    Returns
    -------
    str
        The token. It cannot be shown again.

    Raises
    ------
    InputError
        If the name is empty or the role unknown.
    NotFoundError
        If there is no such division.
    ConflictError
        If a token of that name is there.
    """
    name = name.strip()
    if not name or len(name) > 100:
        raise InputError("a token needs a name of 1 to 100 letters", where="name")
    if role not in set(Role):
        raise InputError(f"there is no role {role!r}", where="role", mend=f"give {', '.join(Role)}")
    check_code(division_code, "division_code")
    if not connection.execute(select(Division.id).where(Division.division_code == division_code)).first():
        raise NotFoundError(
            f"there is no division {division_code}", where="division", mend="import the divisions first"
        )
    if connection.execute(select(Token.id).where(Token.name == name)).first():
        raise ConflictError(f"there is a token named {name!r} already", mend="choose another name")
    token = _PREFIX + secrets.token_urlsafe(_BYTES)
    connection.execute(
        insert(Token).values(
            name=name,
            role=str(role),
            division_code=division_code,
            hashed=_hashed(token),
            expires_at=expires,
        )
    )
    _record(connection, actor, "token created", name, {"role": str(role), "division_code": division_code})
    return token


def actor_of(connection: Connection, token: str | None) -> Actor:
    """Tell who a token stands for.

    Parameters
    ----------
    connection
        An open transaction.
    token
        What the request carried.

    Returns
    -------
    Actor
        Who acts.

    Raises
    ------
    UnauthorisedError
        If there is none, or it is unknown, revoked or out of date. Which of these is not told.
    """
    if not token:
        raise UnauthorisedError("this needs a token", mend=_MEND)
    actor = actors_of(connection, {token}).get(token)
    if actor is None:
        raise unauthorised()
    return actor


def actors_of(connection: Connection, tokens: Collection[str]) -> dict[str, Actor]:
    """Tell who several tokens stand for.

    Parameters
    ----------
    connection
        An open transaction.
    tokens
        What requests carried.

    Returns
    -------
    dict
        Token → who acts; one that is unknown, revoked or out of date is missing.
    """
    if not tokens:
        return {}
    hashed = {_hashed(token): token for token in tokens}
    rows = connection.execute(
        select(Token.hashed, Token.name, Token.role, Token.division_code).where(
            Token.hashed.in_(sorted(hashed)),
            Token.revoked_at.is_(None),
            (Token.expires_at.is_(None)) | (Token.expires_at > dt.datetime.now(dt.UTC)),
        )
    )
    return {hashed[row.hashed]: Actor(row.name, Role(row.role), row.division_code) for row in rows}


def unauthorised() -> UnauthorisedError:
    """Return the refusal of a token that is not in force; why it is not is not told.

    Returns
    -------
    UnauthorisedError
        To be raised.
    """
    return UnauthorisedError("this token is not valid", mend=_MEND)


def require(actor: Actor, roles: Collection[Role], division_code: str | None = None) -> None:
    """Make sure that an actor may do something somewhere.

    Parameters
    ----------
    actor
        Who acts. An admin has every role.
    roles
        The roles that may.
    division_code
        Where, or a code that starts with it; anywhere, unless given.

    Raises
    ------
    ForbiddenError
        If the role or the reach does not allow it.
    """
    if actor.role is not Role.ADMIN and actor.role not in roles:
        raise ForbiddenError(
            f"a {actor.role} may not do this", mend=f"use a token of a {' or '.join(sorted(roles))}"
        )
    if division_code is not None and not actor.reaches(division_code):
        raise ForbiddenError(
            f"this token reaches division {actor.division_code} only",
            where=division_code,
            mend="use a token of that division or one above it",
        )


def revoke_token(connection: Connection, name: str, *, actor: str = "command line") -> None:
    """End a token now.

    Parameters
    ----------
    connection
        An open transaction.
    name
        Whose.
    actor
        Who ends it, for the audit.

    Raises
    ------
    NotFoundError
        If no token of that name is in force.
    """
    done = connection.execute(
        update(Token)
        .where(Token.name == name, Token.revoked_at.is_(None))
        .values(revoked_at=dt.datetime.now(dt.UTC))
    )
    if done.rowcount == 0:
        raise NotFoundError(f"no token named {name!r} is in force", mend="see `wangge token list`")
    _record(connection, actor, "token revoked", name, None)


def list_tokens(connection: Connection) -> list[TokenFacts]:
    """List the tokens that were ever made, without what would let anybody use them.

    Parameters
    ----------
    connection
        An open transaction.

    Returns
    -------
    list of TokenFacts
        By name.
    """
    columns = (
        Token.name,
        Token.role,
        Token.division_code,
        Token.created_at,
        Token.expires_at,
        Token.revoked_at,
    )
    rows = connection.execute(select(*columns).order_by(Token.name))
    return [TokenFacts(row[0], Role(row[1]), *row[2:]) for row in rows]


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _record(connection: Connection, actor: str, act: str, subject: str, after: dict[str, str] | None) -> None:
    connection.execute(insert(Audit).values(actor=actor, act=act, subject=subject, after=after))
