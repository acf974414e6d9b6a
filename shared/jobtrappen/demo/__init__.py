# SPDX-License-Identifier: MPL-2.0
"""The demo: a fictional cohort, the published figures it must reproduce, and what replays the one against the other.

Nothing here is imported by a service: the services compute their tables from what they recorded themselves.
"""
