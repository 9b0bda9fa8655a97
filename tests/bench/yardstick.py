"""A fixed piece of pure Python: what this machine's interpreter does now, to which everything else is compared."""

import time


def python_loop_ms(rounds: int = 5) -> float:
    """CPU milliseconds of one fixed loop of 100,000 dictionary, string and integer operations; the best of `rounds`."""
    return min(_one_loop_ms() for _ in range(rounds))


def _one_loop_ms() -> float:
    before = time.process_time()
    table: dict[str, int] = {}
    for number in range(100_000):
        key = f"k{number & 1023}"
        table[key] = table.get(key, 0) + number
    return (time.process_time() - before) * 1000
