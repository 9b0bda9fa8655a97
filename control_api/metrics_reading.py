"""/metrics of a running server, read back as numbers."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Sample:
    """What a server's metrics were at monotonic second `at_s`. `values` by name, of each trunk in `trunks`; a number
    that has other labels is summed over them."""

    at_s: float
    values: Mapping[str, float]
    trunks: Mapping[str, Mapping[str, float]]

    def value(self, name: str) -> float:
        """A number, 0 where it is not told. Names are without `maskbridge_`."""
        return self.values.get(f"maskbridge_{name}", 0.0)


def read_metrics(text: str, at_s: float) -> Sample:
    """Numbers out of Prometheus' text format. ValueError where it is none."""
    values: dict[str, float] = defaultdict(float)
    trunks: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            trunk = sample.labels.get("trunk")
            if trunk is not None:
                trunks[trunk][sample.name.removeprefix("maskbridge_trunk_")] += sample.value
            values[sample.name] += sample.value
    return Sample(at_s, values, trunks)
