"""The data dictionary says what the models say, and every column says what it holds."""

from __future__ import annotations

from pathlib import Path

from gis.layers.dictionary import write_dictionary
from gis.layers.schema import ALL_MODELS, Base


def test_the_dictionary_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "data-dictionary.md"
    assert page.read_text(encoding="utf-8") == write_dictionary(), "run `make docs`"


def test_every_table_is_in_it_and_every_column_says_what_it_holds() -> None:
    assert {model.__table__ for model in ALL_MODELS} == set(Base.metadata.tables.values())
    silent = [
        str(column) for table in Base.metadata.tables.values() for column in table.columns if not column.doc
    ]
    assert silent == []
