"""The data dictionary, made from the models by ``make docs``."""

from __future__ import annotations

import sys
from typing import Any, cast

from geoalchemy2 import Geometry
from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql

from gis.layers.base import Base
from gis.layers.schema import ALL_MODELS, APPEND_ONLY, LAYERS

_HEAD = """# Data dictionary

Made from the models by `make docs`; a test holds it to them. All tables are in the schema `wangge`, PostGIS,
EPSG:4490, coordinates on the 1e-8° lattice. Every table has a surrogate key `id`, which is never shown to
people; rows refer to one another by code, and a code is never changed or reused. Two schemas are for other
programs to read: `current_layers` (one read-only view for each layer as it stands now, with geometry type,
SRID and key as QGIS wants them) and `public_layers` (what residents may see, and nothing else).

**F**: travels in the layer's frame and files.
**P**: personal; never in a log, a URL, a public route or a public view.
"""


_DIALECT: Any = cast("Any", postgresql.dialect)()


def write_dictionary() -> str:
    """Write the data dictionary.

    Returns
    -------
    str
        Markdown.
    """
    names = {model: layer for layer, model in LAYERS.items()}
    return "\n".join([_HEAD, *(_section(model, names.get(model)) for model in ALL_MODELS)])


def _section(model: type[Base], layer: str | None) -> str:
    table = cast("Table", model.__table__)
    words = " ".join((model.__doc__ or "").split())
    marks = [f"Layer `{layer}`."] if layer else []
    if model in APPEND_ONLY:
        marks.append("Append-only: the database refuses to change or delete a row.")
    lines = [
        f"## {table.name}",
        "",
        " ".join([words, *marks]),
        "",
        "| column | type | null | | what it holds |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(column) for column in table.columns if column.name != "id"]
    return "\n".join([*lines, ""])


def _row(column: Column[Any]) -> str:
    kind = column.type
    shown = (
        f"geometry({kind.geometry_type})" if isinstance(kind, Geometry) else kind.compile(_DIALECT).lower()
    )
    marks = "".join(letter for letter, key in (("F", "frame"), ("P", "private")) if column.info.get(key))
    null = "yes" if column.nullable else ""
    targets = "; → " + ", ".join(key.target_fullname.removeprefix("wangge.") for key in column.foreign_keys)
    note = (column.doc or "").replace("|", "\\|")
    return (
        f"| `{column.name}` | {shown} | {null} | {marks} | {note}{targets if column.foreign_keys else ''} |"
    )


if __name__ == "__main__":
    sys.stdout.write(write_dictionary())
