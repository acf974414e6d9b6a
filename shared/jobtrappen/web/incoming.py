# SPDX-License-Identifier: MPL-2.0
"""What a request brings, read strictly: one JSON object in UTF-8 (RFC 8259), query parameters that the operation has."""
from __future__ import annotations

import json
import re
from typing import Any

from flask import request
from gunicorn.http.errors import ParseException
from marshmallow import Schema, fields
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType

from jobtrappen.errors import Invalid, Rejected
from jobtrappen.strict_json import DECODER

WHOLE = re.compile(r"-?[0-9]{1,18}")


def whole_body() -> bytes:
    """The request's body, all of it: a list that is cut off in the middle must not be taken for a shorter one.

    Raises:
        RequestEntityTooLarge: 413; werkzeug itself cuts a chunked body at the limit without a word.
        ClientDisconnected: 400, less came than Content-Length said.
        Rejected: 400, the chunks that it comes in are broken.
    """
    try:
        body, told, limit = request.get_data(), request.content_length, request.max_content_length
    except ParseException as error:  # the web server reads chunks only when they are asked for
        raise Rejected(f"The body's chunks are broken ({error.__class__.__name__}). Send it with a Content-Length.") from None
    if told is None and limit is not None and len(body) >= limit:
        raise RequestEntityTooLarge
    if told is not None and len(body) < told:
        raise ClientDisconnected("The body is shorter than its Content-Length; send it again.")
    return body


def json_body(body: bytes) -> dict[str, Any]:
    """The request's JSON object.

    Raises:
        UnsupportedMediaType: 415, another content type or charset.
        Rejected: 400, not one JSON object.
    """
    require_type("application/json")
    try:
        text = body.decode("utf-8")
        document = DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:  # half a surrogate pair can be escaped, and can never be stored or sent back
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise Rejected("The body is nested too deeply. Send one JSON object as the OpenAPI page shows it.") from None
    except ValueError as error:
        raise Rejected(f"The body is not JSON ({_why(error)}). Send one JSON object in UTF-8.") from None
    if not isinstance(document, dict):
        raise Rejected("The body is not a JSON object. Send {…}.")
    return document


def _why(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}"
    return "not UTF-8, or half a surrogate pair" if isinstance(error, UnicodeError) else str(error)[:80]


def require_type(wanted: str) -> None:
    """The Content-Type header is the one that the operation takes, in UTF-8.

    Raises:
        UnsupportedMediaType: 415, with the one to send.
    """
    if request.mimetype != wanted or request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(f"Send Content-Type: {wanted} in UTF-8.")


def arguments(schema: Schema | None) -> dict[str, Any]:
    """The query's parameters; text is read as whole numbers and flags where the strict fields want them.

    Raises:
        Invalid: 422, one that the operation does not have, or one that stands twice.
        ValidationError: 422, a value that does not fit.
    """
    known = {f.data_key or name: f for name, f in schema.load_fields.items()} if schema is not None else {}
    values: dict[str, Any] = {}
    for name, texts in request.args.lists():
        if name not in known:
            raise Invalid(name, f"is not a parameter of this operation; it has {', '.join(known) or 'none'}")
        if len(texts) > 1:
            raise Invalid(name, "stands twice; send it once")
        values[name] = _typed(known[name], texts[0])
    return dict(schema.load(values)) if schema is not None else {}


def _typed(kind: fields.Field, text: str) -> Any:
    if isinstance(kind, fields.Integer) and WHOLE.fullmatch(text):
        return int(text)
    if isinstance(kind, fields.Boolean) and text in ("true", "false"):
        return text == "true"
    return text
