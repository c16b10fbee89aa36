"""CSV as it is really sent: any encoding, any delimiter, broken quotes, and spreadsheets on the way.

Spreadsheets
------------
Excel and WPS turn ``150105001001001`` into 1.50105E+14 and write that back on saving; they turn ``2-1``
into a date and run ``=…``. Quoting a cell does not help them. ``="…"`` shows well, but the next save
writes the bare digits, and the opening after that loses them. What lasts through opening and saving, any
number of times, is a character before the digits that is no part of a number and is not seen: the tab,
as the exports of Chinese payment services write it. So :func:`guard` puts **one tab** before every text
that a spreadsheet would change or run, and :func:`unguard` takes one tab away. Text that starts with a
tab itself gets a second one, so that every text comes back as it was. A byte-order mark tells Excel that
the file is UTF-8.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gis.errors import InputError

_CHUNK = 1 << 22
_LONGEST_CELL = 1 << 30
_LONGEST_RECORD_LINES = 500
_DELIMITERS = ",;\t|"

_CHANGED = re.compile(
    r"""
    ^[=+\-@\t\r] | ^['`][0-9]                # a formula, or what unguard() takes for a mark
    | ^[0-9]{12,}$ | ^0[0-9]+$              # digits lost, zeros lost
    | ^[0-9]+[.,][0-9]*$ | ^[.,][0-9]+$     # text that only looks like a number
    | ^[0-9][0-9.,]*[eE][+-]?[0-9]+$        # 12E3
    | ^[0-9]{1,4}[-/.:][0-9]{1,2}([-/.:][0-9]{1,4})?(\ .*)?$  # 2-1, 3/4, 12:30
    | ^[0-9]{1,4}年([0-9]{1,2}月)?([0-9]{1,2}日)?$ | ^[0-9]{1,2}月([0-9]{1,2}日)?$
    | ^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[\ \-]?[0-9]+$
    | ^(true|false)$
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MARKS = "\t='`"
_SPREADSHEET_MARK = re.compile(r"^\"?sep=.\"?\s*$", re.IGNORECASE)
_FORMULA_TEXT = re.compile(r'^="((?:[^"]|"")*)"$')
_APOSTROPHE_DIGITS = re.compile(r"^['`]([0-9][0-9-]*)$")


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes
    ----------
    encoding
        A Python codec, without the byte-order mark's.
    bom
        Whether it begins with a byte-order mark.
    delimiter
        One character.
    guessed
        Whether the encoding was neither given nor marked.
    """

    encoding: str
    bom: bool
    delimiter: str
    guessed: bool

    @property
    def codec(self) -> str:
        """The codec to open the file with: it takes the mark away."""
        if self.bom and self.encoding == "utf-8":
            return "utf-8-sig"
        return self.encoding.removesuffix("-le").removesuffix("-be") if self.bom else self.encoding


@dataclass
class Record:
    """One record of a CSV file.

    Attributes
    ----------
    number
        Its row as a spreadsheet counts: the header is 1.
    cells
        Its cells, or None where its quotes never close.
    raw
        Its text as it stands, without the line end.
    line_end
        The line end.
    """

    number: int
    cells: list[str] | None
    raw: str
    line_end: str


def guard(text: str) -> str:
    """Put a tab before a text that a spreadsheet would change or run.

    Parameters
    ----------
    text
        A cell.

    Returns
    -------
    str
        The cell as it goes into the file.
    """
    return "\t" + text if _CHANGED.match(text) else text


def unguard(text: str) -> str:
    """Take away the mark that keeps a spreadsheet off: ours, ``="…"``, or an apostrophe before digits.

    Parameters
    ----------
    text
        A cell as it stands in the file.

    Returns
    -------
    str
        What is meant.
    """
    if not text or text[0] not in _MARKS:
        return text
    if text[0] == "\t":
        return text[1:]
    formula = _FORMULA_TEXT.match(text)
    if formula:
        return formula[1].replace('""', '"')
    digits = _APOSTROPHE_DIGITS.match(text)
    return digits[1] if digits else text


def detect(path: Path, encoding: str | None = None) -> Dialect:
    """Find out how a CSV file is written, reading it through once.

    Parameters
    ----------
    path
        The file.
    encoding
        Its encoding, where the user names one.

    Returns
    -------
    Dialect
        UTF-8 where the bytes are, else GB18030 (which GBK and GB2312 are parts of).

    Raises
    ------
    InputError
        If the file is empty, or its bytes are text in none of these.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise InputError("the file is empty", where=path.name, mend="export it again")
    name, bom = _marked(head)
    guessed = False
    if encoding is not None:
        name = check_encoding(encoding, path.name)
        if not _is_text(path, name):
            raise InputError(
                f"its bytes are not {name} text", where=path.name, mend="name the encoding it was saved in"
            )
    elif not name:
        guessed = True
        name = next((codec for codec in ("utf-8", "gb18030") if _is_text(path, codec)), "")
        if not name:
            raise InputError(
                "its bytes are neither UTF-8 nor GB18030 text",
                where=path.name,
                mend="name its encoding, or export it again as UTF-8",
            )
    dialect = Dialect(name, bom, ",", guessed)
    with path.open(encoding=dialect.codec, newline="") as file:
        header = _first_line(file)
    if "\0" in header:
        raise InputError("it is not a text file", where=path.name, mend="export it again as CSV in UTF-8")
    if _SPREADSHEET_MARK.match(header):
        raise InputError(
            f"its first line {header.strip()!r} is a spreadsheet's own mark, not the columns' names",
            where=path.name,
            mend="take that line out, so that the first line names the columns",
        )
    counts = {delimiter: _outside_quotes(header).count(delimiter) for delimiter in _DELIMITERS}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return Dialect(name, bom, best if counts[best] else ",", guessed)


def check_encoding(name: str, where: str) -> str:
    """Return the codec's own name, or say that it is not known.

    Parameters
    ----------
    name
        As a user or a ``.cpg`` writes it: ``GBK``, ``936``, ``UTF-8`` …
    where
        The file, for the message.

    Returns
    -------
    str
        A Python codec; GBK and GB2312 become GB18030, which reads both.

    Raises
    ------
    InputError
        If Python has no such codec.
    """
    text = name.strip()
    text = f"cp{text}" if text.isdigit() else text.replace("ANSI ", "cp")
    try:
        # Python also calls base64 and rot13 codecs; only those of text can be opened.
        with io.TextIOWrapper(io.BytesIO(), encoding=text):
            found = codecs.lookup(text).name
    except (LookupError, ValueError):
        raise InputError(f"{name!r} is not an encoding", where=where, mend="give UTF-8 or GB18030") from None
    found = {"utf-8-sig": "utf-8", "utf_8_sig": "utf-8"}.get(found, found)
    return "gb18030" if found in {"gbk", "gb2312", "cp936"} else found


def records(file: IO[str], delimiter: str, *, empty_rows: bool = False) -> Iterator[Record]:
    """Read record by record, keeping each one's own text.

    A quote that never closes spoils its own line only: the next line is a record again. Blank lines are
    passed over, but counted in the numbers as a spreadsheet counts them.

    Parameters
    ----------
    file
        Opened with ``newline=""``.
    delimiter
        One character.
    empty_rows
        Whether a row below the header is given though all its cells are empty; else it is passed over as a
        blank line is. A spreadsheet leaves such rows where something was deleted.

    Yields
    ------
    Record
        The header is the first.
    """
    csv.field_size_limit(_LONGEST_CELL)
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter)
    number = 0
    begun = False
    while True:
        lines.taken.clear()
        line = next(lines, None)
        if line is None:
            return
        number += 1
        cells: list[str] | None
        if '"' not in line:
            # Most lines: without a quote, splitting is all that the csv module would do.
            body = line.rstrip("\r\n")
            cells = body.split(delimiter)
        else:
            lines.give_back()
            cells = _quoted_cells(lines, reader)
            if cells is None:
                reader = csv.reader(lines, delimiter=delimiter)
            line = lines.taken[0] if len(lines.taken) == 1 else "".join(lines.taken)
            body = line.rstrip("\r\n")
        if cells is None or any(cells) or (begun and empty_rows and len(cells) > 1):
            begun = True
            yield Record(number, cells, body, line[len(body) :])


