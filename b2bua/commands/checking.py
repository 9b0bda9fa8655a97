"""`check`: the configuration, and each trunk asked with an OPTIONS."""

import argparse
import asyncio
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from b2bua.clock import SystemClock
from b2bua.commands.databases import looked_up
from b2bua.commands.output import Output
from b2bua.config import Config, ConfigInvalid, ListenAddress, undeclared_listeners
from b2bua.listening import CannotListen, SipListeners
from b2bua.own_certificates import authority_notes, certificate_mistakes
from b2bua.packet_path import described, packet_path_of
from b2bua.prompts import configured_prompts
from b2bua.sip import events as sip
from b2bua.sip.location import Target, Way
from b2bua.sip.routing import DEFAULT_PORT, TransportAddress, is_ip_literal
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from b2bua.switch.locating import target_of, ways_of
from b2bua.switch.probing import options_to
from b2bua.switch.route_host import RouteHost
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import DOWN_STATUSES, Trunks
from b2bua.switch.why_unanswered import why_unanswered
from b2bua.tokens import SystemTokens
from b2bua.transport.endpoint import SipEndpoint
from b2bua.transport.resolver import Located, Resolver
from storage.store import database_path, is_older

PROBE_TIMEOUT_S = 5.0
_SQLITE_BEGINS: Final = b"SQLite format 3\0"
_NOTHING: Final = "nothing came back"


@dataclass(frozen=True, slots=True)
class Probe:
    """What a trunk answered to an OPTIONS: a SIP status, or why there is none."""

    status: int | None
    text: str


async def check(_options: argparse.Namespace, config: Config, output: Output) -> int:
    """`check`: a wrong configuration never gets here; a trunk that does not answer is reported and no error."""
    # What listeners log of a trunk is in its row.
    logging.getLogger("b2bua").addHandler(logging.NullHandler())
    of_files = await asyncio.to_thread(_check_files, config)
    packet_path = packet_path_of(config)
    notes = [*config.warnings, *of_files, *await _routes_of_nobody(config)]
    for note in notes:
        output.line(f"note: {note}")
    trunks = Trunks(config.trunks, SystemClock(), config.routes)
    names = _Names.of(config)
    probes = await asyncio.gather(*(_probe(config, trunks, trunk, names) for trunk in trunks))
    route_hosts = await asyncio.gather(*(_whereabouts(host, names) for host in trunks.route_hosts))
    rows = [
        {"name": trunk.name, "uri": trunk.config.uri.text, "status": probe.status, "answer": probe.text}
        for trunk, probe in zip(trunks, probes, strict=True)
    ]
    output.one(
        {
            "config": str(config.path),
            "valid": True,
            "notes": notes,
            "packet_path": packet_path,
            "trunks": rows,
            "route_hosts": route_hosts,
        },
        "the configuration is valid",
    )
    output.line(described(packet_path))
    for row in rows:
        output.line(f"trunk {row['name']} ({row['uri']}): {row['answer']}")
    for found in route_hosts:
        output.line(f"route to {found['name']}: {found['answer']}")
    if not rows:
        output.line("note: no trunk is configured, so no call can be placed")
    return 0


def _check_files(config: Config) -> list[str]:
    """What the files that it names are for is what they are fit for; notes about them. Raises ConfigInvalid."""
    now_ms = SystemClock().wall_ms()
    mistakes = [*certificate_mistakes(config, now_ms), *_place_mistakes(config)]
    try:
        configured_prompts(config)
    except ConfigInvalid as invalid:
        mistakes += invalid.mistakes
    if mistakes:
        raise ConfigInvalid(mistakes)
    return list(authority_notes(config, now_ms))


def _place_mistakes(config: Config) -> Iterator[str]:
    """Where something is to be kept there is something else; what is not there is made at the start."""
    storage = config.storage
    database = database_path(storage.url)
    folders = {"storage.recordings": storage.recordings, "storage.prompts": storage.prompts}
    if database is not None:
        folders["storage.url"] = database.parent
    for key, folder in folders.items():
        try:
            nearest = next((place for place in (folder, *folder.parents) if place.exists()), None)
            if nearest is not None and not nearest.is_dir():
                yield f"{key}: {nearest}: is no folder"
            elif key == "storage.url" and database is not None and _is_something_else(database):
                yield f"{key}: {database} is not a database"
        except OSError as error:  # a name that is too long, a folder that may not be looked into
            yield f"{key}: {error.filename}: {error.strerror}"


def _is_something_else(database: Path) -> bool:
    """Whether what is there is none of SQLite's files, of which an empty one is one."""
    if not database.is_file():
        return database.exists()
    if not os.access(database, os.R_OK):
        return False
    with database.open("rb") as file:
        begins = file.read(len(_SQLITE_BEGINS))
    return begins not in (b"", _SQLITE_BEGINS)


