"""What the tests of the gateway for browsers run in."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from media.webrtc.gateway import GatewaySettings, WebrtcGateway
from media.webrtc.interface import (
    BrowserEvent,
)
from tests.media.webrtc.gateway_bed import Gateways, Plain


@pytest.fixture(scope="module")
def gateways() -> Iterator[Gateways]:
    with ExitStack() as stack:
        yield Gateways(stack)


@pytest.fixture(scope="module")
def usual(gateways: Gateways) -> tuple[WebrtcGateway, list[BrowserEvent]]:
    return gateways.make(GatewaySettings(consent_interval_s=0.1))


@pytest.fixture(scope="module")
def impatient(gateways: Gateways) -> tuple[WebrtcGateway, list[BrowserEvent]]:
    return gateways.make(GatewaySettings(consent_interval_s=0.05, consent_s=0.2, connect_timeout_s=1.0, max_browsers=2))


@pytest.fixture
def plain() -> Iterator[Plain]:
    made = Plain()
    with made.socket:
        yield made
