"""The running process: every room built in its order, drained and taken down on a signal."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from b2bua import __version__
from b2bua.agents.line import AgentsLine
from b2bua.agents.stage import LINE_LISTENER, AgentsStage
from b2bua.browsers import Browsers
from b2bua.call.hangup import ENDING_REASONS
from b2bua.certificate_watch import CertificateWatch
from b2bua.certificates import CertificateUnusable
from b2bua.clock import SystemClock
from b2bua.config import Config, undeclared_listeners
from b2bua.draining import Stop, drain, heed_no_signal
from b2bua.housekeeping import keep_house, keep_pairs_open, keep_prompts_tidy, keep_seen
from b2bua.large_pages import gather_memory
from b2bua.listening import CannotListen, SipListeners, opening
from b2bua.loop_delay import LoopDelay
from b2bua.packet_path import described, media_settings, packet_path_of, watch_on
from b2bua.prompts import configured_prompts
from b2bua.rehearsal.stage import Rehearsal, Shared
from b2bua.rehearsal.switches import Switches
from b2bua.sealed_secrets import SealedSecrets
from b2bua.sip.routing import bracketed
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from b2bua.sole_use import lock_beside, sole_use
from b2bua.switch.audience import Audience, Everyone
from b2bua.switch.call_sounds import CallPrompts
from b2bua.switch.daily_check import DailyCheck
from b2bua.switch.database_watch import DatabaseWatch
from b2bua.switch.journal import Journal
from b2bua.switch.locating import Locating, ways_of
from b2bua.switch.peer_names import PeerNames
from b2bua.switch.prompt_shelf import PromptShelf
from b2bua.switch.recordings import Recordings
from b2bua.switch.recordings_at_rest import RecordingsAtRest, master_keys_of
from b2bua.switch.recovery import recover
from b2bua.switch.retention import Retention
from b2bua.switch.settlement import Settlement
from b2bua.switch.supervisors import SupervisorDesk
from b2bua.switch.switch import Rooms, Switch
from b2bua.switch.tracing import Tracing
from b2bua.switch.trunks import Trunks
from b2bua.tokens import SystemTokens, Tokens
from b2bua.transport.endpoint import SipEndpoint
from b2bua.transport.resolver import Resolver
from control_api.app import create_app, start_api
from control_api.balance_alerts import BalanceAlerts
from control_api.event_feed import EventFeed
from control_api.mail.office import post_of
from control_api.mail.post import Post
from control_api.mail.shelf import LetterShelf
from control_api.metrics import Figures
from control_api.payments.desk import payment_desk
from control_api.schemas import RECORDING_URL_LIFE_S
from control_api.settings import ApiSettings
from control_api.signed_urls import signed_recording_url
from control_api.streams.desk import StreamDesk
from control_api.streams.line import Lines, LineSettings
from control_api.tls import server_context
from control_api.webhooks.dispatcher import Dispatcher, DispatcherSettings
from control_api.webhooks.trials import Trials
from media.engine import MediaEngine
from media.events import MediaEvent
from media.packet_paths import new_tap_for
from media.prompts.files import PromptFiles
from media.recording.master_keys import MasterKeys
from media.recording.mp3 import Mp3Pool
from media.recording.recorder import Recorder
from media.tones import Tone
from storage.errors import StorageError
from storage.records import CallRecord
from storage.store import Store, database_path

LOG: Final = logging.getLogger(__name__)

LAST_WORDS_S: Final = 5.0  # at the end, so long for webhooks that are due; the rest go out after the next start
LAST_WORDS_POLL_S: Final = 0.02

# How often the garbage collector looks: after so many more objects have been made than freed, and then at the middle
# and at the old ones every so many times. A call goes by reference counting (tests/scenarios/test_no_cycles.py), so
# there is little to find, while Python's own 700 has the collector walk through the thousands of transactions that wait
# for retransmissions again and again: a tenth of the CPU. A pass holds up all that the interpreter does: 1.5 ms of CPU
# for 2,000 young ones (6 ms, at worst 10, for 10,000, and 0.5 % less CPU a call), 50 ms and more for the 200,000
# objects that linger at 100 calls a second, hence seldom. What is in a cycle all the same (an exception with its
# frames) is found while it is young; a million objects, some 100 MB, are the most that wait for the pass behind.
COLLECT_YOUNG: Final = 2_000
COLLECT_MIDDLE: Final = 500
COLLECT_OLD: Final = 10


Announce = Callable[[list[str], str], None]


@dataclass(slots=True)
class Process:
    """The rooms of one running process, as far as they are built."""

    config: Config
    stack: contextlib.AsyncExitStack
    loop: asyncio.AbstractEventLoop
    clock: SystemClock
    tokens: Tokens
    store: Store
    signing_key: bytes
    certificates: CertificateWatch
    master_keys: MasterKeys | None = None
    journal: Journal | None = None
    feed: EventFeed | None = None
    dispatcher: Dispatcher | None = None
    rehearsal: Rehearsal | None = None
    browsers: Browsers | None = None
    line: AgentsLine | None = None
    post: Post | None = None
    streams: StreamDesk | None = None
    supervisors: SupervisorDesk | None = None


async def serve(config: Config, announce: Announce) -> None:
    """Run until a signal has been obeyed; `announce` gets the SIP listeners and the API's address once all are up.

    Raises `CannotListen`, and `InUse` where another process serves with the same database or recordings.
    """
    loop = asyncio.get_running_loop()
    stop = Stop(asyncio.Event(), asyncio.Event())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.signalled)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it is to be ignored, and is
        # A terminal that closes may send it twice: no second one.
        loop.add_signal_handler(signal.SIGHUP, stop.drain.set)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(sole_use(locks_of(config)))
        store = await Store.open(config.storage.url)
        stack.push_async_callback(store.close)
        tokens = SystemTokens()
        clock = SystemClock()
        signing_key, certificates = _signing_key(config, tokens), CertificateWatch(clock)
        process = Process(config, stack, loop, clock, tokens, store, signing_key, certificates, master_keys_of(config))
        switch = await _build(process, announce)
        _spare_the_collector()
        await stop.drain.wait()
        await asyncio.gather(drain(switch, config.calls.drain_timeout_s, stop), _end_rehearsal(process))
        await _tell_the_rest(process)
    heed_no_signal(loop)
    LOG.info("stopped")


def _spare_the_collector() -> None:
    """What there is after the start stays: it is not looked through any more, and the rest less often."""
    gc.collect()
    gc.freeze()
    LOG.debug("%d large pages of memory", gather_memory())
    gc.set_threshold(COLLECT_YOUNG, COLLECT_MIDDLE, COLLECT_OLD)


def locks_of(config: Config) -> dict[str, Path]:
    """What no second server may have while this one runs."""
    locks = {"storage.recordings": config.storage.recordings / ".serving"}
    database = database_path(config.storage.url)
    if database is not None:
        locks["storage.url"] = lock_beside(database)
    return locks


def _signing_key(config: Config, tokens: Tokens) -> bytes:
    if config.secrets.url_signing_key:
        return config.secrets.url_signing_key.encode()
    LOG.warning("secrets.url_signing_key is not set: signed URLs of recordings end with this process")
    return tokens.hex(64).encode()


async def _end_rehearsal(process: Process) -> None:
    """Test calls are not waited for as live ones are."""
    if process.rehearsal is not None:
        await process.rehearsal.close()


async def _tell_the_rest(process: Process) -> None:
    """Give what the last calls wrote the time to be told; an endpoint that does not answer is not waited for."""
    with contextlib.suppress(TimeoutError, StorageError):
        async with asyncio.timeout(LAST_WORDS_S):
            quiet = 0
            while quiet < 2:  # twice: between its claim and its POST a delivery is seen nowhere
                quiet = 0 if await _has_more_to_tell(process) else quiet + 1
                await asyncio.sleep(LAST_WORDS_POLL_S)


async def _has_more_to_tell(process: Process) -> bool:
    if process.journal is not None and process.journal.backlog:
        return True
    if process.dispatcher is not None and process.dispatcher.counters()["webhooks_in_flight"]:
        return True
    due_at = await process.store.read(lambda reader: reader.next_due_at())
    return due_at is not None and due_at <= process.clock.wall_ms()


async def _build(process: Process, announce: Announce) -> Switch:
    """Everything in its order; the stack takes it down in the reverse."""
    config, stack = process.config, process.stack
    dispatcher, journal, tracing = await _writers(process)
    media_events: list[Callable[[MediaEvent], None]] = []
    prompts = await process.loop.run_in_executor(None, configured_prompts, config)
    recorder, media = _media(process, media_events, prompts.announcements)
    shelf = PromptShelf(process.store, PromptFiles(config.storage.prompts), process.clock)
    orphans = await process.loop.run_in_executor(None, recorder.recover)
    agents = _agents(process)
    line = None if agents is None else agents.trunk
    trunks = Trunks(config.trunks, process.clock, config.routes, line, process.tokens)
    names = await _locate(process, trunks)
    settlement = Settlement(journal, process.clock, process.tokens, recorder.taken)
    recordings = await _recordings(process, journal, settlement, recorder)
    at_rest = RecordingsAtRest(process.store, config.storage.recordings, process.master_keys, process.clock)
    rooms = Rooms(
        store=process.store,
        journal=journal,
        settlement=settlement,
        recordings=recordings,
        media=media,
        trunks=trunks,
        clock=process.clock,
        tokens=process.tokens,
        scheduler=process.loop,
        prompts=CallPrompts(shelf, prompts.sounds),
        tracing=tracing,
        audience=Everyone(*await _audiences(process)),
    )
    switch = Switch(config, rooms)
    rehearsal = process.rehearsal = Rehearsal(
        Shared(config, rooms, recorder, tuple(prompts.announcements), process.loop)
    )
    stack.push_async_callback(rehearsal.close)
    media_events += [switch.on_media_event, rehearsal.on_media_event]
    await recover(process.store, settlement, recordings, orphans)
    listeners = _listen_sip(process, switch, trunks, tracing, names)
    process.line = None if agents is None else agents.open(switch, listeners.locals)
    await _take_calls(process, switch, dispatcher)
    retention = Retention(process.store, at_rest, process.clock, config.storage.retention_days, recordings.is_exporting)
    _in_background(process, retention.run())
    figures = (
        dispatcher.counters,
        listeners.figures,
        partial(_recorder_figures, recorder),
        retention.figures,
        tracing.counters,
        _loop_delay(process),
        recordings.figures,
        _money_watched(process, dispatcher.wake),
        process.certificates.figures,
        _database_watched(process, journal),
    )
    _keep_house(process, switch, journal, tracing, shelf)
    port = await _listen_api(process, Switches(switch, rehearsal), at_rest, shelf, figures)
    announce(listeners.names, f"{bracketed(config.api.listen.host)}:{port}")
    return switch


async def _take_calls(process: Process, switch: Switch, dispatcher: Dispatcher) -> None:
    """Take calls, and deliver what is to be told. That a clock was set back shows by the last sign of life, which the
    second looks at right before the first gives a new one, and so only where the start came this far. Nothing is waited
    for before the first: the listeners are open, and what comes to them would be refused."""
    dispatcher.take_over()
    switch.start()
    process.stack.callback(switch.stop)
    await dispatcher.start()


async def _locate(process: Process, trunks: Trunks) -> PeerNames:
    """Look the trunks' names up, and keep doing so; those of their peers when they come."""
    config = process.config
    resolver = Resolver(ways_of((*config.sip.listen, *undeclared_listeners(config))), process.clock, process.tokens)
    process.stack.callback(resolver.close)
    locating = Locating(trunks, resolver)
    await locating.start()
    process.stack.push_async_callback(locating.close)
    names = PeerNames(trunks, resolver, process.clock.monotonic)
    process.stack.callback(names.close)
    return names


