"""A map of one case in one HTML file that draws with the network off: its script and style lie inside."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import folium
import shapely
from branca.element import Figure

from foundation.errors import Defect
from foundation.settings import PROJECT_ROOT

SHELVES = (
    PROJECT_ROOT / "webmap" / "static" / "leaflet",
    PROJECT_ROOT / "webmap" / "client" / "node_modules" / "leaflet" / "dist",
)
"""Where the build of the web client leaves Leaflet, and where npm does."""
STYLES: Mapping[str, Mapping[str, Any]] = {
    "outline": {"color": "#c8281e", "weight": 3, "fillColor": "#c8281e", "fillOpacity": 0.12},
    "track": {"color": "#1f6feb", "weight": 3, "opacity": 0.8},
    "view": {"color": "#b08800", "weight": 1, "fillColor": "#f2c744", "fillOpacity": 0.35},
}
POINTS: Mapping[str, Mapping[str, Any]] = {
    "visit": {"color": "#0a6640", "fill_color": "#2da44e", "radius": 8},
    "capture": {"color": "#7d4e00", "fill_color": "#f2c744", "radius": 6},
}
ORDER = ("outline", "view", "track", "visit", "capture")
LABELS = {
    "at": "时间",
    "from_at": "开始",
    "to_at": "结束",
    "file": "文件",
    "bearing_deg": "方位角",
    "accuracy_m": "定位精度（米）",
    "plausibility": "可信度",
}
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
"""The browser itself refuses whatever this page would fetch."""
OUTSIDE = re.compile(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//|@import""")
URLS = re.compile(r"url\([^)]*\)")
RANDOM_NAMES = re.compile(r"_[0-9a-f]{32}\b")
STYLE = """html, body { margin: 0; height: 100%; font-family: sans-serif; }
h1 { font-size: 16px; line-height: 24px; margin: 0; padding: 8px 12px; }
.legend { font-weight: normal; font-size: 13px; color: #555; }
.folium-map { position: absolute !important; top: 40px !important; bottom: 0; height: auto !important; }
.folium-map { background: #f4f1ea; }
.leaflet-tooltip { white-space: normal; width: 17em; overflow-wrap: anywhere; }
"""


def map_page(geojson: Mapping[str, Any], *, title: str) -> bytes | None:
    """The page; None where Leaflet lies nowhere here, because the web client was never built.

    Parameters
    ----------
    geojson : mapping
        FeatureCollection as `patrol.custody.bundle.geojson` makes it, EPSG:4490 lon/lat.

    Raises
    ------
    Defect
        ``patrol.bundle.map_needs_network``: something in the page would be fetched.
    """
    shelf = next((place for place in SHELVES if (place / "leaflet.js").is_file()), None)
    if shelf is None:
        return None
    figure = Figure(title=title)
    page = folium.Map(tiles=None, control_scale=True, attribution_control=False)
    # Their lists name outside addresses; this map needs Leaflet alone, which is put in below.
    page.default_js, page.default_css = [], []
    figure.add_child(page)
    corners = []
    # Points last, so that no area lies over them.
    for feature in sorted(geojson["features"], key=lambda each: ORDER.index(each["properties"]["kind"])):
        _add(page, feature)
        corners.append(shapely.from_geojson(json.dumps(feature["geometry"])).bounds)
    west, south, east, north = shapely.total_bounds([shapely.box(*each) for each in corners])
    page.fit_bounds([[south, west], [north, east]], padding=(40, 40), max_zoom=18)
    made = _with_fixed_names(figure.render())
    if OUTSIDE.search(made):
        raise Defect("patrol.bundle.map_needs_network")
    heading = f"<h1>{html.escape(title)} {LEGEND}</h1>"
    return (
        made.replace("<head>", f"<head>{_inlined(shelf, title)}", 1)
        .replace("<body>", f"<body>{heading}", 1)
        .encode()
    )


LEGEND = (
    '<span class="legend">红：图斑　蓝：巡查轨迹　绿点：核查位置　黄点：拍摄位置及视线范围'
    "（CGCS2000；离线地图，无底图）</span>"
)


def _add(page: folium.Map, feature: Mapping[str, Any]) -> None:
    kind, geometry = feature["properties"]["kind"], feature["geometry"]
    tooltip = folium.Tooltip(_told(feature["properties"]), sticky=True)
    if kind in POINTS:
        longitude, latitude = geometry["coordinates"]
        folium.CircleMarker(
            (latitude, longitude), fill=True, fill_opacity=0.9, weight=2, tooltip=tooltip, **POINTS[kind]
        ).add_to(page)
        return
    style = dict(STYLES[kind])
    bare = {"type": "Feature", "geometry": geometry, "properties": {}}
    folium.GeoJson(bare, style_function=lambda _feature: style, tooltip=tooltip).add_to(page)


def _told(properties: Mapping[str, Any]) -> str:
    """What is said of a feature; names were typed by people, so nothing in them is markup or script."""
    lines = [str(properties["name"])]
    lines += [
        f"{label}：{_short(key, properties[key])}"
        for key, label in LABELS.items()
        if properties.get(key) is not None
    ]
    text = "<br>".join(html.escape(line) for line in lines)
    for letter in "`$\\{}":
        text = text.replace(letter, f"&#{ord(letter)};")
    return text


def _short(key: str, value: Any) -> str:
    return str(value)[:16].replace("T", " ") if key.endswith("at") else str(value)


def _inlined(shelf: Path, title: str) -> str:
    script = (shelf / "leaflet.js").read_text("utf-8")
    script = re.sub(r"//# sourceMappingURL=.*", "", script).replace("</script", "<\\/script")
    # Its pictures (layer switch, pin) are not used here.
    style = URLS.sub("none", (shelf / "leaflet.css").read_text("utf-8"))
    return (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{html.escape(title)}</title><style>{style}</style><style>{STYLE}</style>"
        f"<script>{script}</script>"
    )


def _with_fixed_names(page: str) -> str:
    """Names that are drawn by lot become numbers: the same case gives the same page."""
    names = list(dict.fromkeys(RANDOM_NAMES.findall(page)))
    for number, name in enumerate(names):
        page = page.replace(name, f"_{number}")
    return page
