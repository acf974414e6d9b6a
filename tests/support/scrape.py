# SPDX-License-Identifier: MPL-2.0
"""A scrape of /metrics as numbers."""
from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from jobtrappen.runtime import Runtime
from jobtrappen.web.app import service_app

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Samples:
    """{(name, its labels): value} of a page; fails for a page that Prometheus would refuse, or a sample that stands twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, f"{key} stands twice"
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples of this name that have at least these labels; fails where there is none."""
    hits = [v for (n, l), v in samples.items() if n == name and labels.items() <= dict(l).items()]
    assert hits, f"no sample {name}{labels}"
    return sum(hits)


def scrape(runtime: Runtime) -> Samples:
    """The page of a service in this process."""
    answer = service_app(runtime).test_client().get("/metrics")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return parsed(answer.get_data(as_text=True))