async def _routes_of_nobody(config: Config) -> list[str]:
    """Routes that are to be billed to an organisation that there is not. A database that is not there, or that would
    have to be brought up to date, is left alone."""
    path = database_path(config.storage.url)
    if not any(route.org for route in config.routes) or path is None or not path.exists() or is_older(path):
        return []
    known = {each.org_id for each in await looked_up(config, lambda reader: reader.organisations())}
    return [
        f"routes[#{at}].org: there is no organisation {route.org}, so that its calls get 503; see: maskbridge org list"
        for at, route in enumerate(config.routes, 1)
        if route.org and route.org not in known
    ]


@dataclass(frozen=True, slots=True)
class _Names:
    """Finds names as `serve` does, by what its listeners can send to, and where that finds nothing by all else: asking
    needs no listener."""

    served: Resolver
    others: Resolver

    @classmethod
    def of(cls, config: Config) -> "_Names":
        """For the listeners of this configuration."""
        served = ways_of((*config.sip.listen, *undeclared_listeners(config)))
        others = tuple([Way(name, version) for name in DEFAULT_PORT for version in (4, 6)])
        return cls(*(Resolver(ways, SystemClock(), SystemTokens()) for ways in (served, others)))

    async def locate(self, target: Target) -> tuple[Located, str]:
        """Where it is, and what is to be said of that. Of an address that no listener can send to a note tells."""
        located = await self.served.locate(target)
        if located.destinations or located.unanswered:
            return located, ""
        otherwise = await self.others.locate(target)
        if not otherwise.destinations or is_ip_literal(target.host):
            return otherwise, ""
        at = otherwise.destinations[0]
        version = 6 if ":" in at.host else 4
        lacking = f"sip.listen has no {at.transport}:// listener of IPv{version}"
        return otherwise, f"; but it cannot be called: it is at {at}, and {lacking}"


async def _probe(config: Config, trunks: Trunks, trunk: Trunk, names: _Names) -> Probe:
    target = target_of(trunk.next_hop)
    located, but = await names.locate(target)
    if not located.destinations:
        return Probe(None, _not_found(target.host, located))
    trunks.resolved(trunk, located.destinations)
    try:
        probe = await _ask(config, trunk)
    except CannotListen as error:
        return Probe(None, f"cannot be asked ({error}){but}")
    return Probe(probe.status, f"{probe.text}{but}")


async def _whereabouts(host: RouteHost, names: _Names) -> dict[str, str]:
    """A host that routes name, and where it is; it is not asked anything, for it may be no peer of ours."""
    located, but = await names.locate(host.target)
    found = ", ".join(map(str, located.destinations))
    return {"name": host.name, "answer": f"is at {found}{but}" if found else _not_found(host.host, located)}


def _not_found(host: str, located: Located) -> str:
    return f"DNS fails to answer for {host}" if located.unanswered else f"{host} does not resolve"


async def _ask(config: Config, trunk: Trunk) -> Probe:
    """One OPTIONS from a free port of the listening address, since a running server has the port itself."""
    loop = asyncio.get_running_loop()
    destination = trunk.destination
    assert destination is not None
    at = ListenAddress(destination.transport, _listening_host(config, destination), 0)
    listeners = SipListeners.bind((at,), config.sip, SystemClock().wall_ms())
    answered: asyncio.Future[Probe] = loop.create_future()

    def on_event(event: sip.UserAgentEvent) -> None:
        if answered.done():
            return
        if isinstance(event, sip.RequestAnswered):
            answered.set_result(Probe(event.response.status, _said(event.response.status, event.response.reason)))
        elif isinstance(event, sip.RequestFailed):
            failure = listeners.last_failure(destination)
            unanswered = why_unanswered(event.cause, stream=destination.reliable)
            why = failure or (_NOTHING if event.cause == "timeout" else unanswered)
            answered.set_result(Probe(None, f"no answer ({why})"))

    settings = UserAgentSettings(locals=listeners.locals, user_agent=config.sip.user_agent)
    endpoint = SipEndpoint(
        UserAgent(settings, SystemTokens()), loop, lambda source: source.host == destination.host, on_event
    )
    try:
        listeners.start(endpoint, loop, lambda _address: trunk.identity)
        endpoint.request(options_to(trunk.config, destination))
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return await answered
    except TimeoutError:
        return Probe(None, f"no answer within {PROBE_TIMEOUT_S:g} s")
    finally:
        await listeners.close()
        endpoint.close()


def _said(status: int, reason: str) -> str:
    """An answer. One that is no 2xx shows as well that the trunk is there, and is not to look like a mistake, unless it
    is one that takes the trunk down."""
    if status < 300:
        return f"{status} {reason}"
    is_down = status in DOWN_STATUSES
    means = "as long as it says so, the trunk is down" if is_down else "it is there, as any answer shows"
    return f"{status} {reason}: {means}"


def _listening_host(config: Config, destination: TransportAddress) -> str:
    """The listening address of the destination's IP version, of its transport where there is one."""
    fitting = [at for at in config.sip.listen if (":" in at.host) == (":" in destination.host)]
    fitting.sort(key=lambda at: at.transport != destination.transport)
    if fitting:
        return fitting[0].host
    return "::" if ":" in destination.host else "0.0.0.0"
