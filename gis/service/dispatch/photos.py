"""Photos of reports: the position inside is offered, then everything but the picture is removed."""

from __future__ import annotations

import io
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from gis.errors import InputError, NotFoundError, TooLargeError

LARGEST_BYTES = 12 * 1024 * 1024
_LARGEST_PIXELS = 60_000_000
_LONGEST_SIDE = 2048
_QUALITY = 85
_GPS = 0x8825
_FORMATS = ("JPEG", "PNG", "WEBP")
_AT_ONCE = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class Photo:
    """A photo made clean.

    Attributes
    ----------
    content
        JPEG without any data but the picture, turned upright, 2,048 pixels at most.
    position
        Longitude and latitude in WGS84 that were inside; None where there were none.
    """

    content: bytes
    position: tuple[float, float] | None


@dataclass
class TakenPhoto:
    """The photo of a report that is being taken in.

    Attributes
    ----------
    name
        The name that it is stored under; None: there is none.
    position
        Longitude and latitude in WGS84 that were inside, to be offered.
    again
        Whether its report was there already, so that the photo is one too many.
    """

    name: str | None = None
    position: tuple[float, float] | None = None
    again: bool = False

    def offered(self) -> dict[str, Any]:
        """Return what the answer offers: ``photo_position``, or nothing."""
        if self.position is None:
            return {}
        return {"photo_position": {"lon": self.position[0], "lat": self.position[1], "crs": "wgs84"}}


def clean_photo(content: bytes) -> Photo:
    """Read the position out of a photo and write the picture anew without it.

    Parameters
    ----------
    content
        JPEG, PNG or WebP.

    Returns
    -------
    Photo
        The clean picture, and the position to be offered.

    Raises
    ------
    InputError
        If it is no picture that can be read.
    TooLargeError
        If it is larger than 12 MB or 60 megapixels.
    """
    if len(content) > LARGEST_BYTES:
        raise TooLargeError("the photo is larger than 12 MB", where="photo", mend="send it smaller")
    try:
        # A large picture takes hundreds of megabytes while it is read: they are read a few at a time.
        with _AT_ONCE, Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            if picture.width * picture.height > _LARGEST_PIXELS:
                raise _too_many_pixels()
            position = _position(picture)
            picture.draft("RGB", (_LONGEST_SIDE, _LONGEST_SIDE))
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
            # Only the pixels go over: whatever a format may carry beside them stays behind.
            plain = Image.new("RGB", upright.size, "white")
            rgba = upright.convert("RGBA")
            plain.paste(rgba, mask=rgba.getchannel("A"))
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InputError(
            "this is no photo that can be read", where="photo", mend="send JPEG, PNG or WebP"
        ) from error
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return Photo(out.getvalue(), position)


def _too_many_pixels() -> TooLargeError:
    return TooLargeError("the photo has too many pixels", where="photo", mend="send it smaller")


def store_photo(content: bytes, folder: Path) -> str:
    """Store a clean photo under a name that nobody can guess.

    Parameters
    ----------
    content
        From :func:`clean_photo`.
    folder
        Made where it is missing, for its owner only.

    Returns
    -------
    str
        The name.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{secrets.token_hex(16)}.jpg"
    (folder / name).write_bytes(content)
    return name


@contextmanager
def taken_photo(sent: BinaryIO | None, folder: Path) -> Iterator[TakenPhoto]:
    """Clean and store the photo of a report, and remove it again where the report is not taken.

    Parameters
    ----------
    sent
        The photo as it was sent, open; None: there is none.
    folder
        Where photos are.

    Yields
    ------
    TakenPhoto
        Its name and position; set ``again`` where its report was there already.
    """
    taken = TakenPhoto()
    if sent is not None:
        clean = clean_photo(sent.read(LARGEST_BYTES + 1))
        taken = TakenPhoto(store_photo(clean.content, folder), clean.position)
    try:
        yield taken
    except BaseException:
        forget_photo(taken.name, folder)
        raise
    if taken.again:
        forget_photo(taken.name, folder)


def read_photo(name: str, folder: Path) -> bytes:
    """Read a stored photo.

    Parameters
    ----------
    name
        From :func:`store_photo`.
    folder
        Where photos are.

    Returns
    -------
    bytes
        JPEG.

    Raises
    ------
    NotFoundError
        If it is not there.
    """
    path = folder / Path(name).name
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError("the photo is not there any more") from error


def forget_photo(name: str | None, folder: Path) -> None:
    """Remove a photo whose report was not taken.

    Parameters
    ----------
    name
        From :func:`store_photo`; None: there was none.
    folder
        Where photos are.
    """
    if name is not None:
        (folder / Path(name).name).unlink(missing_ok=True)


def _position(picture: Image.Image) -> tuple[float, float] | None:
    """Read longitude and latitude; nonsense counts as none."""
    gps = picture.getexif().get_ifd(_GPS)
    try:
        lat = _degrees(gps[2]) * (-1 if gps[1] in {"S", b"S"} else 1)
        lon = _degrees(gps[4]) * (-1 if gps[3] in {"W", b"W"} else 1)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, IndexError):
        return None
    usable = -180 <= lon <= 180 and -90 <= lat <= 90 and (lon, lat) != (0, 0)
    return (round(lon, 7), round(lat, 7)) if usable else None


def _degrees(parts: tuple[float, float, float]) -> float:
    return float(parts[0]) + float(parts[1]) / 60 + float(parts[2]) / 3600
