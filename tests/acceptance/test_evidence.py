"""The commands of custody and the audit chain, and the map of a bundle in a browser with the network off."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from patrol.custody.folium_map import map_page

from .conftest import Installation

pytestmark = pytest.mark.acceptance
WEST, SOUTH = 112.75, 34.95
SQUARE = [[WEST, SOUTH], [WEST + 0.001, SOUTH], [WEST + 0.001, SOUTH + 0.001], [WEST, SOUTH]]
HOSTILE = "李某</script><script>document.title='taken'</script>`${document.title='taken'}"


def feature(kind: str, geometry_type: str, coordinates: object, **properties: object) -> dict[str, object]:
    return {
        "type": "Feature",
        "geometry": {"type": geometry_type, "coordinates": coordinates},
        "properties": {"kind": kind, "name": HOSTILE, **properties},
    }


def test_a_bundles_map_draws_with_the_network_off(browser: Browser, tmp_path: Path) -> None:
    features = [
        feature("capture", "Point", [WEST + 0.0005, SOUTH - 0.0004], at="2026-09-08T13:55:00+08:00"),
        feature("visit", "Point", [WEST - 0.0004, SOUTH]),
        feature("view", "Polygon", [SQUARE]),
        feature("track", "LineString", [[WEST - 0.001, SOUTH], [WEST, SOUTH + 0.0005]]),
        feature("outline", "MultiPolygon", [[SQUARE]]),
    ]
    page_file = tmp_path / "map.html"
    made = map_page({"type": "FeatureCollection", "features": features}, title="图斑 410883-2609-0001")
    assert made is not None, "the web client is not built here"
    assert made == map_page(
        {"type": "FeatureCollection", "features": features}, title="图斑 410883-2609-0001"
    )
    page_file.write_bytes(made)
    asked: list[str] = []
    complaints: list[str] = []
    context = browser.new_context(offline=True, viewport={"width": 900, "height": 600})
    context.on("request", lambda request: asked.append(request.url))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda message: complaints.append(message.text))
    page = context.new_page()
    page.goto(page_file.as_uri())
    shapes = page.locator("path.leaflet-interactive")
    shapes.last.wait_for()
    assert shapes.count() == len(features)
    box = page.locator(".folium-map").bounding_box()
    assert box is not None
    assert box["height"] > 500
    for number in range(len(features)):
        drawn = shapes.nth(number).bounding_box()
        assert drawn is not None
        assert min(drawn["width"], drawn["height"]) > 4
        assert box["x"] <= drawn["x"] < box["x"] + box["width"]
        assert box["y"] <= drawn["y"] < box["y"] + box["height"]
    shapes.last.hover()
    told = page.locator(".leaflet-tooltip").inner_text()
    assert HOSTILE in told
    assert "时间：2026-09-08 13:55" in told
    assert page.title() == "图斑 410883-2609-0001"
    assert asked == [page_file.as_uri()]
    assert complaints == []
    context.close()


def test_the_chain_is_verified_by_command(installation: Installation) -> None:
    done = installation.run("audit", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "用 --head" in done.stdout
    head = installation.run("audit", "head")
    assert "签名公钥指纹" in head.stdout, head.stdout + head.stderr
    refused = installation.run("audit", "verify", "--head", str(installation.data_dir / "none"))
    assert (refused.returncode, "foundation.audit.bad_head" in refused.stderr) == (2, True), refused.stderr
    missing = installation.run(
        "evidence", "bundle", "410883-0000-0000", "--out", str(installation.data_dir / "x.zip")
    )
    assert (missing.returncode, "patrol.case.not_found" in missing.stderr) == (2, True), missing.stderr
    assert "补录 0 份" in installation.run("evidence", "backlog").stdout
