"""OPTIONS to the trunks: when each is asked, and what the answers say of it. Where a trunk is not found, nothing is
asked, and the look-up tells of that."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from b2bua.alarm import Alarm, Scheduler
from b2bua.call.identity import host_of, host_port_of, own_host_of
from b2bua.config import Trunk as TrunkConfig
from b2bua.sip.bodies import SDP
from b2bua.sip.message import Response
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import OutgoingRequest
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import DOWN_STATUSES, Trunks
from b2bua.transport.endpoint import SipEndpoint

ASKED_AGAIN_S: Final = 30.0  # after one in vain, where the interval is longer
MOST_PROBED: Final = 8  # destinations of a trunk that get OPTIONS: as many as one call may try


@dataclass(frozen=True, slots=True)
class _Probe:
    """An OPTIONS that is open. Several of one destination may be, where the interval is short."""

    trunk: Trunk
    destination: TransportAddress
    sent_at: float


def options_to(trunk: TrunkConfig, destination: TransportAddress) -> OutgoingRequest:
    """The OPTIONS for a trunk, which says of it and of us what an INVITE says."""
    return OutgoingRequest(
        method="OPTIONS",
        request_uri=f"sip:{host_port_of(trunk)}",
        from_uri=f"sip:{own_host_of(trunk)}",
        to_uri=f"sip:{host_of(trunk)}",
        destination=destination,
        headers=(("Accept", SDP),),
    )


class Probing:
    """Sends each trunk its OPTIONS on the configured interval, sooner after one in vain, the trunks spread over it, and
    tells them the answers.

    `endpoint` gives what they are sent by. Each OPTIONS ends, answered or not, within 32 s: no more are open than are
    sent in that time.
    """

    def __init__(self, trunks: Trunks, scheduler: Scheduler, endpoint: Callable[[], SipEndpoint]) -> None:
        self._trunks = trunks
        self._scheduler = scheduler
        self._endpoint = endpoint
        self._open: dict[int, _Probe] = {}
        self._alarms: dict[Trunk, Alarm] = {
            trunk: Alarm(scheduler, partial(self._due, trunk))
            for trunk in trunks
            if trunk.config.options_interval_s > 0
        }

    def start(self) -> None:
        """Probe every trunk, the first at once, a fiftieth of a second between one and the next."""
        for position, alarm in enumerate(self._alarms.values()):
            alarm.set(self._scheduler.time() + position * 0.02)

    def stop(self) -> None:
        """Send no more."""
        for alarm in self._alarms.values():
            alarm.clear()

    def moved(self, trunk: Trunk) -> None:
        """A trunk's name leads to a new host. One that is down is asked at once: it was silent where it was, and its
        calls are refused until the others have answered."""
        alarm = self._alarms.get(trunk)
        if alarm is not None and alarm.when is not None and not trunk.up:
            alarm.set(self._scheduler.time())

    def answered(self, request: int, response: Response) -> None:
        """A request of the user agent has its final response; one that is no OPTIONS of here is nothing."""
        probe = self._open.pop(request, None)
        if probe is not None:
            round_trip_s = self._scheduler.time() - probe.sent_at
            self._trunks.probe_answered(probe.trunk, response.status, round_trip_s, probe.destination)
            if response.status in DOWN_STATUSES:
                self._ask_again(probe.trunk)

    def failed(self, request: int, cause: str) -> None:
        """A request of the user agent has come to nothing; one that is no OPTIONS of here is nothing."""
        probe = self._open.pop(request, None)
        if probe is None:
            return
        if cause != "refused":  # by a limit of ours, of which the trunk knows nothing
            self._trunks.probe_failed(probe.trunk, cause, probe.destination)
        self._ask_again(probe.trunk)

    def _ask_again(self, trunk: Trunk) -> None:
        """Calls wait for the next OPTIONS now: however long the interval is, it is not for that."""
        alarm, due = self._alarms[trunk], self._scheduler.time() + ASKED_AGAIN_S
        if alarm.when is not None and alarm.when > due:
            alarm.set(due)

    def _due(self, trunk: Trunk) -> None:
        now = self._scheduler.time()
        self._alarms[trunk].set(now + trunk.config.options_interval_s)
        for destination in trunk.destinations[:MOST_PROBED]:
            request = self._endpoint().request(options_to(trunk.config, destination))
            self._open[request] = _Probe(trunk, destination, now)
