"""Prometheus metrics of the process, in a registry of their own."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from control_api.facade import SwitchFacade

# Numbers by name; those that only ever grow end in `_total`.
Figures = Callable[[], Mapping[str, float]]

METRICS_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "maskbridge_"
_NOT_IN_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")
_LATENCY_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class ApiMetrics:
    """Counts the API's requests and asks the switch for its numbers when they are wanted."""

    __slots__ = ("_children", "_registry", "_requests", "_seconds")

    def __init__(self, switch: SwitchFacade, figures: Sequence[Figures] = ()) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{_PREFIX}api_requests",
            "Requests answered, by path template, method and status",
            ("path", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            f"{_PREFIX}api_request_seconds",
            "Seconds from a request's headers to its reply",
            ("path",),
            buckets=_LATENCY_BUCKETS_S,
            registry=self._registry,
        )
        self._registry.register(_Numbers(switch, figures))
        ProcessCollector(registry=self._registry)
        # Bounded: paths are templates, methods outside the known are "other".
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, path: str, method: str, status: int, seconds: float) -> None:
        """One request answered."""
        children = self._children.get((path, method, status))
        if children is None:
            children = (self._requests.labels(path, method, str(status)), self._seconds.labels(path))
            self._children[path, method, status] = children
        children[0].inc()
        children[1].observe(seconds)

    def render(self) -> bytes:
        """The exposition text."""
        return generate_latest(self._registry)


class _Numbers(Collector):
    """Live calls, trunks, the switch's counters and those of others, read when they are collected."""

    def __init__(self, switch: SwitchFacade, figures: Sequence[Figures]) -> None:
        self._switch = switch
        self._figures = (switch.counters, *figures)

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the names are the switch's."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The numbers as they are now."""
        yield GaugeMetricFamily(f"{_PREFIX}live_calls", "Calls being set up or talking", self._switch.live_calls())
        yield GaugeMetricFamily(f"{_PREFIX}ready", "1 while calls are taken", float(self._switch.ready()))
        up = GaugeMetricFamily(f"{_PREFIX}trunk_up", "1 while the trunk is up", labels=("trunk",))
        calls = GaugeMetricFamily(f"{_PREFIX}trunk_live_calls", "Live calls on the trunk", labels=("trunk",))
        round_trip = GaugeMetricFamily(
            f"{_PREFIX}trunk_options_seconds", "Round trip of the last answered OPTIONS", labels=("trunk",)
        )
        for trunk in self._switch.trunk_states():
            up.add_metric((trunk.name,), float(trunk.up))
            calls.add_metric((trunk.name,), trunk.live_calls)
            if trunk.round_trip_ms is not None:
                round_trip.add_metric((trunk.name,), trunk.round_trip_ms / 1000)
        yield from (up, calls, round_trip)
        counted = {name: number for figures in self._figures for name, number in figures().items()}
        for name, number in sorted(counted.items()):
            yield _family(_PREFIX + _NOT_IN_A_NAME.sub("_", name), number)


def _family(name: str, number: float) -> Metric:
    documentation = name.removeprefix(_PREFIX).removesuffix("_total").replace("_", " ")
    if name.endswith("_total"):
        return CounterMetricFamily(name, documentation, number)
    return GaugeMetricFamily(name, documentation, number)
