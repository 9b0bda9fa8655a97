"""Recordings: the signed URL, and the MP3 behind it."""

import asyncio
import os
from dataclasses import replace
from typing import Final

from aiohttp import web

from control_api.auditing import audit_entry
from control_api.byte_ranges import ByteRange, not_modified, range_still_holds, wanted_range
from control_api.downloads import OpenFile, open_below, send_part
from control_api.errors import NotFound
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.recording_schemas import (
    live_recording_representation,
    peaks_representation,
    recording_pause_representation,
    recording_representation,
)
from control_api.rendering import json_text
from control_api.request_body import read_optional_json
from control_api.routes.of_call import call_id_of, check_seen
from control_api.schemas import RECORDING_CONTENT_TYPE, RECORDING_URL_LIFE_S
from control_api.signed_urls import PUBLIC_RECORDINGS_PATH, check_recording_url, signed_recording_url
from storage.records import Scope

_SUFFIX: Final = ".mp3"


async def show_recording(api: Api, exchange: Exchange) -> Reply:
    """A signed URL of the call's MP3, good for an hour."""
    call_id = call_id_of(exchange)
    await check_seen(api, exchange, call_id)
    org_id = exchange.org_id
    recording, call = await api.store.read(
        lambda reader: (reader.recording(org_id, call_id), reader.call(org_id, call_id))
    )
    if recording is None or recording.mp3_path is None or recording.purged_at is not None:
        raise NotFound("No recording of this call is available.")
    settings = api.settings
    expires_at_s = api.clock.wall_ms() // 1000 + RECORDING_URL_LIFE_S
    url = signed_recording_url(settings.url_signing_key, settings.public_url, call_id, expires_at_s)
    return Reply(json_text(recording_representation(recording, call, url, expires_at_s, RECORDING_URL_LIFE_S)))


async def show_peaks(api: Api, exchange: Exchange) -> Reply:
    """What a drawing of the recording is made of."""
    call_id, org_id = call_id_of(exchange), exchange.org_id
    await check_seen(api, exchange, call_id)
    found = await api.store.read(lambda reader: reader.recording_peaks(org_id, call_id))
    if found is None:
        raise NotFound("Of this call there are no peaks of a recording.")
    recording, content = found
    peaks = await asyncio.to_thread(api.recordings.peaks, recording, content)
    return Reply(json_text(peaks_representation(call_id, recording.duration_ms, peaks)))


async def show_live_recording(api: Api, exchange: Exchange) -> Reply:
    """Whether a live call is being recorded at this moment."""
    call_id = call_id_of(exchange)
    await check_seen(api, exchange, call_id)
    recording = await api.switch.live_recording(exchange.org_id, call_id)
    return Reply(json_text(live_recording_representation(call_id, recording)))


async def pause_recording(api: Api, exchange: Exchange) -> Reply:
    """Leave what is said from now on out of the recording."""
    return await _pause(api, exchange, paused=True)


async def resume_recording(api: Api, exchange: Exchange) -> Reply:
    """Record again from now on."""
    return await _pause(api, exchange, paused=False)


async def _pause(api: Api, exchange: Exchange, *, paused: bool) -> Reply:
    call_id = call_id_of(exchange)
    await check_seen(api, exchange, call_id)
    await read_optional_json(exchange.request, api.settings.max_body_bytes)
    await api.switch.pause_recording(exchange.org_id, call_id, paused=paused)
    return Reply(json_text(recording_pause_representation(call_id, paused=paused)))


async def stream_recording(api: Api, exchange: Exchange) -> web.StreamResponse:
    """The MP3 itself, or a part of it, for whoever holds a URL that we signed."""
    request = exchange.request
    name = request.match_info["file"]
    if not name.endswith(_SUFFIX):
        raise NotFound("There is nothing at this path.")
    call_id = name.removesuffix(_SUFFIX)
    expires, signature = (
        values[0] if len(values) == 1 else None
        for values in (request.query.getall("expires", []), request.query.getall("signature", []))
    )
    check_recording_url(api.settings.url_signing_key, call_id, expires, signature, api.clock.wall_ms() / 1000)
    # Whoever holds the URL need not say whose it is, so this is asked by the call alone.
    recording = await api.store.run(lambda unit: unit.recordings.get(call_id))
    if recording is None or recording.mp3_path is None or recording.purged_at is not None:
        raise NotFound("This recording is no longer available.")
    with api.downloads.place():
        file = await asyncio.to_thread(open_below, api.settings.recordings, recording.mp3_path)
        try:
            if recording.sealed_key is not None:
                unsealed = await asyncio.to_thread(api.recordings.unseal_mp3, recording, file.descriptor)
                file = replace(file, length=unsealed.length, read_at=unsealed.read_at)
            return await _send(exchange, file, call_id)
        finally:
            os.close(file.descriptor)


async def erase_recording(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Purge the recording: it can be had no more, and its files are deleted."""
    call_id = call_id_of(exchange)
    await api.recordings.erase(exchange.org_id, call_id, audit_entry(api, exchange, "recording.erase", call_id))
    return web.Response(status=204, headers=exchange.headers)


async def _send(exchange: Exchange, file: OpenFile, call_id: str) -> web.StreamResponse:
    request, headers = exchange.request, exchange.headers
    headers["ETag"] = file.etag
    headers["Last-Modified"] = file.last_modified
    headers["Accept-Ranges"] = "bytes"
    headers["Cache-Control"] = "private, no-cache"
    headers["Content-Disposition"] = f'inline; filename="{call_id}{_SUFFIX}"'
    if _client_has_it(request, file):
        return web.Response(status=304, headers=headers)
    part = None
    if request.method == "GET" and range_still_holds(request.headers.get("If-Range"), file.etag, file.last_modified):
        part = wanted_range(request.headers.get("Range"), file.length)
    headers["Content-Type"] = RECORDING_CONTENT_TYPE
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.end}/{file.length}"
    response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
    part = part or ByteRange(0, file.length - 1)
    response.content_length = part.length
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    # Read before anything is said: what cannot be read is an error then, and not a download that breaks off.
    first = await asyncio.to_thread(file.part, part.start, part.end)
    await response.prepare(request)
    await send_part(response, file, part, first)
    return response


def _client_has_it(request: web.Request, file: OpenFile) -> bool:
    """RFC 9110 section 13.2.2: `If-None-Match` counts, and `If-Modified-Since` only without it."""
    if_none_match = request.headers.get("If-None-Match")
    if if_none_match is not None:
        return not_modified(if_none_match, file.etag)
    try:
        since = request.if_modified_since
    except OverflowError:  # a date with too many digits is none, as any other that is no date
        return False
    return since is not None and file.modified_at_s <= since.timestamp()


ROUTES: Final = (
    Route("GET", "/v1/masking/calls/{call_sid}/recording", show_recording, Scope.RECORDINGS_READ),
    Route("GET", "/v1/masking/calls/{call_sid}/recording/peaks", show_peaks, Scope.RECORDINGS_READ),
    Route("GET", "/v1/masking/calls/{call_sid}/recording/live", show_live_recording, Scope.CALLS_READ),
    Route("DELETE", "/v1/masking/calls/{call_sid}/recording", erase_recording, Scope.RECORDINGS_WRITE),
    Route("POST", "/v1/masking/calls/{call_sid}/recording/pause", pause_recording, Scope.CALLS_WRITE),
    Route("POST", "/v1/masking/calls/{call_sid}/recording/resume", resume_recording, Scope.CALLS_WRITE),
    Route("GET", PUBLIC_RECORDINGS_PATH + "{file}", stream_recording),
)
