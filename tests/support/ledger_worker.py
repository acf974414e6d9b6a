# SPDX-License-Identifier: MPL-2.0
"""The command `jobtrappen` with the two services of ledger.py in place of the installed ones: to be killed by tests, and to
be run with one safeguard taken out (mutants.py)."""
import os

from jobtrappen import cli, plugins
from tests.support import ledger, mutants

if __name__ == "__main__":
    plugins.services = ledger.services
    mutants.apply(os.environ.get("JOBTRAPPEN_TEST_MUTANT", ""))
    cli.main()
