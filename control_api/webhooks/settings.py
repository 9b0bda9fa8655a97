"""What the dispatcher is told by the configuration, and its own limits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DispatcherSettings:
    """`user_agent` is the product's name and version; `log_number_style` is documented or parties.

    `timeout_s` is for a whole attempt, name lookup included. At most `max_in_flight` attempts run at once,
    `max_in_flight_per_organisation` of them for one organisation and `max_in_flight_per_endpoint` to one endpoint, so
    that dead ones keep a part of them busy and no more.
    """

    user_agent: str
    timeout_s: float = 10.0
    allow_private_targets: bool = False
    log_number_style: str = "documented"
    max_in_flight: int = 1024
    max_in_flight_per_organisation: int = 512
    max_in_flight_per_endpoint: int = 32
    close_grace_s: float = 2.0
