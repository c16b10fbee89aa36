"""The app: what is opened when it starts, what every request passes, and which routes there are."""

from __future__ import annotations

import gc
import importlib
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from gis import __version__
from gis.errors import UnavailableError
from gis.layers.database import Database, connect, open_database
from gis.layers.refusals import told
from gis.service.api import (
    address_routes,
    batch_routes,
    errors,
    feed_routes,
    incident_routes,
    locate_routes,
    pages,
    place_routes,
    report_routes,
    residents,
)
from gis.service.api.files import Files
from gis.service.api.locate_door import LocateDoor
from gis.service.api.ogc import Ogc
from gis.service.api.shield import MEGABYTE, Shield, content_policy, security_headers
from gis.service.api.state import Service
from gis.service.dispatch.addresses import Geocoder
from gis.service.dispatch.feed import Feed
from gis.service.dispatch.taking_force import took_force
from gis.service.owning.compiled import Compiled
from gis.service.owning.current import Current
from gis.settings import Settings
from gis.settings import settings as read_settings
from maps.assets import STATIC as MAPS_STATIC
from maps.assets import VENDOR
from maps.basemaps import basemap

log = logging.getLogger(__name__)

WEB = Path(__file__).parents[1] / "web"
_PLANS = "gis.service.api.plans"


class App(FastAPI):
    """FastAPI's app with a door before all of it, where plain questions are answered at once."""

    door: LocateDoor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - ASGI's own
        await self.door(scope, receive, send)


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    geocoder: Geocoder | None = None,
    own_process: bool = False,
) -> FastAPI:
    """Make the app.

    Parameters
    ----------
    settings
        The operator's.
    database
        A database that is open already and stays so; else the one that the settings name is opened when the
        app starts and closed when it stops.
    geocoder
        An outside geocoder, asked where the layers know nothing that fits an address.
    own_process
        Whether the process is there for this app alone: what stands when it has started is then left out of
        every later search for garbage, which would stop all answers for as long as it lasts.

    Returns
    -------
    FastAPI
        To be served by uvicorn.
    """
    ogc = Ogc()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            await run_in_threadpool(_open, app, settings, database, geocoder, stack)
            if own_process:
                gc.collect()
                gc.freeze()
            yield
            await ogc.close()
            app.state.service.feed.close()
            await run_in_threadpool(app.state.service.intake.close)
            await run_in_threadpool(app.state.service.current.stop)

    app = App(
        title="Wangge",
        summary="Which grid owns a point, and what became of the incident there",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    errors.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    under = basemap(settings.basemap, key=settings.basemap_key, address=settings.basemap_url)
    policy = content_policy(under.image_origins(), under.data_origins())
    app.add_middleware(Shield, body_limit=settings.body_limit_mb * MEGABYTE, policy=policy)
    app.door = LocateDoor(super(App, app).__call__, state=app.state, headers=security_headers(policy))
    # A request is held against the routes one by one: what is asked most stands first.
    for routes in (
        *(locate_routes, pages, report_routes, feed_routes, batch_routes, address_routes),
        *(place_routes, incident_routes, residents),
    ):
        app.include_router(routes.router)
    if find_spec(_PLANS) is not None:
        app.include_router(importlib.import_module(_PLANS).router)
    own = Files(WEB)
    app.state.files = own
    app.router.routes += [
        Mount("/static/vendor", Files(VENDOR)),
        Mount("/static/maps", Files(MAPS_STATIC)),
        Mount("/static", own),
        Mount("/ogc", ogc),
    ]
    return app


def served() -> FastAPI:
    """Make the app from the environment's settings: what each worker of uvicorn runs.

    Returns
    -------
    FastAPI
        The app.
    """
    return create_app(read_settings(), own_process=True)


def _open(
    app: FastAPI,
    settings: Settings,
    database: Database | None,
    geocoder: Geocoder | None,
    stack: ExitStack,
) -> None:
    opened = database or _database(settings, stack)
    feed = Feed()

    def changed(compiled: Compiled) -> None:
        service.prepare()
        took_force(opened, compiled)

    current = Current(opened, settings.data_dir / "editions", on_event=feed.read, on_change=changed)
    service = Service(settings, current, opened, feed, geocoder)
    app.state.service = service
    stack.callback(current.stop)
    current.start()
    service.prepare()
    if opened is not None and not current.away:
        # Before the first request: what happens from now on is told.
        with told(), psycopg.connect(opened.plain_url, autocommit=True, connect_timeout=5) as connection:
            feed.read(connection)


def _database(settings: Settings, stack: ExitStack) -> Database:
    """Open the database; one that does not answer now is waited for, while look-ups go on."""
    if settings.database_url is not None:
        waited_for = connect(settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1))
        try:
            with waited_for.connection():
                pass
        except UnavailableError as error:
            if not any((settings.data_dir / "editions").glob("*.edition")):
                raise
            log.warning("%s; answering from the editions kept in files until it does", error.message)
            stack.callback(waited_for.engine.dispose)
            return waited_for
        waited_for.engine.dispose()
    return stack.enter_context(open_database(settings))
