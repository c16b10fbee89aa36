"""What the house keeps of itself: the audit, the feed of events, tokens and kept answers."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Integer, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from gis.layers.base import SCHEMA, Base, code, term
from gis.terms import Role


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit number of a transaction, which never comes again."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:  # noqa: D102 - SQLAlchemy's own
        return "xid8"


ischema_names["xid8"] = Xid8  # so that a comparison of the models with a database knows it


class Audit(Base):
    """Who did what, when, from what to what; never changed, never deleted."""

    __tablename__ = "audit"
    code_column = "id"

    at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), index=True, doc="When"
    )
    actor: Mapped[str] = mapped_column(Text, doc="Who: a token's name, or the command line")
    act: Mapped[str] = mapped_column(Text, doc="What was done, such as publish or import")
    subject: Mapped[str] = mapped_column(Text, index=True, doc="To what: a code, number or layer")
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB, doc="From")
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB, doc="To")


class Event(Base):
    """What listeners are told, in order; never changed, never deleted."""

    __tablename__ = "event"
    code_column = "id"

    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), doc="When")
    kind: Mapped[str] = mapped_column(
        Text, doc="reported, assigned, moved, escalated, closed, edition_changed …"
    )
    county_code: Mapped[str | None] = mapped_column(Text, doc="The county that it happened in")
    division_code: Mapped[str | None] = mapped_column(Text, doc="The division that it happened in")
    body: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="Codes and numbers; nothing personal")
    xact: Mapped[int] = mapped_column(
        Xid8,
        server_default=func.pg_current_xact_id(),
        index=True,
        doc="The transaction that it belongs to: numbers are given out before transactions commit, so only "
        "this tells what cannot come any more",
    )


class PublicRate(Base):
    """How much somebody without a token has sent lately; not logged, and gone within minutes."""

    __tablename__ = "public_rate"
    code_column = "client"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    client: Mapped[str] = mapped_column(
        Text, unique=True, doc="SHA-256 of the address", info={"private": True}
    )
    full_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), doc="When all that may be sent in a row may be sent again"
    )


class Token(Base):
    """A key to the parts that are not public; only its hash is kept."""

    __tablename__ = "token"
    code_column = "name"

    name: Mapped[str] = mapped_column(Text, unique=True, doc="Who holds it; the actor in every record")
    role: Mapped[str] = term("role", Role, "What it may do")
    division_code: Mapped[str] = code(
        "division_code", "How far it reaches", ForeignKey(f"{SCHEMA}.division.division_code")
    )
    hashed: Mapped[str] = mapped_column(Text, unique=True, doc="SHA-256 of the token's 256 random bits")
    created_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), doc="When it was made"
    )
    expires_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True), doc="When it ends")
    revoked_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True), doc="When it was revoked")


class KeptAnswer(Base):
    """The answer to a request that carried an Idempotency-Key, for when it is sent again."""

    __tablename__ = "kept_answer"
    code_column = "key"
    __table_args__ = (UniqueConstraint("actor", "key"),)

    actor: Mapped[str] = mapped_column(Text, doc="Who sent it")
    key: Mapped[str] = mapped_column(Text, doc="The Idempotency-Key")
    request: Mapped[str] = mapped_column(Text, doc="SHA-256 of the request")
    status: Mapped[int] = mapped_column(Integer, doc="The answer's status")
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="The answer")
    at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), index=True, doc="When"
    )
    incident_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.incident.id"), doc="The incident that it made"
    )
