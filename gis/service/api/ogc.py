"""OGC API Features and vector tiles of the public layers, for QGIS, GDAL and others: tipg under ``/ogc``.

tipg is given a pool of its own, whose transactions only read, and a catalogue with nothing in it but the
public views and their public columns. What it would leave open is shut here: CQL filters, in which any SQL
function could be called; CSV, which it does not guard against spreadsheets; its pages, which load parts from
other hosts; and its errors, which repeat the database's words.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl

import asyncpg
from fastapi import FastAPI, Request
from fastapi import Path as InPath
from jinja2 import Environment, FunctionLoader
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse
from starlette.templating import Jinja2Templates
from starlette.types import Receive, Scope, Send
from tipg import errors as tipg_errors
from tipg.collections import Catalog, Collection, PgCollection, pg_get_collection_index
from tipg.database import connection_factory
from tipg.factory import Endpoints
from tipg.settings import DatabaseSettings

from gis.errors import InputError, NotFoundError, UnavailableError, WanggeError
from gis.layers.base import PUBLIC_SCHEMA
from gis.layers.database import Database
from gis.layers.schema import layer_model
from gis.service.api import errors
from gis.service.residents.public_layer import PUBLIC_FIELDS, plain_hours

log = logging.getLogger(__name__)

OGC_LAYERS = tuple(layer for layer in PUBLIC_FIELDS if layer != "staff")
"""The collections: every public layer that has a shape."""

_TEMPLATES = Path(__file__).parents[1] / "residents" / "site_templates"
_SHUT = {"filter", "filter-lang", "filter-crs"}
_FORMATS_SHUT = {"csv"}
_CATALOGUE_S = 60.0
_CONNECTIONS = 4
_STATEMENT_MS = 15_000
_AWAY = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)


class Ogc:
    """The ASGI app to mount at ``/ogc``. It opens its pool at the first request, and again if that failed.

    The app that it is mounted in gives the database (``state.service.database``) and calls :meth:`close`
    when it stops.
    """

    def __init__(self) -> None:
        self._app = _tipg_app()
        self._turn = asyncio.Lock()
        self._catalogued_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - ASGI's own
        if scope["type"] != "http":
            return
        try:
            _refuse_what_is_shut(scope)
            await self._make_ready(scope["app"].state.service.database)
        except WanggeError as error:
            await errors.error_response(error)(scope, receive, send)
            return
        # tipg's links start at its own root, so the app above is left out of what they are made from.
        own = {name: value for name, value in scope.items() if name not in {"router", "app_root_path"}}
        await self._app({**own, "app_root_path": scope.get("root_path", "")}, receive, send)

    async def close(self) -> None:
        """Give the connections back."""
        pool = self._app.state.pool
        self._app.state.pool, self._catalogued_at = None, 0.0
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), 5)
            except TimeoutError:
                pool.terminate()

    async def _make_ready(self, database: Database) -> None:
        if time.monotonic() - self._catalogued_at < _CATALOGUE_S:
            return
        async with self._turn:
            if time.monotonic() - self._catalogued_at < _CATALOGUE_S:
                return
            try:
                if self._app.state.pool is None:
                    self._app.state.pool = await _pool(database)
                async with self._app.state.pool.acquire() as connection:
                    self._app.state.collection_catalog = await _catalogue(connection)
            except (*_AWAY, asyncpg.PostgresError) as error:
                log.warning("the layers for OGC clients are away: %s", type(error).__name__)
                raise UnavailableError("the database does not answer", mend="try again shortly") from error
            self._catalogued_at = time.monotonic()


async def _pool(database: Database) -> asyncpg.Pool[Any]:
    async def read_only(connection: asyncpg.Connection[Any]) -> None:
        await connection.execute("SET default_transaction_read_only = on")

    return await asyncpg.create_pool(
        database.plain_url,
        min_size=1,
        max_size=_CONNECTIONS,
        init=connection_factory([PUBLIC_SCHEMA], "pg_temp"),
        setup=read_only,
        timeout=5,
        command_timeout=_STATEMENT_MS / 1000 + 5,
        server_settings={"statement_timeout": str(_STATEMENT_MS), "timezone": "Asia/Shanghai"},
    )


async def _catalogue(connection: asyncpg.Connection[Any]) -> Catalog:
    """List the public views as collections that are named like our layers, with our fields and codes."""
    views = {str(layer_model(layer).__tablename__): layer for layer in OGC_LAYERS}
    found = await pg_get_collection_index(
        connection,
        settings=DatabaseSettings(
            schemas=[PUBLIC_SCHEMA],
            tables=[f"{PUBLIC_SCHEMA}.{view}" for view in views],
            functions=["none"],
            exclude_function_schemas=["public", PUBLIC_SCHEMA],
            only_spatial_tables=True,
            datetime_extent=False,
        ),
    )
    listed: dict[str, Collection] = {}
    for collection in found:
        layer = views.get(collection.table)
        if layer is None or not collection.id.startswith(f"{PUBLIC_SCHEMA}."):
            continue
        fields = PUBLIC_FIELDS[layer]
        columns = [column for column in collection.table_columns if column.name in fields]
        code = layer_model(layer).code_column
        listed[layer] = _OurCollection.model_construct(
            **dict(collection)
            | {
                "id": layer,
                "table_columns": columns,
                "properties": columns,
                "id_column": next(column for column in columns if column.name == code),
                "datetime_column": None,
            }
        )
    return Catalog(collections=listed, last_updated=dt.datetime.now(dt.UTC))


def _collection(
    request: Request,
    collectionId: Annotated[str, InPath(description="One of our layers")],  # noqa: N803 - OGC's name
) -> Collection:
    """Find a collection by the name of its layer."""
    catalogue: Mapping[str, Any] = request.app.state.collection_catalog
    found = catalogue["collections"].get(collectionId)
    if found is None:
        raise NotFoundError(
            "there is no such collection", where="collectionId", mend=f"choose one of {', '.join(OGC_LAYERS)}"
        )
    collection: Collection = found
    return collection


def _tipg_app() -> FastAPI:
    app = FastAPI(title="Wangge: public layers", openapi_url="/api", docs_url=None, redoc_url=None)
    app.state.pool = None
    page = (_TEMPLATES / "ogc.html").read_text(encoding="utf-8")
    # One page of ours for whatever tipg has a page for: its own load parts from other hosts.
    pages = Environment(loader=FunctionLoader(lambda _: page), autoescape=True)
    endpoints = _OurEndpoints(
        title="Wangge 公开图层 · public layers",
        templates=Jinja2Templates(env=pages),
        collection_dependency=_collection,
        with_tiles_viewer=False,
    )
    app.include_router(endpoints.router)

    @app.get("/api.html", name="swagger_ui_html", include_in_schema=False)
    def described() -> RedirectResponse:
        # tipg links a page for people; the usual one loads parts from another host.
        return RedirectResponse("api")

    errors.install(app)
    for kind in (*tipg_errors.DEFAULT_STATUS_CODES, ValueError):
        if kind is not Exception:
            app.add_exception_handler(kind, _told)
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"])
    return app


class _OurCollection(PgCollection):
    """A public view, with hours written as the published files have them."""

    async def features(self, *asked: Any, **how: Any) -> Any:
        found = await super().features(*asked, **how)
        for feature in found["items"]:
            properties = feature["properties"] or {}
            if properties.get("hours"):
                properties["hours"] = plain_hours(properties["hours"])
        return found


class _OurEndpoints(Endpoints):
    """tipg's routes, claiming only what is left open."""

    @property
    def conforms_to(self) -> list[str]:
        return [claim for claim in super().conforms_to if "filter" not in claim and "cql" not in claim]


