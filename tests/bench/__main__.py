# SPDX-License-Identifier: MPL-2.0
"""`python -m tests.bench`: run the benches, print their ratios."""
from __future__ import annotations

import sys
import time

import click

NAMES = ("web", "relay", "consumer", "latency")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Small numbers, under a minute: proves that the benches run, not how fast the core is.")
@click.option("--write", is_flag=True, help="Put the figures into docs/performance.md.")
@click.option("--only", type=click.Choice(NAMES), multiple=True, help="One bench; may be repeated.")
def main(quick: bool, write: bool, only: tuple[str, ...]) -> None:
    """What the core costs, as ratios to the plainest code that does the same work."""
    from importlib import import_module

    from jobtrappen import logs
    from tests.bench import machine, report
    from tests.bench.place import a_place
    from tests.support.process import Missing

    if write and (quick or only):
        raise click.UsageError("--write keeps whole, full runs only; leave --quick and --only out.")
    logs.configure("info")  # as the suite's processes do; unconfigured, each reaction would print a line
    began = time.monotonic()
    facts = machine.facts()
    for name, value in facts:
        click.echo(f"{name}: {value}")
    benches = []
    try:
        with a_place(quick) as place:
            for name in only or NAMES:
                benches.append(import_module(f"tests.bench.{name}").run(place))
                for line in (*(ratio.line() for ratio in benches[-1].ratios), *benches[-1].notes):
                    click.echo(f"  {line}")
    except Missing as why:
        click.echo(str(why), err=True)
        sys.exit(69)
    if write:
        report.write(report.tables(facts, benches))
        click.echo(f"written to {report.DOCUMENT.name}")
    click.echo(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
