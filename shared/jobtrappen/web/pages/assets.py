# SPDX-License-Identifier: MPL-2.0
"""Stylesheet, script, icons and fonts, all of our own address. They are named by their content, so a browser keeps them for good. They
are packed here, whoever stands in front; pages are not, since their packed length would tell of the names and the token in them."""
from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

STATIC = Path(__file__).parents[1] / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".woff": "font/woff", ".txt": "text/plain; charset=utf-8"}
PACKED = (".css", ".js", ".svg", ".txt")


@lru_cache(maxsize=512)
def _file(name: str) -> tuple[bytes, bytes, str]:
    """(content, the same packed or b"", its name's digest)."""
    path = safe_join(str(STATIC), name)
    if path is None or not Path(path).is_file():
        raise NotFound
    content = Path(path).read_bytes()
    return content, gzip.compress(content, 9, mtime=0) if Path(name).suffix in PACKED else b"", hashlib.sha256(content).hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a file of the theme."""
    return url_for("static_file", name=name, v=_file(name)[2])


def install(app: Flask) -> None:
    app.jinja_env.globals["asset"] = asset

    @app.get("/static/<path:name>")
    def static_file(name: str) -> Any:
        content, packed, digest = _file(name)
        zipped = packed and request.accept_encodings["gzip"] > 0
        answer = Response(packed if zipped else content, content_type=TYPES.get(Path(name).suffix, "application/octet-stream"))
        if zipped:
            answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Vary"] = "Accept-Encoding"
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if request.args.get("v") == digest else "no-cache"
        return answer
