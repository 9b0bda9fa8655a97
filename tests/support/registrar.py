"""A house whose trunk wants to be registered with, and what its registrar answers."""

from collections.abc import Awaitable, Callable

from b2bua.sip.message import Request
from tests.support.agents import answer_to
from tests.support.house import CARRIER, MASKED, House

OpenWith = Callable[..., Awaitable[House]]

USER = "917969002802"
TRUNK = f"""
[[trunks]]
name = "carrier"
uri = "sip:{CARRIER.host}:{CARRIER.port}"
numbers = ["{MASKED}"]
addresses = ["203.0.113.0/24"]
domain = "ims.carrier.example"
auth_username = "{USER}@ims.carrier.example"
auth_password = "secret"
register = true
options_interval_s = 0
"""
CHALLENGE = 'WWW-Authenticate: Digest realm="ims.carrier.example", nonce="n1", qop="auth", algorithm=SHA-256'


def granted(request: Request, expires: int = 60) -> bytes:
    """A 200 that binds the Contact."""
    contact = request.headers.get("Contact")
    return answer_to(request, 200, to_tag="reg", contact=f"{contact};expires={expires}")


def registrar(*answers_in_turn: Callable[[Request], bytes | None]) -> Callable[[Request], bytes | None]:
    """One that answers in turn, the last for ever."""
    left = list(answers_in_turn)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


def status(code: int, headers: str = "") -> Callable[[Request], bytes | None]:
    """One that always answers so; `headers` are whole lines."""
    return lambda request: answer_to(request, code, to_tag="reg", headers=headers)


def silent(_request: Request) -> bytes | None:
    """One that never answers."""
    return None


def state(house: House) -> tuple[bool, str]:
    """Whether the one trunk is up, and why."""
    [found] = house.switch.trunk_states()
    return found.up, found.reason
