"""What lets a resident follow and rate what they reported, without a name or an account."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from gis.layers.base import SCHEMA, Base


class FollowUp(Base):
    """The code that was shown once to who reported an incident; only its hash is kept."""

    __tablename__ = "follow_up"
    code_column = "incident_id"

    incident_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.incident.id"), unique=True, doc="The incident"
    )
    hashed: Mapped[str] = mapped_column(Text, doc="SHA-256 of the follow-up code")