async def _writers(process: Process) -> tuple[Dispatcher, Journal, Tracing]:
    """What tells clients, what writes down, and what gathers the course of calls; all but the first are running."""
    dispatcher = process.dispatcher = _dispatcher(process)
    process.stack.push_async_callback(dispatcher.close)
    feed = process.feed = EventFeed(process.store, process.config.api.streams_per_key)

    def committed() -> None:
        dispatcher.wake()
        feed.wake()

    journal = process.journal = Journal(process.store, committed)
    journal.start()
    process.stack.push_async_callback(journal.close)
    trace = process.config.trace
    tracing = Tracing(journal, process.clock, process.loop, keep_days=trace.keep_days, unbilled=trace.unbilled)
    process.stack.callback(tracing.close)
    return dispatcher, journal, tracing


def _keep_house(process: Process, switch: Switch, journal: Journal, tracing: Tracing, shelf: PromptShelf) -> None:
    _in_background(process, keep_seen(process.clock, switch, journal))
    _in_background(process, keep_house(process.clock, journal, tracing))
    _in_background(process, keep_prompts_tidy(shelf))


def _agents(process: Process) -> AgentsStage | None:
    """Where agents are dialled, bound so that the switch can be told where; None where no browsers are answered."""
    if not process.config.webrtc.enabled:
        return None
    browsers = process.browsers = Browsers(process.config.webrtc, process.clock, process.loop)
    process.stack.push_async_callback(browsers.close)
    stage = AgentsStage(process.config, process.clock, process.tokens, process.loop, browsers)
    process.stack.push_async_callback(stage.close)
    return stage


