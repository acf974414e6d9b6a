# SPDX-License-Identifier: MPL-2.0
"""How cost grows with the number of cases: `python -m tests.load --cases 100000 --database sqlite|postgres`; and whether
anything grows that should not: `python -m tests.load.soak --hours 1`.

Every case and every event is made by the public API's use cases: lists are uploaded, screened, accepted, started, talks
booked and held; the services hear of each other by relay, bus and consumer.
"""
