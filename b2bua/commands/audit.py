"""The audit log: what commands write into it, and how it is shown."""

import argparse
import os
from collections.abc import Mapping
from typing import Final

from b2bua.clock import SystemClock
from b2bua.commands.databases import looked_up, moment, of_known
from b2bua.commands.output import CommandFailed, Output
from b2bua.config import Config
from storage.person_records import Actor, ActorKind, AuditEntry
from storage.units import Reader

MOST_SHOWN: Final = 1000


def typed(
    action: str, object_id: str, org_id: str | None = None, change: Mapping[str, object] | None = None
) -> AuditEntry:
    """A change made by this command, by whoever typed it."""
    return AuditEntry(SystemClock().wall_ms(), _whoever(), org_id, action, object_id, change or {})


async def show(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`audit [--org ORG_ID] [--page N] [--rows N]`: the newest changes first."""
    if options.page < 1 or not 1 <= options.rows <= MOST_SHOWN:
        raise CommandFailed(f"--page takes 1 and more, --rows 1 to {MOST_SHOWN}")

    def audited(reader: Reader, org_id: str | None) -> list[AuditEntry]:
        return list(reader.audit(org_id, options.page, options.rows)[0])

    def work(reader: Reader) -> list[AuditEntry]:
        return audited(reader, None) if options.org is None else of_known(reader, options.org, audited)

    entries = await looked_up(config, work)
    output.rows(
        [
            {
                "entry_id": entry.entry_id,
                "at": moment(entry.at),
                "actor_kind": entry.actor.kind.value,
                "actor": entry.actor.name,
                "address": entry.actor.address,
                "org_id": entry.org_id,
                "action": entry.action,
                "object_id": entry.object_id,
                "change": dict(entry.change),
            }
            for entry in entries
        ],
        ("at", "actor", "action", "object_id", "org_id", "change"),
    )
    return 0


def _whoever() -> Actor:
    """The user of the machine; before `sudo`, where that was used."""
    names = (os.environ.get(name, "") for name in ("SUDO_USER", "LOGNAME", "USER"))
    name = next((name for name in names if name), f"uid {os.getuid()}")
    return Actor(ActorKind.COMMAND, str(os.getuid()), name)