def _database_watched(process: Process, journal: Journal) -> Figures:
    """Whether the database's files are where they were, looked at from now on."""
    watch = DatabaseWatch(process.store, journal, process.clock)
    _in_background(process, watch.run())
    return watch.figures


def _money_watched(process: Process, wake: Callable[[], None]) -> Figures:
    """What is about money, compared day after day from now on, and the post that tells of it."""
    box = None if process.master_keys is None else SealedSecrets(process.master_keys)
    post = process.post = post_of(process.config.mail, LetterShelf(process.store, box))
    if post is not None:
        process.stack.push_async_callback(post.close)
        _in_background(process, post.take_up(process.clock.wall_ms()))
    daily_check = DailyCheck(process.store, process.clock)
    alerts = BalanceAlerts(process.store, process.clock, process.tokens, wake, post, process.config.api.public_url)
    _in_background(process, daily_check.run())
    _in_background(process, alerts.run())
    return lambda: {**daily_check.figures(), **alerts.figures(), **({} if post is None else post.counters())}


async def _audiences(process: Process) -> list[Audience]:
    """Who hears live calls: what streams them, and where browsers are answered, supervisors."""
    audiences: list[Audience] = [await _streams(process)]
    if process.browsers is not None:
        browsers = process.browsers
        desk = process.supervisors = SupervisorDesk(
            browsers.gateway,
            process.clock,
            process.tokens,
            asyncio.get_running_loop(),
            browsers.ice_servers,
            connect_timeout_s=process.config.webrtc.connect_timeout_s,
        )
        browsers.told_to(desk.on_browser_event)
        process.stack.push_async_callback(desk.close)
        audiences.append(desk)
    return audiences


