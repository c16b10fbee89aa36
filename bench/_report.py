"""Put what a bench measured between its marks in a page of docs/."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def write_between(words: str, mark: str, heading: str, page: Path = PAGE) -> None:
    """Replace what stands between a bench's marks, or add a chapter with them at the end.

    Parameters
    ----------
    words
        Markdown.
    mark
        The bench's name, such as ``bench-walk``.
    heading
        Of the chapter, where there is none yet.
    page
        The page; made where it is missing.
    """
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    text = page.read_text("utf-8") if page.exists() else "# Benchmarks\n"
    if begin not in text:
        text = f"{text.rstrip()}\n\n## {heading}\n\n{begin}\n{end}\n"
    head, rest = text.split(begin, 1)
    tail = rest.split(end, 1)[1]
    page.write_text(f"{head}{begin}\n{words.strip()}\n{end}{tail}", encoding="utf-8")
