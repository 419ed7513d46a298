"""Stand-in photographs of simulated visits: the after chip, turned to the bearing, stamped as such."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE = (800, 600)
FONTS = (
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
)


def draw_photo(
    chip: bytes, *, bearing_deg: float, lonlat: tuple[float, float], at: datetime, number: str
) -> bytes:
    """JPEG of a simulated photograph.

    Parameters
    ----------
    chip : bytes
        JPEG of the after image around the patch.
    bearing_deg : float
        Where the simulated inspector looks, clockwise from north.
    lonlat : (lon, lat)
        EPSG:4490.
    """
    with Image.open(io.BytesIO(chip), formats=["JPEG"]) as source:
        turned = source.convert("RGB").rotate(bearing_deg, resample=Image.Resampling.BICUBIC)
    width, height = turned.size
    inner = turned.crop((width // 5, height // 5, width - width // 5, height - height // 5))
    picture = inner.resize(SIZE, Image.Resampling.BICUBIC)
    lines = (
        "演示照片（由影像生成，非现场拍摄） SIMULATED",
        f"{number}  方位 {bearing_deg:.0f}°",
        f"{at:%Y-%m-%d %H:%M:%S}  {lonlat[0]:.6f}°E {lonlat[1]:.6f}°N",
    )
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, SIZE[1] - 96, SIZE[0], SIZE[1]), fill=(16, 36, 58))
    for row, line in enumerate(lines):
        draw.text((14, SIZE[1] - 90 + 28 * row), line, fill=(255, 255, 255), font=stamp_font())
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def stamp_font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """What pictures are stamped with; a font with Chinese where there is one."""
    for path in FONTS:
        if Path(path).exists():
            return ImageFont.truetype(path, 20)
    return ImageFont.load_default()