async def _told(_: Request, error: Exception) -> Any:
    """Answer tipg's and the database's errors in our words."""
    if isinstance(error, asyncpg.PostgresConnectionError):
        answer: WanggeError = UnavailableError("the database does not answer", mend="try again shortly")
    elif isinstance(error, tipg_errors.NotFound):
        answer = NotFoundError("there is no such feature")
    elif isinstance(error, (tipg_errors.MissingCollectionCatalog, asyncpg.QueryCanceledError)):
        answer = UnavailableError("this took too long", mend="ask for less at once")
    else:
        # The words of tipg and of the database stay in the log; the kind of the error says where to look.
        log.info("an OGC request was refused: %s", type(error).__name__)
        named = {
            "InvalidBBox": "bbox", "InvalidDatetime": "datetime", "InvalidLimit": "limit",
            "InvalidPropertyName": "properties", "InvalidGeometryColumnName": "geom-column",
            "InvalidDatetimeColumnName": "datetime-column", "MissingDatetimeColumn": "datetime",
        }  # fmt: skip
        answer = InputError(
            "this request cannot be answered",
            where=named.get(type(error).__name__),
            mend="see /ogc/api for what each parameter takes",
        )
    return errors.error_response(answer)


def _refuse_what_is_shut(scope: Scope) -> None:
    query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))
    shut = sorted(_SHUT & {name.lower() for name in query})
    if shut:
        raise InputError(
            "filters in CQL are not answered here",
            where=shut[0],
            mend="filter by bbox, ids, or a property: ?category=health",
        )
    if query.get("f", "").lower() in _FORMATS_SHUT:
        raise InputError(
            "CSV is not written here", where="f", mend="take GeoJSON, or the CSV files of the published site"
        )
