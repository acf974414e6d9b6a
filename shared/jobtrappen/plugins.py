# SPDX-License-Identifier: MPL-2.0
"""Plugins: pluggy calls them, entry points (group `jobtrappen`) find them, an allow-list decides which load.

The core's own features are plugins, so every hook is proven by use; docs/plugins.md describes each hook. A plugin from
outside that raises, hangs or returns nonsense is logged and left out by `ask`; it never breaks a core transition.
"""
from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

import pluggy
import structlog

from jobtrappen.config import SERVICES
from jobtrappen.errors import BadConfiguration

hookspec = pluggy.HookspecMarker("jobtrappen")
hookimpl = pluggy.HookimplMarker("jobtrappen")
log = structlog.get_logger("jobtrappen.plugins")

BUILT_IN = ("jobtrappen.bus.sqlite", "jobtrappen.bus.kafka", "jobtrappen.rules")
SECONDS = 2.0


class Hooks:
    """Every hook of the suite. All are called with keyword arguments."""

    @hookspec(firstresult=True)
    def bus_backend(self, url: str) -> Any:
        """A Bus for this URL's scheme, or None. Called at start; must not connect."""

    @hookspec
    def service(self) -> Any:
        """A runtime.Service: name, tables, routes, reactions, rights, lifecycles."""

    @hookspec
    def measure_rules(self) -> Any:
        """A list of rules.Rule rows: dated law with its source. Called at start."""

    @hookspec
    def report(self) -> Any:
        """A list of web.reports.Report. Called at start; `compute` is called in a read transaction."""

    @hookspec
    def referral_source(self) -> Any:
        """A way in for referrals (referral's sources.Source): form, self-referral, list, …"""

    @hookspec
    def statistic(self) -> Any:
        """A statistic kept apart from the case (referral's statistics.Statistic); off unless allow-listed."""

    @hookspec
    def matching_constraint(self, candidate: Any, opening: Any, on: Any) -> Any:
        """A reason code (or a list of them) why this opening is not feasible for this candidate on a day, or None. Called for every pair."""

    @hookspec
    def matching_criterion(self, candidate: Any, opening: Any) -> Any:
        """(code, points, words) for the ranking of a feasible opening, or None. Nationality, sex and age are not given."""

    @hookspec
    def followup_plan(self, measure: str, starts_on: Any, ends_on: Any, intensity: str) -> Any:
        """[(kind, date)] contacts that a placement's start plans. Called inside the start's transaction."""

    @hookspec
    def partner_kind(self) -> Any:
        """A kind of partner (partners' kinds.Kind): its word, titles and the requests it may be asked."""


HOOKS = tuple(name for name in vars(Hooks) if not name.startswith("_"))


def manager() -> pluggy.PluginManager:
    """The loaded plugins of this process, by JOBTRAPPEN_PLUGINS (default: the four services, where installed)."""
    return _load(os.environ.get("JOBTRAPPEN_PLUGINS", ""))


@lru_cache(maxsize=4)
def _load(allowed: str) -> pluggy.PluginManager:
    found = pluggy.PluginManager("jobtrappen")
    found.add_hookspecs(Hooks)
    for module in BUILT_IN:
        found.register(importlib.import_module(module), module)
    installed = {point.name: point for point in entry_points(group="jobtrappen")}
    wanted = [name for name in allowed.split(",") if name]
    missing = [name for name in wanted if name not in installed]
    if missing:
        raise BadConfiguration(f"JOBTRAPPEN_PLUGINS: not installed: {', '.join(missing)}; installed are {', '.join(sorted(installed))}")
    for name in wanted or [name for name in SERVICES if name in installed]:
        try:
            found.register(installed[name].load(), name)
            found.check_pending()
        except (Exception, SystemExit) as error:  # a stranger's module may do anything when it is imported
            raise BadConfiguration(f"JOBTRAPPEN_PLUGINS: {name} cannot be loaded ({error.__class__.__name__}: {error}); mend it or leave it out") from error
    return found


_pool: ThreadPoolExecutor | None = None


def ask(hook: str, usable: Callable[[Any], bool] = bool, **arguments: Any) -> list[Any]:
    """Every plugin's usable answer to a hook, built-in ones first.

    A plugin of the suite is called directly. One from outside gets two seconds in a thread of its own; if it raises, is
    late or answers what `usable` refuses, it is logged by name and left out.
    """
    answers = []
    implementations = getattr(manager().hook, hook).get_hookimpls()
    for one in sorted(implementations, key=lambda i: not _own(i)):
        given = {name: arguments[name] for name in one.argnames}
        try:
            answer = one.function(**given) if _own(one) else _guarded(one.function, given)
        except (Exception, Late) as error:
            if _own(one):
                raise
            log.error("plugin failed", plugin=one.plugin_name, hook=hook, kind=error.__class__.__name__)
            continue
        if answer is None:
            continue
        if usable(answer):
            answers.append(answer)
        else:
            log.error("plugin answered nonsense", plugin=one.plugin_name, hook=hook)
    return answers


def _own(implementation: Any) -> bool:
    return implementation.function.__module__.split(".")[0].startswith("jobtrappen")


def _guarded(function: Callable[..., Any], given: dict[str, Any]) -> Any:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(8, thread_name_prefix="plugin")
    return _pool.submit(function, **given).result(timeout=SECONDS)


def services() -> dict[str, Any]:
    """The installed and allowed services by name."""
    return {service.name: service for service in manager().hook.service()}
