# SPDX-License-Identifier: MPL-2.0
"""The one place where rights to read are checked: which fields of which resource which role sees, on every surface.

A service declares its table once (`Rights({"citizen": {CASEWORKER: ALL, …}})`). API, lists, search, reports and local copies
all pass through `view`. What is not listed is not seen. Which rows a partner sees is in `Rights.rows`.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobtrappen.errors import Forbidden
from jobtrappen.tx import Actor

ALL = frozenset({"*"})
FRAME = frozenset({"id", "version", "status", "effective_date", "allowed_actions"})
"""What every reader of a resource sees: no person in it."""


def fields(words: str) -> frozenset[str]:
    """A field set as it is typed in rights.py: blank-separated words."""
    return frozenset(words.split()) | FRAME


@dataclass(frozen=True)
class Rights:
    """resource → role → the fields it sees. A role of "service:matching" is another service of the suite."""

    table: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)

    def readers(self, resource: str) -> frozenset[str]:
        """The roles that may read the resource at all."""
        return frozenset(role.split(":")[0] for role in self.table.get(resource, {}))

    def of(self, actor: Actor, resource: str) -> frozenset[str]:
        """The fields this actor sees.

        Raises:
            Forbidden: none; so a route that forgot its rights table answers nobody.
        """
        role = f"service:{actor.id.removeprefix('service:')}" if actor.kind == "service" else actor.role
        seen = self.table.get(resource, {}).get(role)
        if not seen:
            raise Forbidden(f"{actor.role} may not read {resource.replace('_', ' ')}.", resource=resource)
        return seen

    def view(self, actor: Actor, resource: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document without what this actor may not see."""
        seen = self.of(actor, resource)
        return dict(document) if seen is ALL else {k: v for k, v in document.items() if k in seen}

    def view_all(self, actor: Actor, resource: str, documents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [self.view(actor, resource, one) for one in documents]