async def _streams(process: Process) -> StreamDesk:
    """What streams live calls to their organisations' servers."""
    webhooks = process.config.webhooks
    settings = LineSettings(f"maskbridge/{__version__}", webhooks.timeout_s, webhooks.allow_private_targets)
    lines = Lines(settings, process.clock)
    process.stack.push_async_callback(lines.close)
    streams = process.streams = StreamDesk(process.store, process.clock, process.tokens, lines)
    process.stack.push_async_callback(streams.close)
    await streams.refresh()
    return streams


def _loop_delay(process: Process) -> Figures:
    """How late the event loop is, watched from now on."""
    delay = LoopDelay(process.loop)
    delay.start()
    process.stack.callback(delay.stop)
    return delay.figures


def _webhook_settings(config: Config) -> DispatcherSettings:
    return DispatcherSettings(
        user_agent=f"maskbridge/{__version__}",
        timeout_s=config.webhooks.timeout_s,
        allow_private_targets=config.webhooks.allow_private_targets,
        log_number_style=config.calls.log_number_style,
    )


def _dispatcher(process: Process) -> Dispatcher:
    return Dispatcher(
        process.store,
        process.clock,
        process.tokens,
        _webhook_settings(process.config),
        partial(_sign_url, process),
    )


def _sign_url(process: Process, call: CallRecord) -> str:
    expires_at_s = process.clock.wall_ms() // 1000 + RECORDING_URL_LIFE_S
    return signed_recording_url(process.signing_key, process.config.api.public_url, call.call_id, expires_at_s)


