"""What the coverage page says, kept as it was written until something that it rests on changes.

Measuring a community takes seconds; asking the database whether anything has changed takes milliseconds, and
is done every time: a point that was corrected is on the next page.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from sqlalchemy import Connection, text

from gis.service.residents.public_layer import place_stamp

MOST_BYTES = 64 << 20
"""Of all answers together: some eighty pages of a community of 5,000 households."""

# People walk out of their community: the points of its neighbours count too.
_EVERY_POINT = text("SELECT concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM wangge.service_point")


def coverage_stamp(connection: Connection, community_code: str) -> str:
    """Tell one state of what a community's coverage rests on from the next, without measuring it.

    Parameters
    ----------
    connection
        An open transaction. Ask it before what is measured is read: a change in between is then seen at the
        next look.
    community_code
        12 digits.

    Returns
    -------
    str
        The community's own stamp, its streets and everybody's included, and the state of all points.
    """
    points: str = connection.execute(_EVERY_POINT).scalar_one()
    return f"{place_stamp(connection, community_code)} | {points}"


class KeptCoverage:
    """Answers by what was asked; those that were wanted longest ago are given up first.

    Parameters
    ----------
    most_bytes
        More than this is not kept.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[Hashable, tuple[str, bytes]] = OrderedDict()
        self._turn = threading.Lock()

    def find(self, asked: Hashable, stamp: str) -> bytes | None:
        """Return an answer that is still true.

        Parameters
        ----------
        asked
            The community, the form and all that was asked for.
        stamp
            What :func:`coverage_stamp` says now.

        Returns
        -------
        bytes or None
            None where there is none, or it is of another state.
        """
        with self._turn:
            known, content = self._answers.get(asked, ("", b""))
            if known != stamp:
                return None
            self._answers.move_to_end(asked)
            return content

    def keep(self, asked: Hashable, stamp: str, content: bytes) -> None:
        """Keep an answer in place of the former one.

        Parameters
        ----------
        asked
            As for :meth:`find`.
        stamp
            What :func:`coverage_stamp` said before what it was made of was read.
        content
            The answer.
        """
        with self._turn:
            self._bytes -= len(self._answers.pop(asked, ("", b""))[1])
            self._answers[asked] = stamp, content
            self._bytes += len(content)
            while self._bytes > self._most_bytes:
                _, (_, given_up) = self._answers.popitem(last=False)
                self._bytes -= len(given_up)
