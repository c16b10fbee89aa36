"""``python -m gis.demo community|district [-o FOLDER] [--seed N]``: write a made-up place to files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gis.demo import community, district
from gis.demo.files import write_folder
from gis.errors import InputError, WanggeError

_FOLDERS = {"community": Path("data/boundaries"), "district": Path("out/district")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a place and write it.

    Parameters
    ----------
    arguments
        Of the command line; None takes those of the process.

    Returns
    -------
    int
        Exit status: 0, or 1 for an error, told in one line on standard error.
    """
    parser = argparse.ArgumentParser(prog="python -m gis.demo", description=__doc__)
    parser.add_argument(
        "place", choices=list(_FOLDERS), help="the demonstration community, or a whole district"
    )
    parser.add_argument("-o", "--output", type=Path, help="folder to write to (made where it is not there)")
    parser.add_argument("--seed", type=int, help="seed of chance; the same seed gives the same files")
    chosen = parser.parse_args(arguments)
    default = community.SEED if chosen.place == "community" else district.SEED
    seed = default if chosen.seed is None else chosen.seed
    folder = chosen.output or _FOLDERS[chosen.place]
    try:
        if seed < 0:
            raise InputError(f"{seed} is below 0", where="--seed", mend="give a whole number from 0")
        make = community.make_community if chosen.place == "community" else district.make_district
        command = f"python -m gis.demo {chosen.place} --seed {seed}"
        paths = write_folder(make(seed=seed), folder, command=command)
    except WanggeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{folder}: cannot be written ({error.strerror}) — choose another folder with -o\n")
        return 1
    sys.stdout.write("".join(f"{path}\n" for path in paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
