"""JSON as this API writes it: orjson, so NaN becomes null and dates are ISO 8601."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def as_json(content: Any) -> bytes:
    """Write a value as JSON.

    Parameters
    ----------
    content
        Plain values, NumPy's, dates.

    Returns
    -------
    bytes
        UTF-8.
    """
    return orjson.dumps(content, option=_OPTIONS)


class JsonResponse(Response):
    """A response whose body is JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the content.

        Parameters
        ----------
        content
            What :func:`as_json` takes.

        Returns
        -------
        bytes
            The body.
        """
        return as_json(content)
