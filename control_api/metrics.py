"""Prometheus metrics of the process, in a registry of their own."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from b2bua.call.model import TrunkState
from control_api.facade import SwitchFacade
from control_api.metric_texts import LABELLED, text_of

# Numbers by name; those that only ever grow end in `_total`.
Figures = Callable[[], Mapping[str, float]]
# What is so for the whole life of the process, by name: labels and their values.
Facts = Mapping[str, Mapping[str, str]]

METRICS_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "maskbridge_"
_NOT_IN_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")
_LATENCY_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

_TrunkFigure = Callable[[TrunkState], float | None]
_TRUNK_GAUGES: Final[tuple[tuple[str, _TrunkFigure], ...]] = (
    ("trunk_up", lambda trunk: float(trunk.up)),
    ("trunk_live_calls", lambda trunk: trunk.live_calls),
    ("trunk_destinations", lambda trunk: trunk.destinations),
    ("trunk_destinations_open", lambda trunk: trunk.open_destinations),
    ("trunk_cps_waiting", lambda trunk: trunk.waiting),
    ("trunk_options_seconds", lambda trunk: None if trunk.round_trip_ms is None else trunk.round_trip_ms / 1000),
)
_TRUNK_COUNTERS: Final[tuple[tuple[str, _TrunkFigure], ...]] = (
    ("trunk_calls_placed_total", lambda trunk: trunk.placed),
    ("trunk_failovers_total", lambda trunk: trunk.failovers),
)


class ApiMetrics:
    """Counts the API's requests and asks the switch for its numbers when they are wanted."""

    __slots__ = ("_children", "_registry", "_requests", "_seconds")

    def __init__(self, switch: SwitchFacade, figures: Sequence[Figures] = (), facts: Facts | None = None) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{_PREFIX}api_requests",
            LABELLED["api_requests_total"],
            ("path", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            f"{_PREFIX}api_request_seconds",
            LABELLED["api_request_seconds"],
            ("path",),
            buckets=_LATENCY_BUCKETS_S,
            registry=self._registry,
        )
        self._registry.register(_Numbers(switch, figures, facts or {}))
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

    def __init__(self, switch: SwitchFacade, figures: Sequence[Figures], facts: Facts) -> None:
        self._switch = switch
        self._facts = facts
        self._figures = (switch.counters, *figures)

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the names are the switch's."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The numbers as they are now."""
        yield GaugeMetricFamily(f"{_PREFIX}live_calls", LABELLED["live_calls"], self._switch.live_calls())
        yield GaugeMetricFamily(f"{_PREFIX}ready", LABELLED["ready"], float(self._switch.ready()))
        yield from _of_trunks(self._switch.trunk_states())
        for name, labels in self._facts.items():
            yield InfoMetricFamily(_PREFIX + name, text_of(f"{name}_info"), dict(labels))
        counted = {name: number for figures in self._figures for name, number in figures().items()}
        for name, number in sorted(counted.items()):
            yield _family(_PREFIX + _NOT_IN_A_NAME.sub("_", name), number)


def _of_trunks(states: Iterable[TrunkState]) -> Iterable[Metric]:
    """Each trunk's figures, labelled with its name; one that it does not have is left out."""
    families: list[tuple[GaugeMetricFamily | CounterMetricFamily, _TrunkFigure]] = [
        *((GaugeMetricFamily(_PREFIX + name, text_of(name), labels=("trunk",)), of) for name, of in _TRUNK_GAUGES),
        *((CounterMetricFamily(_PREFIX + name, text_of(name), labels=("trunk",)), of) for name, of in _TRUNK_COUNTERS),
    ]
    failed = CounterMetricFamily(
        f"{_PREFIX}trunk_calls_failed", text_of("trunk_calls_failed_total"), labels=("trunk", "cause")
    )
    for trunk in states:
        for family, figure in families:
            number = figure(trunk)
            if number is not None:
                family.add_metric((trunk.name,), number)
        for cause, count in trunk.failures:
            failed.add_metric((trunk.name, cause), count)
    return *(family for family, _figure in families), failed


def _family(name: str, number: float) -> Metric:
    documentation = text_of(name.removeprefix(_PREFIX))
    if name.endswith("_total"):
        return CounterMetricFamily(name, documentation, number)
    return GaugeMetricFamily(name, documentation, number)
