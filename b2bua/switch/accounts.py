"""Whose a call is, of several accounts with one carrier: they share its addresses."""

from collections.abc import Callable, Sequence
from typing import Final

from b2bua.addresses import canonical_host
from b2bua.call.arrival import ToNobody, destination_of
from b2bua.config import Route
from b2bua.sip.digest import request_credentials
from b2bua.sip.message import Request
from b2bua.sip.uri import Uri
from b2bua.switch.calling_party import dialled_user
from b2bua.switch.trunk import Trunk

Sign = Callable[[Request, Trunk, Sequence[Route]], bool]


def account_of(request: Request, accounts: Sequence[Trunk], routes: Sequence[Route]) -> Trunk:
    """The account that a request outside a dialog is of, its From and To having been read: of those left by one sign
    after the other, where there are any, the first.

    The signs are the Contact that we registered for it, that what was dialled is reached by it, the user name and then
    the realm of the credentials, and the domains of From, the request URI and To. They are taken at their word:
    whoever calls has to prove the password of the account that the call is taken for, and reaches what that one reaches
    alone.
    """
    left = accounts
    for sign in _SIGNS:
        if len(left) == 1:
            break
        left = [each for each in left if sign(request, each, routes)] or left
    return left[0]


def _is_registered_contact(request: Request, account: Trunk, _routes: Sequence[Route]) -> bool:
    return account.contact_user is not None and request.uri.telephone == account.contact_user


def _reaches(request: Request, account: Trunk, routes: Sequence[Route]) -> bool:
    return not isinstance(destination_of(dialled_user(request, account, routes), account.config, routes), ToNobody)


def _is_named_by_user(request: Request, account: Trunk, _routes: Sequence[Route]) -> bool:
    expected = account.policy.challenge
    return expected is not None and expected.username in _credentials(request, "username")


def _is_named_by_realm(request: Request, account: Trunk, _routes: Sequence[Route]) -> bool:
    policy = account.policy
    return policy.challenge is not None and policy.realm != "" and policy.realm in _credentials(request, "realm")


def _credentials(request: Request, param: str) -> list[str | None]:
    return [given.param(param) for given in request_credentials(request, "Authorization")]


def _is_sender(request: Request, account: Trunk, _routes: Sequence[Route]) -> bool:
    return _is_domain_of(request.from_.uri, account)


def _is_addressed(request: Request, account: Trunk, _routes: Sequence[Route]) -> bool:
    return _is_domain_of(request.uri, account)


def _is_called(request: Request, account: Trunk, _routes: Sequence[Route]) -> bool:
    return _is_domain_of(request.to.uri, account)


def _is_domain_of(uri: Uri, account: Trunk) -> bool:
    config, host = account.config, canonical_host(uri.host).lower().removesuffix(".")
    return host != "" and host in (config.domain.lower(), config.from_domain.lower(), config.uri.host.lower())


_SIGNS: Final[tuple[Sign, ...]] = (
    _is_registered_contact,
    _reaches,
    _is_named_by_user,
    _is_named_by_realm,
    _is_sender,
    _is_addressed,
    _is_called,
)
