"""Pictures from outside: checked before anything reads them, and a clean copy that alone is served."""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from detection.cameras.policy import camera_policy
from foundation.errors import InvalidInput

FORMATS = ("JPEG", "PNG", "WEBP")
LEAST_PX = 16


def clean_copy(data: bytes, *, name: str) -> bytes:
    """A JPEG of a picture's pixels alone (no EXIF, no profile), at most so large as the table says.

    Parameters
    ----------
    name : str
        Of the file, for messages.

    Raises
    ------
    InvalidInput
        ``detection.camera.picture_too_large``, ``detection.camera.not_a_picture`` or
        ``detection.camera.picture_broken``.
    """
    edge = camera_policy()["edge"]
    if len(data) > edge["picture_max_mb"] << 20:
        raise InvalidInput(
            "detection.camera.picture_too_large", file=name, limit=f"{edge['picture_max_mb']} MB"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check_size(picture.size, name)
                plain = picture.convert("RGB")
    except UnidentifiedImageError as error:
        raise InvalidInput("detection.camera.not_a_picture", file=name) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"{edge['picture_max_mp']} MP"
        raise InvalidInput("detection.camera.picture_too_large", file=name, limit=limit) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidInput("detection.camera.picture_broken", file=name, reason=str(error)[:120]) from error
    plain.thumbnail((edge["served_max_px"], edge["served_max_px"]))
    buffer = io.BytesIO()
    plain.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _check_size(size: tuple[int, int], name: str) -> None:
    most = camera_policy()["edge"]["picture_max_mp"]
    if size[0] * size[1] > most * 1_000_000:
        raise InvalidInput("detection.camera.picture_too_large", file=name, limit=f"{most} MP")
    if min(size) < LEAST_PX:
        raise InvalidInput("detection.camera.picture_broken", file=name, reason=f"{size[0]} × {size[1]}")
