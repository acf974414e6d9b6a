# SPDX-License-Identifier: MPL-2.0
"""`python -m jobtrappen` is `jobtrappen`."""
from jobtrappen.cli import main

if __name__ == "__main__":
    main()
