"""Alembic's way in: the connection is handed over by gis.layers.database; there is no alembic.ini."""

from __future__ import annotations

from typing import Any

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import text

from gis.layers import schema
from gis.layers.base import SCHEMA, Base


def _ours(_object: Any, name: str | None, kind: str, reflected: bool, _compared: Any) -> bool:
    # PostGIS and the job queue keep tables of their own; only what the models declare is compared.
    return not (kind == "table" and reflected and f"{SCHEMA}.{name}" not in Base.metadata.tables)


assert schema.ALL_MODELS  # noqa: S101 - importing it is what fills the metadata


connection = context.config.attributes["connection"]
connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
    include_object=_ours,
    process_revision_directives=alembic_helpers.writer,
    render_item=alembic_helpers.render_item,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
