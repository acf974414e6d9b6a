# SPDX-License-Identifier: MPL-2.0
"""What the core costs, as ratios to the plainest code that does the same work: `python -m tests.bench [--quick] [--write]`.

Both sides of a ratio run in the same minute on the same servers, in alternating rounds, with the same batch, linger, fsync
and rows a commit. Nothing here is asserted by the test run: a shared machine's speed is no property of the code.
"""