def _media(
    process: Process, receivers: list[Callable[[MediaEvent], None]], prompts: Sequence[Tone]
) -> tuple[Recorder, MediaEngine]:
    """The recorder and the media engine, started; their events reach `receivers` on the event loop."""
    config = process.config

    def deliver(event: MediaEvent) -> None:
        for receiver in receivers:
            receiver(event)

    def post(work: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends, the next start tells it
            process.loop.call_soon_threadsafe(work)

    packet_path = packet_path_of(config)
    LOG.info("%s", described(packet_path))
    with opening("media.address", config.media.address):
        _free_udp_port(config.media.address)
    if config.media.address_ipv6:
        with opening("media.address_ipv6", config.media.address_ipv6):
            _free_udp_port(config.media.address_ipv6)
    root = config.storage.recordings
    recorder = Recorder(
        root,
        process.clock.monotonic,
        lambda event: post(partial(deliver, event)),
        new_tap=new_tap_for(packet_path),
        keys=process.master_keys,
        sealed=config.storage.encrypt,
    )
    recorder.open()
    process.stack.push_async_callback(_off_loop, recorder.close)
    media = MediaEngine(
        media_settings(config.media, packet_path),
        process.tokens,
        process.clock.monotonic,
        deliver,
        recorder,
        post,
        soon=process.loop.call_soon,
        prompts=prompts,
        watch=watch_on(process.loop),
    )
    media.start()
    process.stack.callback(media.close)
    _in_background(process, keep_pairs_open(media))
    return recorder, media


async def _recordings(process: Process, journal: Journal, settlement: Settlement, recorder: Recorder) -> Recordings:
    pool = Mp3Pool()
    process.stack.push_async_callback(pool.close)
    recordings = Recordings(
        process.store,
        journal,
        settlement,
        pool,
        process.config.storage.recordings,
        process.clock,
        recorder.acknowledge,
        recorder.leave,
        process.master_keys,
    )
    recordings.start(workers=2)
    process.stack.push_async_callback(recordings.close)
    return recordings


def _listen_sip(process: Process, switch: Switch, trunks: Trunks, tracing: Tracing, names: PeerNames) -> SipListeners:
    """Open what `sip.listen` has, and what trunks need beside it."""
    config = process.config
    addresses = (*config.sip.listen, *undeclared_listeners(config))
    if config.webrtc.enabled and not any(at.transport == "udp" and ":" not in at.host for at in addresses):
        addresses = (*addresses, LINE_LISTENER)  # agents are dialled over it
    listeners = SipListeners.bind(addresses, config.sip, process.clock.wall_ms())
    process.stack.push_async_callback(listeners.close)
    user_agent = UserAgent(
        UserAgentSettings(locals=listeners.locals, user_agent=config.sip.user_agent, ending_reasons=ENDING_REASONS),
        process.tokens,
        trunks.is_peer,
        trunks.policy_of,
        names.where,
    )
    told = (switch.on_sip_event, tracing.message_tape, switch.on_connection_ended)
    endpoint = SipEndpoint(user_agent, process.loop, trunks.is_peer, *told)
    process.stack.callback(endpoint.close)
    switch.attach(endpoint)
    trunks.last_failure = listeners.last_failure
    listeners.start(endpoint, process.loop, trunks.identity_of)
    if listeners.has_tls:
        process.certificates.watch_sip(config.sip, partial(listeners.renewal, config.sip))
    return listeners


def _recorder_figures(recorder: Recorder) -> Mapping[str, float]:
    """The recorder's numbers as /metrics names them: all but the live ones only ever grow."""
    numbers = dict(recorder.counters())
    live = numbers.pop("recordings_live")
    return {"recordings_live": live} | {f"recorder_{name}_total": number for name, number in numbers.items()}


async def _listen_api(
    process: Process, switch: Switches, recordings: RecordingsAtRest, prompts: PromptShelf, figures: Sequence[Figures]
) -> int:
    config = process.config
    api = config.api
    payments = payment_desk(config.billing)
    if payments is not None:
        process.stack.callback(payments.provider.close)
    trials = Trials(_webhook_settings(config), process.clock)
    process.stack.push_async_callback(trials.close)
    app = create_app(
        settings=ApiSettings(
            public_url=api.public_url,
            url_signing_key=process.signing_key,
            recordings=config.storage.recordings,
            rate_limit_per_minute=api.rate_limit_per_minute,
            max_body_bytes=api.max_body_bytes,
            cors_origins=api.cors_origins,
            trusted_proxies=tuple(str(network) for network in api.trusted_proxies),
            streams_per_key=api.streams_per_key,
            session_idle_s=api.session_idle_s,
            session_life_s=api.session_life_s,
            tls=api.tls_certificate is not None,
            log_number_style=config.calls.log_number_style,
            version=__version__,
        ),
        switch=switch,
        recordings=recordings,
        prompts=prompts,
        store=process.store,
        clock=process.clock,
        tokens=process.tokens,
        figures=figures,
        box=None if process.master_keys is None else SealedSecrets(process.master_keys),
        feed=process.feed,
        facts={"media_packet_path": {"path": packet_path_of(config)}},
        payments=payments,
        agents=process.line,
        streams=process.streams,
        supervisors=process.supervisors,
        post=process.post,
        trials=trials,
    )
    context = None
    if api.tls_certificate is not None and api.tls_key is not None:
        try:
            context = server_context(api.tls_certificate, api.tls_key, process.clock.wall_ms())
        except CertificateUnusable as error:
            raise CannotListen(f"api.tls_certificate: {error}") from error
    with opening("api.listen", f"{bracketed(api.listen.host)}:{api.listen.port}"):
        server = await start_api(app, api.listen.host, api.listen.port, context)
    process.stack.push_async_callback(server.close)
    process.certificates.watch_api(api, server.renew)
    _in_background(process, process.certificates.run())
    return server.port


def _in_background(process: Process, work: Coroutine[object, object, None]) -> None:
    task = process.loop.create_task(work, name=getattr(work, "__qualname__", None))
    task.add_done_callback(_tell_of_end)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    process.stack.push_async_callback(end)


def _tell_of_end(task: asyncio.Task[None]) -> None:
    """What goes on for as long as we run has ended by a defect: without a word nobody would look for it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        LOG.critical("%s has ended, and is not done any more until the next start", task.get_name(), exc_info=error)


async def _off_loop(work: Callable[[], None]) -> None:
    await asyncio.get_running_loop().run_in_executor(None, work)


def _free_udp_port(host: str) -> int:
    """A port that is free now: for `listen` with port 0 it must be known before the first message names it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
