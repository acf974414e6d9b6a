# SPDX-License-Identifier: MPL-2.0
"""Lifecycles as data, and the one function that applies them.

A service writes its table of `Step`s in model.py. Everything about an action (who may, from where, what must be given,
what is said) is read from there: by the engine, by the HTTP routes, by docs/lifecycles.md and by the OpenAPI page.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import desc, select

from jobtrappen import clock, roles, tables
from jobtrappen.contracts.vocabulary import REASONS
from jobtrappen.errors import Conflict, Forbidden, Invalid
from jobtrappen.tx import Actor, Tx, seal_details

BEFORE = "<before>"
"""As a step's target: back to the state that the latest other state was entered from."""
SAME = "<same>"
NEW = "–"


@dataclass(frozen=True)
class Step:
    """One line of a lifecycle table."""

    action: str
    frm: frozenset[str]
    to: str
    who: frozenset[str]
    required: tuple[str, ...] = ()
    says: str | None = None
    side: str = ""
    """"sender" or "receiver": the actor's unit must be the aggregate's `from_unit` or `target_unit`."""
    help: str = ""
    when: Callable[[Any], bool] | None = None
    """The line holds only for things of which this is true, as their columns stand; for others it is not there."""

    def starts(self, subject: Any) -> bool:
        """True when this line leads on from where the thing stands now."""
        return subject.status in self.frm and (self.when is None or self.when(subject))


def step(action: str, frm: str | Iterable[str], to: str, who: frozenset[str], required: str = "", says: str | None = None,
         side: str = "", help: str = "", when: Callable[[Any], bool] | None = None) -> Step:
    """A line as it is typed in model.py: `frm` and `required` are blank-separated words."""
    words = frm.split() if isinstance(frm, str) else frm
    return Step(action, frozenset(words), to, who, tuple(required.split()), says, side, help, when)


Effect = Callable[[Tx, Any, dict[str, Any]], None]


