"""`wangge …`: the use cases on the command line.

Exit status: 0 done, 1 a usage or input error (one line says what, where and what to do), 130 interrupted.
A traceback is never shown; ``WANGGE_DEBUG=1`` writes it to standard error for whoever mends this program.
"""

from __future__ import annotations

import logging
import os
import sys

import typer
from rich.console import Console
from typer.exceptions import TyperException

from gis.cli import dividing, layers, locating, mapping, serving
from gis.errors import WanggeError

app = typer.Typer(
    name="wangge",
    help="网格 · Grid management for Chinese city districts: locate, divide and map.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (serving, layers, locating, dividing, mapping):
    part.add_commands(app)

_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line, and end the process with its exit status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        The command line's words after ``wangge``.

    Returns
    -------
    int
        The exit status.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        status = app(arguments, standalone_mode=False)
    except WanggeError as error:
        return _fail(str(error))
    except TyperException as error:
        if not str(error):
            return 0  # the help was asked for by giving no words at all
        words = error.format_message() if hasattr(error, "format_message") else str(error)
        return _fail(f"{words} — see `wangge {' '.join(arguments[:1])} --help`")
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:  # noqa: BLE001 - whatever it is, a user gets no traceback
        if os.environ.get("WANGGE_DEBUG"):
            _errors.print_exception()
        return _fail(
            f"this program has a fault ({type(error).__name__}) — please report it, with what "
            "WANGGE_DEBUG=1 prints"
        )
    return status if isinstance(status, int) else 0


def _fail(words: str) -> int:
    _errors.print("wangge:", words, markup=False)
    return 1
