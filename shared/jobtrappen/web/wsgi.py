# SPDX-License-Identifier: MPL-2.0
"""What gunicorn loads: `jobtrappen.web.wsgi:application("referral")` or `…("all")`."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobtrappen import logs, migrate, plugins
from jobtrappen.config import Settings
from jobtrappen.errors import BadConfiguration
from jobtrappen.runtime import Runtime
from jobtrappen.web.app import one_address, service_app


def runtimes(names: str, settings: Settings) -> list[Runtime]:
    """The runtimes of `all` or of comma-separated names.

    Raises:
        BadConfiguration: one of them is not installed or not allowed.
    """
    found = plugins.services()
    wanted = list(found) if names == "all" else names.split(",")
    missing = [name for name in wanted if name not in found]
    if missing:
        raise BadConfiguration(f"No such service is installed: {', '.join(missing)}; installed are {', '.join(found)}")
    return [Runtime(found[name], settings) for name in wanted]


def application(names: str) -> Callable[..., Any]:
    """The WSGI application; refuses a database at another migration head."""
    settings = Settings.from_env()
    logs.configure(settings.log)
    made = runtimes(names, settings)
    for runtime in made:
        runtime.hurry()
        migrate.require_head(runtime)
    return service_app(made[0]) if len(made) == 1 and names != "all" else one_address(made)
