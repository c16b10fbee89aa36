"""Which database it is, whether it is fit, and what its refusals are called."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import CheckConstraint, text

from gis.errors import ConflictError, InputError, UnavailableError
from gis.layers import database as module
from gis.layers.base import Base
from gis.layers.database import (
    Database,
    check_revision,
    check_server,
    connect,
    current_revision,
    newest_revision,
    open_database,
    upgrade,
)
from gis.settings import Settings

pytestmark = pytest.mark.database


def test_the_models_and_the_migrations_say_the_same(database: Database) -> None:
    configuration = module._alembic()
    configuration.stdout = io.StringIO()
    with database.connection() as connection:
        configuration.attributes["connection"] = connection
        command.check(configuration)


def test_every_check_of_the_models_is_in_the_database(database: Database) -> None:
    declared = {
        str(constraint.name)
        for table in Base.metadata.tables.values()
        for constraint in {*table.constraints, *(c for column in table.columns for c in column.constraints)}
        if isinstance(constraint, CheckConstraint)
    }
    with database.connection() as connection:
        there = connection.execute(
            text(
                "SELECT conname FROM pg_constraint "
                "WHERE contype = 'c' AND connamespace = 'wangge'::regnamespace"
            )
        )
        assert set(there.scalars()) == declared


def test_an_upgrade_can_be_run_again(database: Database) -> None:
    upgrade(database)
    assert current_revision(database) == newest_revision()


def test_another_revision_is_refused_with_the_mend() -> None:
    check_revision(newest_revision())
    with pytest.raises(UnavailableError, match="migrate-only"):
        check_revision("0001")
    with pytest.raises(UnavailableError, match="newer"):
        check_revision("9999")


def test_an_unreachable_database_is_one_clear_error(tmp_path: Path) -> None:
    settings = Settings(database_url="postgresql://nobody:secret@127.0.0.1:9/none", data_dir=tmp_path)
    with pytest.raises(UnavailableError) as caught, open_database(settings):
        pass
    assert "secret" not in str(caught.value)
    assert "WANGGE_DATABASE_URL" in str(caught.value)


def test_a_database_without_postgis_gets_it_and_an_account_that_may_not_is_told(database: Database) -> None:
    with database.connection() as connection:
        connection.execute(text("CREATE ROLE plain LOGIN"))
        connection.execute(text("DROP EXTENSION pg_trgm CASCADE"))
    plain = connect(database.url.replace("wangge@", "plain@"))
    try:
        with pytest.raises(UnavailableError, match="may not"):
            check_server(plain)
    finally:
        plain.engine.dispose()
        with database.connection() as connection:
            connection.execute(text("DROP ROLE plain"))


@pytest.mark.parametrize(
    ("statement", "kind", "where"),
    [
        (
            "INSERT INTO wangge.division (division_code, level, name) VALUES ('12', 'county', 'x')",
            InputError,
            "ck_",
        ),
        (
            "INSERT INTO wangge.division (division_code, level) VALUES ('150103000000', 'county')",
            InputError,
            "name",
        ),
        (
            (
                "INSERT INTO wangge.grid (grid_code, grid_type, community_code) "
                "VALUES ('150103099901001', 'basic', '150103099901')"
            ),
            InputError,
            "fk_",
        ),
        (
            "INSERT INTO wangge.colour_theme (theme, colour, name_zh, name_en) VALUES ('red','','','')",
            ConflictError,
            "uq_",
        ),
        ("SELECT 'x'::int", InputError, None),
    ],
)
def test_a_refusal_is_told_without_the_databases_own_words(
    database: Database, statement: str, kind: type[Exception], where: str | None
) -> None:
    with pytest.raises(kind) as caught, database.connection() as connection:
        connection.execute(text(statement))
    assert "psycopg" not in str(caught.value)
    assert "DETAIL" not in str(caught.value)
    if where is not None:
        assert where in str(caught.value.where)
