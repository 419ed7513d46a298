"""The built web client and the API browser, as files; a plain page where they are not built yet."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).resolve().parent / "static"
HASHED = "assets/"
"""Built files whose names carry a hash of their content."""
NOT_BUILT = """<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>守土 Landwarden</title>
<h1>网页尚未构建</h1>
<p>请在项目文件夹中运行 <code>./landwarden serve</code>，首次启动会自动构建。</p>
<p>接口照常可用：<a href="/openapi.json">/openapi.json</a></p>
<h2>The web client is not built yet</h2>
<p>Run <code>./landwarden serve</code> in the project folder: the first start builds it.</p>
</html>
"""


class ClientFiles(StaticFiles):
    """Files of the client: those named by hash for ever, all others asked for again each time."""

    def file_response(self, *args: object, **options: object) -> Response:
        response = super().file_response(*args, **options)  # type: ignore[arg-type]
        scope = next(value for value in (*args, *options.values()) if isinstance(value, dict))
        response.headers["Cache-Control"] = _caching(scope)
        return response


def add_pages(app: FastAPI, static: Path = STATIC) -> None:
    """Serve the client below ``/`` and the API browser below ``/docs/``."""

    @app.get("/", include_in_schema=False)
    def read_home() -> Response:
        home = static / "officer.html"
        if not home.is_file():
            return Response(NOT_BUILT, 503, media_type="text/html")
        return FileResponse(home, headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    def read_docs() -> Response:
        return RedirectResponse("/docs/")

    app.mount("/docs", ClientFiles(directory=static / "docs", html=True, check_dir=False))
    app.mount("/", ClientFiles(directory=static, check_dir=False))


def _caching(scope: Scope) -> str:
    path = str(scope["path"]).lstrip("/")
    return "public, max-age=31536000, immutable" if path.startswith(HASHED) else "no-cache"
