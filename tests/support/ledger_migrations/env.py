# SPDX-License-Identifier: MPL-2.0
from jobtrappen.migrate import run_env

run_env()