@dataclass
class Lifecycle:
    """A named table of steps. The aggregate has id, case_id, status, version, effective_date and KIND (its name)."""

    name: str
    steps: tuple[Step, ...]
    title: str = ""
    effects: dict[str, Effect] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_action: dict[str, Step] = {}
        for line in self.steps:  # an action may stand twice, for other roles from other states
            known = self.by_action.get(line.action)
            self.by_action[line.action] = line if known is None else replace(known, frm=known.frm | line.frm, who=known.who | line.who)

    @property
    def states(self) -> list[str]:
        """Every state, in the order in which the table names them."""
        named = [s for line in self.steps for s in (*sorted(line.frm), line.to)]
        return [s for s in dict.fromkeys(named) if s not in (BEFORE, SAME)]

    def does(self, action: str) -> Callable[[Effect], Effect]:
        """Decorator: what a service does beside the change of state. Runs after the checks, before the event."""
        assert action in self.by_action, f"{self.name} has no action {action}"

        def keep(effect: Effect) -> Effect:
            self.effects[action] = effect
            return effect

        return keep

    def allowed(self, subject: Any, actor: Actor) -> list[str]:
        """The actions that this state allows this actor, sorted."""
        return sorted({s.action for s in self.steps if s.starts(subject) and _may(s, subject, actor)})

    def create(self, tx: Tx, subject: Any, action: str, command: dict[str, Any]) -> Any:
        """Bring a new aggregate into its first state.

        Raises:
            Forbidden: the actor's role may not create it.
        """
        subject.status, subject.effective_date = NEW, command.get("effective_date") or tx.today
        subject.version = 0
        if subject.id is None:
            subject.id = tx.new_id()
        line = self._check(tx, action, subject, command, creates=True)
        tx.session.add(subject)
        return self._change(tx, line, subject, command)

    def apply(self, tx: Tx, subject: Any, action: str, command: dict[str, Any]) -> Any:
        """Take one step: state, details, transition row, audit row and event in one transaction.

        Args:
            command: the loaded body; fields named like a column of the aggregate are stored there, all others
                (free text, details) encrypted in the transition row. `effective_date` defaults to today.
        Raises:
            Forbidden, Conflict (with the allowed actions), Invalid (effective date, a missing field).
        """
        line = self._check(tx, action, subject, command, creates=False)
        return self._change(tx, line, subject, command)

    def _check(self, tx: Tx, action: str, subject: Any, command: dict[str, Any], creates: bool) -> Step:
        """Role, state, unit, dates, fields, in that order. Returns: the line that applies."""
        hers = [s for s in self.steps if s.action == action and roles.has(tx.actor, s.who)]
        here = [s for s in hers if creates or s.starts(subject)]
        line = next((s for s in here if _may(s, subject, tx.actor)), None)
        if hers and not here:
            needed = sorted({state for s in hers if s.when is None or s.when(subject) for state in s.frm})
            raise Conflict(f"This {self.name.replace('_', ' ')} is {subject.status}; {action} needs {', '.join(needed) or 'a new one'}.",
                           state=subject.status, allowed=self.allowed(subject, tx.actor))
        if line is None:
            raise Forbidden(f"{action} is not for {tx.actor.role} of {tx.actor.unit or 'this organisation'}.",
                            action=action, allowed=[] if creates else self.allowed(subject, tx.actor))
        check_date(tx, command.get("effective_date") or tx.today, None if creates else subject.effective_date)
        missing = [{"field": name, "detail": f"is needed to {line.action}"} for name in line.required if command.get(name) in (None, "", [])]
        if missing:
            raise Invalid(errors=missing)
        return line

    def _change(self, tx: Tx, line: Step, subject: Any, command: dict[str, Any]) -> Any:
        came_from, effective = subject.status, command.get("effective_date") or tx.today
        columns = subject.__mapper__.column_attrs.keys()
        details = {}
        for name, value in command.items():
            if name in columns and name not in PROTECTED:
                setattr(subject, name, value)
            elif name != "effective_date":
                details[name] = value
        to = {SAME: came_from, BEFORE: BEFORE}.get(line.to, line.to)
        subject.status = self._before(tx, subject) if to == BEFORE else to
        subject.effective_date = effective
        subject.version += 1
        if line.action in self.effects:
            self.effects[line.action](tx, subject, command)
        event_id = say(tx, line.says, subject, came_from, command) if line.says else None
        self._record(tx, line, subject, came_from, command, details, event_id)
        return subject

    def _record(self, tx: Tx, line: Step, subject: Any, came_from: str, command: dict[str, Any],
                details: dict[str, Any], event_id: str | None) -> None:
        code = command.get("reason_code") or command.get("how") or command.get("kind")
        tx.transitions.append({
            "lifecycle": self.name, "subject_id": subject.id, "case_id": subject.case_id, "action": line.action,
            "from_state": None if came_from == NEW else came_from, "to_state": subject.status, "version": subject.version,
            "actor": tx.actor.id, "role": tx.actor.role, "unit": tx.actor.unit, "acting_for": tx.actor.acting_for or None,
            "said_by": command.get("by"), "reason_code": code, "sealed": seal_details(tx, details),
            "effective_date": subject.effective_date, "recorded_at": clock.now(), "event_id": event_id,
        })
        tx.audit(f"{self.name}.{line.action}", self.name, subject.id, subject.case_id)

    def _before(self, tx: Tx, subject: Any) -> str:
        """The state from which the present one was entered."""
        latest = tx.session.execute(
            select(tables.transition.c.from_state)
            .where(tables.transition.c.subject_id == subject.id, tables.transition.c.to_state == subject.status,
                   tables.transition.c.from_state != subject.status)
            .order_by(desc(tables.transition.c.version)).limit(1)
        ).scalar()
        if latest is None:
            raise Conflict(f"Nothing stands before {subject.status}.", state=subject.status, allowed=[])
        return latest


PROTECTED = frozenset({"id", "status", "version", "effective_date", "case_id"})


def check_date(tx: Tx, effective: date, latest: date | None) -> None:
    """An effective date lies neither in the future nor before the aggregate's latest one.

    Raises:
        Invalid: names effective_date and the remedy.
    """
    if effective > tx.today:
        raise Invalid("effective_date", f"lies in the future; today is {tx.today}. Register it when it has happened.")
    if latest and effective < latest:
        raise Invalid("effective_date", f"lies before the latest change ({latest}). Give that date or a later one.")


def say(tx: Tx, name: str, subject: Any, came_from: str, command: dict[str, Any]) -> str:
    """Say a lifecycle's event; its contract picks the fields it may carry from the command and the aggregate."""
    facts = {f"{subject.KIND}_id": subject.id, "status_from": None if came_from == NEW else came_from, "status_to": subject.status}
    if command.get("reason_code") in REASONS:  # a reason that tells of health or family stays here
        facts["public_reason"] = command["reason_code"]
    columns = {c: getattr(subject, c) for c in subject.__mapper__.column_attrs.keys()}  # noqa: SIM118
    own, tx.facts = tx.facts, {}
    return tx.say(name, key=subject.case_id, subject=f"{subject.KIND}/{subject.id}",
                  data={**columns, **command, **facts, **own}, subject_version=subject.version, time=subject.effective_date)


def _may(line: Step, subject: Any, actor: Actor) -> bool:
    if not roles.has(actor, line.who):
        return False
    if not line.side or actor.kind == "system" or actor.role == roles.ADMINISTRATOR:
        return True
    if line.side == "either":
        return actor.unit in (subject.from_unit, subject.target_unit)
    return actor.unit == (subject.from_unit if line.side == "sender" else subject.target_unit)
