# SPDX-License-Identifier: MPL-2.0
"""Pages that are generated from what the code declares, committed, and checked for drift (`python -m jobtrappen.docs`):
docs/lifecycles.md, docs/visibility.md, docs/api/<service>.openapi.json and docs/api/events.asyncapi.json.
"""
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from jobtrappen import plugins
from jobtrappen.config import PUBLIC_TOPIC, TOPICS, Settings
from jobtrappen.contracts import CATALOGUE, sample, schema
from jobtrappen.docs_visibility import visibility_page
from jobtrappen.event import ROLE, UNIT
from jobtrappen.lifecycle import BEFORE, SAME, Lifecycle
from jobtrappen.runtime import Runtime, Service
from jobtrappen.web import openapi
from jobtrappen.web.app import routes

ROLE_NAMES = {"caseworker": "caseworker", "consultant": "consultant", "team_lead": "team lead", "coordinator": "coordinator",
              "administrator": "administrator", "partner": "partner", "system": "the suite, by an event or a dated rule"}


def lifecycle_page(services: dict[str, Service]) -> str:
    """All lifecycles as tables and diagrams, for a caseworker to read and correct."""
    parts = ["# Lifecycles\n", "Generated from the services' `model.py`. Anything that is not listed is refused (409, with the allowed actions). "
             "Every action takes an effective date, never before the latest one and never in the future.\n"]
    for service in services.values():
        parts += [f"## {service.title.split(':')[0]} (`{service.name}`)\n"] + [_table(one) for one in service.lifecycles]
    return "\n".join(parts)


def _table(lifecycle: Lifecycle) -> str:
    rows = ["| action | from → to | who | required | event |", "|---|---|---|---|---|"]
    arrows = set()
    for line in lifecycle.steps:
        to = {BEFORE: "the state before", SAME: "stays"}.get(line.to, line.to)
        who = ", ".join(sorted(ROLE_NAMES[r] for r in line.who)) + (f" (the {line.side}'s unit)" if line.side in ("sender", "receiver") else "")
        rows.append(f"| {line.action} | {', '.join(sorted(line.frm)) or '–'} → {to} | {who} | {', '.join(line.required) or '–'} | {line.says or '–'} |")
        if line.to not in (BEFORE, SAME):
            arrows |= {f"  {source} --> {line.to}: {line.action}" for source in (sorted(line.frm) or ["[*]"]) if len(line.frm) < 8}
    diagram = ["```mermaid", "stateDiagram-v2", *sorted(arrows), "```"]
    return "\n".join([f"### {lifecycle.title or lifecycle.name}\n", *rows, "", *diagram, ""])


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0 of the five topics: which messages they carry, with schemas and golden samples."""
    channels: dict[str, Any] = {topic: {"address": topic, "title": f"What {name} says", "messages": {}} for name, topic in TOPICS.items()}
    channels[PUBLIC_TOPIC] = {"address": PUBLIC_TOPIC, "title": "What integrators may read, from all four services", "messages": {}}
    messages, schemas = {}, {}
    for name, contract in sorted(CATALOGUE.items()):
        copies = [(TOPICS[contract.by], name, False)] + ([(PUBLIC_TOPIC, f"public.{name}", True)] if contract.public else [])
        for topic, key, public in copies:
            ref = f"{key}.v{contract.version}"
            body = schema(name, public)
            schemas[ref] = {k: v for k, v in body.items() if k not in ("$schema", "$id")}
            messages[ref] = {"name": f"jobtrappen.{name}.v{contract.version}", "title": contract.says, "contentType": "application/cloudevents+json",
                             "payload": _envelope(f"#/components/schemas/{ref}"),
                             "examples": [{"payload": {"data": {k: v for k, v in sample(name).items() if not public or k in contract.public}}}]}
            channels[topic]["messages"][ref] = {"$ref": f"#/components/messages/{ref}"}
    operations = {f"receive.{topic}": {"action": "receive", "channel": {"$ref": f"#/channels/{topic}"}} for topic in channels}
    return {"asyncapi": "3.0.0", "info": {"title": "Jobtrappen events", "version": "1.0.0", "license": {"name": "MPL-2.0"},
                                          "description": "CloudEvents 1.0, structured JSON. At-least-once; events of one key of one topic come in commit order and `seq` shows a gap."},
            "defaultContentType": "application/cloudevents+json", "channels": channels, "operations": operations,
            "components": {"messages": messages, "schemas": schemas}}


def _envelope(data: str) -> dict[str, Any]:
    text = {"type": "string"}
    return {"type": "object", "required": ["specversion", "id", "source", "type", "subject", "time", "partitionkey", "recordedtime", "seq", "epoch", "data"],
            "properties": {"specversion": {"const": "1.0"}, "id": {"type": "string", "format": "uuid"}, "source": {"type": "string", "format": "uri"}, "type": text,
                           "subject": text, "time": {"type": "string", "format": "date-time"}, "partitionkey": text, "correlationid": text, "causationid": text,
                           "recordedtime": {"type": "string", "format": "date-time"}, "seq": {"type": "integer", "minimum": 1}, "epoch": {"type": "integer", "minimum": 1},
                           "subjectversion": {"type": "integer"}, "actorrole": {"type": "string", "pattern": f"^{ROLE.pattern}$"},
                           "actorunit": {"type": "string", "pattern": f"^{UNIT.pattern}$"}, "audience": {"enum": ["internal", "partner", "integrator"]}, "data": {"$ref": data}}}


def pages() -> dict[str, str]:
    """{path below docs/: text}."""
    services = plugins.services()
    settings = Settings(Path(), "sqlite://", "sqlite://", "x" * 40, mode="demo")
    found = {"lifecycles.md": lifecycle_page(services), "api/events.asyncapi.json": _json(asyncapi())}
    all_routes = {name: routes(Runtime(service, settings)) for name, service in services.items()}
    found["visibility.md"] = visibility_page(services, all_routes)
    for name, service in services.items():
        found[f"api/{name}.openapi.json"] = _json(openapi.document(service, all_routes[name]))
    return found


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def main(root: Path = Path("docs")) -> int:
    """Write the pages, or with --check say what has drifted."""
    drifted = [path for path, text in pages().items() if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != text]
    if "--check" not in sys.argv:
        for path in drifted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(pages()[path], encoding="utf-8")
    print(f"{len(drifted)} drifted: {', '.join(drifted)}" if drifted else "no drift")
    return 1 if drifted and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
