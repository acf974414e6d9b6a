# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen doctor`: what is wrong, and what to do."""
from __future__ import annotations

import json
import sys

import click

from jobtrappen import doctor, logs
from jobtrappen.config import Settings
from jobtrappen.errors import BadConfiguration
from jobtrappen.web.wsgi import runtimes


@click.command("doctor")
@click.argument("service", default="all")
@click.option("--json", "as_json", is_flag=True, help="For programs: {well, facts, findings}.")
def command(service: str, as_json: bool) -> None:
    """Look at everything that SERVICE (or all) needs: what is wrong, why it matters, what to do. Changes nothing. Exit code 1
    if anything is wrong."""
    found = _examined(service)
    if as_json:
        click.echo(json.dumps(found.document(), ensure_ascii=False, indent=1))
    else:
        for line in found.document()["findings"]:
            click.echo(f"{line['code']}{' of ' + line['service'] if line['service'] else ''}: {line['what']}\n"
                       f"    why it matters  {line['why']}\n    what to do      {line['remedy']}\n    read on         {line['see']}")
        click.echo(f"{len(found.findings)} things are wrong." if found.findings else "All is well.")
    sys.exit(1 if found.findings else 0)


def _examined(service: str) -> doctor.Diagnosis:
    try:
        settings = Settings.from_env()
        logs.configure("error")
        made = runtimes(service, settings)
    except BadConfiguration as error:
        return doctor.Diagnosis([doctor.Finding("configuration", "", line) for line in str(error).splitlines()])
    found = doctor.examine(settings, made)
    for runtime in made:
        runtime.close()
    return found
