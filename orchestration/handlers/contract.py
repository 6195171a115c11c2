"""Handlers of the contract: the OpenAPI document as it was generated, and Swagger UI to read it with.

Part of the HTTP face. Files are read when they are first asked for, and kept.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from orchestration.controller import ContentArchitectController
from orchestration.errors import RequestRefused
from orchestration.http import HttpCall, HttpReply, matches_tag

DOCUMENT = Path(__file__).parents[1] / "openapi.json"
"""Written by ``./dev openapi``; a test compares it with what the code says."""

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Content Architect API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<main id="swagger-ui"></main>
<script src="docs/swagger-ui.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: false,
  validatorUrl: null,
  requestSnippetsEnabled: true,
});
"""
_PACKAGE = "offapi"
"""Ships the files of Swagger UI and needs no other package; it is never imported, only read."""

_FILES = {
    "swagger-ui.css": ("swagger_style.css", "text/css; charset=utf-8"),
    "swagger-ui.js": ("swagger_bundle.js", "text/javascript; charset=utf-8"),
}


async def contract(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET openapi.json``: the document, byte for byte as it is in the repository."""
    del controller  # the contract is the same for everybody
    return _cached(call, _document(), "application/json", {})


async def docs_page(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET docs``: Swagger UI on the contract. Nothing of it comes from anywhere else."""
    del controller  # the page is the same for everybody
    headers = {"Content-Security-Policy": _PAGE_POLICY, "Referrer-Policy": "no-referrer"}
    return _cached(call, _PAGE.encode(), "text/html; charset=utf-8", headers)


async def docs_file(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET docs/{file}``: one of the page's own files."""
    del controller  # the files are the same for everybody
    name = call.route.get("file", "")
    if name == "start.js":
        return _cached(call, _START.encode(), "text/javascript; charset=utf-8", {})
    if name not in _FILES:
        raise RequestRefused("there is no such file", code="not_found", status=404)
    packaged, content_type = _FILES[name]
    if "gzip" in call.headers.get("accept-encoding", ""):
        zipped = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return _cached(call, _zipped(packaged), content_type, zipped)
    return _cached(call, _packaged(packaged), content_type, {"Vary": "Accept-Encoding"})


@cache
def _document() -> bytes:
    return DOCUMENT.read_bytes()


@cache
def _packaged(name: str) -> bytes:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise RequestRefused(f"{_PACKAGE} is not installed here", code="not_found", status=404)
    return (Path(found.submodule_search_locations[0]) / name).read_bytes()


@cache
def _zipped(name: str) -> bytes:
    return gzip.compress(_packaged(name), compresslevel=6, mtime=0)


def _cached(call: HttpCall, body: bytes, content_type: str, headers: dict[str, str]) -> HttpReply:
    """The body with its ETag, or 304. To be asked for again each time: a new version of the app may serve others."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    kept = {**headers, "ETag": tag, "Cache-Control": "no-cache"}
    if matches_tag(call.headers.get("if-none-match", ""), tag):
        return HttpReply(status=304, headers=kept)
    return HttpReply(status=200, body=body, content_type=content_type, headers=kept)