def _quoted_cells(lines: _Lines, reader: Iterator[list[str]]) -> list[str] | None:
    """Read a record that has quotes; None where they never close, and then only its first line is taken."""
    cells: list[str] | None
    try:
        cells = next(reader)
    except (_TooLongError, csv.Error, StopIteration):
        cells = None
    if len(lines.taken) > 1 and (cells is None or (lines.ended and _open_quote(lines.taken))):
        lines.push_back()
        return None
    return None if lines.ended and _open_quote(lines.taken) else cells


class _TooLongError(Exception):
    """A record that takes in more lines than any cell has."""


class _Lines:
    """The file's lines; remembers those that the current record took, and can give them back."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file
        self.waiting: deque[str] = deque()
        self.taken: list[str] = []
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= _LONGEST_RECORD_LINES:
            raise _TooLongError
        if self.waiting:
            line = self.waiting.popleft()
        else:
            line = self.file.readline()
            if not line:
                self.ended = True
                raise StopIteration
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """Let the line that was just taken be read again."""
        self.waiting.appendleft(self.taken.pop())

    def push_back(self) -> None:
        """Keep the first line only; the others are read again."""
        self.waiting.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        self.ended = False


def _open_quote(lines: list[str]) -> bool:
    return sum(line.count('"') for line in lines) % 2 == 1


def _marked(head: bytes) -> tuple[str, bool]:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8", True
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", True
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be", True
    return "", False


def _is_text(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _first_line(file: IO[str]) -> str:
    for line in file:
        if line.strip():
            return line
    return ""


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])
