"""Second factors and the secrets of letters that wait, given to the newest master key."""

from collections.abc import Callable
from typing import Final

from control_api.mail.shelf import letter_owner
from control_api.totp import factor_owner
from media.recording.master_keys import KeyUnavailable, MasterKeys
from storage.store import Store
from storage.units import UnitOfWork

PAGE: Final = 200  # looked up and sealed anew in one unit of work

_Page = Callable[[UnitOfWork, str], list[tuple[str, str]]]
_Replace = Callable[[UnitOfWork, str, str, str], bool]

#: Whose each kind of secret is, how a page of them is looked up, and how one is put in another's place.
_KINDS: Final[tuple[tuple[Callable[[str], str], _Page, _Replace], ...]] = (
    (
        factor_owner,
        lambda unit, after: unit.people.factors(after, PAGE),
        lambda unit, id_, replaced, sealed: unit.people.replace_factor(id_, replaced, sealed),
    ),
    (
        letter_owner,
        lambda unit, after: unit.letters.sealed(after, PAGE),
        lambda unit, id_, replaced, sealed: unit.letters.replace_sealed(id_, replaced, sealed),
    ),
)


async def renew_small_secrets(store: Store, keys: MasterKeys) -> tuple[int, int]:
    """How many were sealed anew, and how many cannot be opened. StorageError."""
    renewed = lost = 0
    for owner, page, replace in _KINDS:
        after: str | None = ""
        while after is not None:
            after, fresh, unreadable = await store.run(_turn(keys, owner, page, replace, after))
            renewed += fresh
            lost += unreadable
    return renewed, lost


def _turn(
    keys: MasterKeys, owner: Callable[[str], str], page: _Page, replace: _Replace, after: str
) -> Callable[[UnitOfWork], tuple[str | None, int, int]]:
    """Seals a page anew: after which id the next one begins, None where there is none, and the two counts."""

    def work(unit: UnitOfWork) -> tuple[str | None, int, int]:
        renewed = lost = 0
        found = page(unit, after)
        for id_, sealed in found:
            try:
                fresh = keys.renewed(owner(id_), sealed)
            except KeyUnavailable:
                lost += 1
                continue
            renewed += fresh != sealed and replace(unit, id_, sealed, fresh)
        return found[-1][0] if found else None, renewed, lost

    return work
