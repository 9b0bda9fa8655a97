"""Ports for tests that bind: a run that is free now."""

import socket


def is_free(port: int) -> bool:
    """Whether a UDP port of the IPv4 loopback can be bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_run(length: int) -> int:
    """The even first of `length` ports in a row that are free now, where the kernel last gave one away."""
    for _ in range(200):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1] & ~1
        if first + length <= 65_536 and all(is_free(port) for port in range(first, first + length)):
            return first
    raise AssertionError(f"no {length} free UDP ports in a row")
