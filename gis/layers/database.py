"""The way to the database: which one, whether it is fit, and what its refusals mean.

Nothing above this floor sees an exception of SQLAlchemy or psycopg: see :mod:`gis.layers.refusals`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.orm import Session

from gis.errors import UnavailableError
from gis.layers.base import SCHEMA
from gis.layers.defaults import add_defaults
from gis.layers.embedded import Cluster
from gis.layers.refusals import told
from gis.settings import Settings

POSTGIS_NEEDED = (3, 3)
EXTENSIONS = ("postgis", "btree_gist", "pg_trgm")
_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class Database:
    """A PostGIS that is there to be used.

    Attributes
    ----------
    engine
        SQLAlchemy's engine, on psycopg.
    url
        Where it is, for tools that open connections of their own. It may hold a password: never show it.
    """

    engine: Engine
    url: str

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Work in one transaction: committed at the end, rolled back on any error.

        Yields
        ------
        Session
            An ORM session.
        """
        with told(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Work in one transaction on a plain connection.

        Yields
        ------
        Connection
            A Core connection.
        """
        with told(), self.engine.begin() as connection:
            yield connection

    @property
    def plain_url(self) -> str:
        """The URL as psycopg and asyncpg take it, without SQLAlchemy's driver."""
        return re.sub(r"^postgresql\+\w+:", "postgresql:", self.url)


@contextmanager
def open_database(settings: Settings, *, migrate: bool = False) -> Iterator[Database]:
    """Open the database that the settings name, starting the private cluster where they name none.

    Parameters
    ----------
    settings
        Which database.
    migrate
        Bring the schema up to this version. The private cluster and an empty database are brought up in
        any case; another database that is at an older revision is left as it is unless this says so.

    Yields
    ------
    Database
        Checked: reachable, PostGIS new enough, schema of this version.

    Raises
    ------
    UnavailableError
        Saying which of these fails, and the mend.
    """
    with ExitStack() as stack:
        private = settings.database_url is None
        if settings.database_url is None:
            url = stack.enter_context(Cluster(settings.data_dir / "pg").running())
        else:
            url = re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql+psycopg:", settings.database_url)
        database = connect(url)
        stack.callback(database.engine.dispose)
        check_server(database)
        revision = current_revision(database)
        if revision is None or private or migrate:
            upgrade(database)
        else:
            check_revision(revision)
        yield database


def connect(url: str) -> Database:
    """Make the engine for a URL; nothing is asked of the server yet.

    Parameters
    ----------
    url
        SQLAlchemy's URL.

    Returns
    -------
    Database
        Not checked.
    """
    engine = create_engine(
        url,
        pool_size=10,
        max_overflow=20,
        pool_pre_ping=True,
        pool_timeout=10,
        # An account named like our schema would otherwise find it before public, by PostgreSQL's "$user".
        connect_args={"connect_timeout": 5, "options": "-c timezone=Asia/Shanghai -c search_path=public"},
    )
    return Database(engine, url)


def check_server(database: Database) -> None:
    """Make sure that the server answers and that its PostGIS is new enough; create missing extensions.

    Parameters
    ----------
    database
        The database.

    Raises
    ------
    UnavailableError
        If it does not answer, lacks PostGIS, or has one that is too old.
    """
    with database.connection() as connection:
        rows = connection.execute(
            text("SELECT name FROM pg_available_extensions WHERE name = ANY(:names)"),
            {"names": list(EXTENSIONS)},
        )
        available = set(rows.scalars())
        missing = [name for name in EXTENSIONS if name not in available]
        if missing:
            raise UnavailableError(
                f"the database server lacks {', '.join(missing)}",
                mend="install PostGIS ≥3.3 and the contrib extensions on the server",
            )
        for name in EXTENSIONS:
            there = connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = :n"), {"n": name})
            if there.first() is None:
                connection.execute(text(f"CREATE EXTENSION {name} SCHEMA public"))
        version = str(connection.execute(text("SELECT postgis_lib_version()")).scalar_one())
    if tuple(int(part) for part in version.split(".")[:2]) < POSTGIS_NEEDED:
        raise UnavailableError(
            f"the database has PostGIS {version}; 3.3 or newer is needed", mend="upgrade PostGIS there"
        )


def current_revision(database: Database) -> str | None:
    """Return the schema's revision, None for an empty database.

    Parameters
    ----------
    database
        The database.

    Returns
    -------
    str or None
        Alembic's revision.
    """
    with database.connection() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
        return context.get_current_revision()


def newest_revision() -> str:
    """Return the revision that this version of Wangge brings.

    Returns
    -------
    str
        Alembic's head.
    """
    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    return str(head)


def check_revision(revision: str) -> None:
    """Refuse a database whose schema is of another version.

    Parameters
    ----------
    revision
        What the database is at.

    Raises
    ------
    UnavailableError
        If it is not this version's.
    """
    newest = newest_revision()
    if revision == newest:
        return
    known = {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}
    if revision in known:
        raise UnavailableError(
            f"the database is at revision {revision}, this version needs {newest}",
            mend="run `wangge up --migrate-only` to bring it up (make a backup first)",
        )
    raise UnavailableError(
        f"the database is at revision {revision}, which this version does not know",
        mend="it was made by a newer Wangge: upgrade this one",
    )


def upgrade(database: Database) -> None:
    """Bring the schema up to this version, in one transaction.

    Parameters
    ----------
    database
        The database.
    """
    configuration = _alembic()
    with database.connection() as connection:
        # Two servers that start at once take turns.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('wangge.migrate'))"))
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
        add_defaults(connection)


def _alembic() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS))
    configuration.set_main_option("path_separator", "os")
    return configuration
