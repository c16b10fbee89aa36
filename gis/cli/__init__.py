"""`wangge …`: the use cases on the command line.

Exit status: 0 done, 1 a usage or input error (one line says what, where and what to do), 130 interrupted.
A traceback is never shown; ``WANGGE_DEBUG=1`` writes it to standard error for whoever mends this program.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys

import typer
from rich.console import Console
from typer.exceptions import TyperException

from gis.cli import dividing, layers, locating, mapping, serving, walking
from gis.errors import WanggeError

app = typer.Typer(
    name="wangge",
    help="网格 · Grid management for Chinese city districts: locate, divide and map.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (serving, layers, locating, dividing, mapping, walking):
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
        status = app(arguments, prog_name="wangge", standalone_mode=False)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:  # noqa: BLE001 - whatever it is, a user gets no traceback
        return _tell(error)
    return status if isinstance(status, int) else 0


def _tell(error: Exception) -> int:
    """Say in one line what went wrong, and give the exit status."""
    if isinstance(error, TyperException):
        if not str(error):
            return 0  # the help was asked for by giving no words at all
        words = error.format_message() if hasattr(error, "format_message") else str(error)
        context = getattr(error, "ctx", None)
        words = f"{words} — see `{context.command_path if context else 'wangge'} --help`"
    elif isinstance(error, BrokenPipeError):
        # Whoever read the output, such as `head`, has seen enough.
        _discard_output()
        return 1
    elif isinstance(error, OSError):
        words = _of_the_system(error)
    elif isinstance(error, WanggeError):
        words = str(error)
    else:
        if os.environ.get("WANGGE_DEBUG"):
            _errors.print_exception()
        words = (
            f"this program has a fault ({type(error).__name__}) — please report it, with what "
            "WANGGE_DEBUG=1 prints"
        )
    _errors.print("wangge:", words, markup=False)
    return 1


def _of_the_system(error: OSError) -> str:
    """Say in plain words what the machine refused: a full disk, a closed folder."""
    where = f"{error.filename}: " if error.filename is not None else ""
    what, mend = _SYSTEM.get(
        error.errno or 0,
        (f"the system refused ({error.strerror})", "check the name, the folder and the disk"),
    )
    if error.filename is None:
        _discard_output()
    return f"{where}{what} — {mend}"


_SYSTEM = {
    errno.ENOSPC: ("the disk is full", "make room, or write elsewhere"),
    errno.EDQUOT: ("this account's share of the disk is full", "make room, or write elsewhere"),
    errno.EROFS: ("this disk may only be read", "write elsewhere"),
    errno.EACCES: ("this account may not read or write there", "check who owns it, or write elsewhere"),
    errno.EPERM: ("this account may not read or write there", "check who owns it, or write elsewhere"),
    errno.EISDIR: ("it is a folder", "name a file in it"),
    errno.ENOTDIR: ("a file stands where a folder is needed", "name another place"),
    errno.ENAMETOOLONG: ("the name is too long", "give a shorter one"),
}


def _discard_output() -> None:
    """Keep Python from trying again, as it ends, to write what could not be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
