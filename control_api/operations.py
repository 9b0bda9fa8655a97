"""What each endpoint does, for the OpenAPI document: one row an endpoint."""

from typing import Final

from control_api import recording_schemas, schemas, series_schemas
from control_api.account_operations import ACCOUNT_OPERATIONS
from control_api.admin_operations import ADMIN_OPERATIONS
from control_api.agent_operations import AGENT_OPERATIONS
from control_api.operation import INVALID as _INVALID
from control_api.operation import NOT_FOUND as _NOT_FOUND
from control_api.operation import NOT_NOW as _NOT_NOW
from control_api.operation import Operation
from control_api.payment_operations import PAYMENT_OPERATIONS
from control_api.prompt_operations import PROMPT_OPERATIONS
from control_api.stream_operations import STREAM_OPERATIONS
from control_api.supervisor_operations import SUPERVISOR_OPERATIONS
from control_api.trace_schemas import CallEventsReply
from storage.records import Scope

_LIVE_CALL_ERRORS: Final = (
    _INVALID,
    _NOT_FOUND,
    (409, "conflict"),
    (413, "payload_too_large"),
    (415, "unsupported_media_type"),
    _NOT_NOW,
)

OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/masking/calls",
        "placeCall",
        "Calls",
        "Place a masked call",
        "A's phone rings first; when A answers, B is called; when B answers, both are connected. Both see the masked "
        "number only. The reply comes at once; what happens then is told by webhooks and by the status of the call. "
        "With an `Idempotency-Key` the same request can be repeated within 24 hours without placing a second call: the "
        "first reply is given again.\n\n"
        "With a test key, `vp_test_...`, calls go between simulated parties over loopback: free, marked `test`, in "
        "totals of their own. 9000001xxx answers and is heard as a tone, 9000002xxx is busy, 9000003xxx rings on "
        "and on, 9000004xxx rejects, 9000005xxx cannot be reached, 9000006xxx is not in use, 9000007sss answers and "
        "hangs up after sss seconds.",
        schemas.PlacedCallReply,
        status=201,
        scope=Scope.CALLS_WRITE,
        body=schemas.PlaceCallBody,
        errors=(
            (400, "invalid_numbers"),
            _INVALID,
            (402, "insufficient_balance"),
            _NOT_FOUND,
            (409, "conflict"),
            (413, "payload_too_large"),
            (415, "unsupported_media_type"),
            _NOT_NOW,
        ),
        example="placed_call",
    ),
    Operation(
        "GET",
        "/v1/masking/calls/{call_sid}",
        "showCall",
        "Calls",
        "Look at a call",
        "The call as it is now. An id of another organisation is not found.",
        schemas.CallReply,
        scope=Scope.CALLS_READ,
        errors=(_NOT_FOUND, _NOT_NOW),
        example="call",
    ),
    Operation(
        "POST",
        "/v1/masking/calls/{call_sid}/hangup",
        "hangUp",
        "Calls",
        "End a call",
        "Ends the call on every leg at once. Its `hangup_cause` becomes `api_hangup`. No body is needed.",
        schemas.EndingCallReply,
        status=202,
        scope=Scope.CALLS_WRITE,
        errors=_LIVE_CALL_ERRORS,
        example="ending_call",
    ),
    Operation(
        "GET",
        "/v1/masking/calls/{call_sid}/events",
        "showCallEvents",
        "Calls",
        "What happened in a call",
        "Its SIP messages on both legs, its steps, facts of its media and the webhooks that were sent, oldest first, "
        "up to about a second ago: what a ladder diagram is drawn from. At most 500 of a call, the first ones; kept "
        "for as long as the operator has configured, a week by default. With `Accept: text/event-stream` it is a "
        "stream as `/v1/masking/events` is one: of this call alone, from its first event to its last.",
        CallEventsReply,
        scope=Scope.CALLS_READ,
        errors=(_NOT_FOUND, _NOT_NOW),
        example="call_events",
    ),
    Operation(
        "GET",
        "/v1/masking/events",
        "streamEvents",
        "Calls",
        "Follow calls as they happen",
        "Server-sent events: each webhook event of the organisation as it is committed, with the webhook's name as "
        "`event`, its `event_id` as `id` and its body as `data`, whether or not an endpoint is configured; the "
        "`download_url` of `recording.ready` only where the key may read recordings. With "
        "`Last-Event-ID` it goes on after that event, as far as that is among the last 50,000 of the server, else an "
        "event `gap` is sent first. A comment every 15 seconds says that the connection lives. The last event is `end` "
        "with a `reason`: `shutdown`, `too_slow` (1,000 events behind), `unauthorized` (the key has ended), or "
        "`call_over` where one call is followed. One key may have 10 streams at once, or as many as is configured.",
        None,
        scope=Scope.CALLS_READ,
        errors=(_NOT_NOW,),
        media_type="text/event-stream",
    ),
    Operation(
        "GET",
        "/v1/masking/calls/{call_sid}/recording",
        "showRecording",
        "Recordings",
        "Get the URL of a recording",
        "A signed URL of the MP3, good for an hour, which needs no key, and what is known of the recording: length, "
        "sizes and SHA-256 of its files in plain, whether they are encrypted at rest, pauses, and for each party what "
        "is missing and how its clock ran. Not found until the recording is available: the webhook `recording.ready` "
        "tells when it is.",
        recording_schemas.RecordingReply,
        scope=Scope.RECORDINGS_READ,
        errors=(_NOT_FOUND, _NOT_NOW),
        example="recording",
    ),
    Operation(
        "GET",
        "/v1/masking/calls/{call_sid}/recording/peaks",
        "showRecordingPeaks",
        "Recordings",
        "Get what a recording looks like",
        "The loudest of each stretch, party by party, for a waveform: at most 1000 of each, a stretch 20 ms at least. "
        "Not found until the recording is available, and of recordings that were made before there were peaks.",
        recording_schemas.PeaksReply,
        scope=Scope.RECORDINGS_READ,
        errors=(_NOT_FOUND, _NOT_NOW),
        example="recording_peaks",
    ),
    Operation(
        "GET",
        "/v1/masking/calls/{call_sid}/recording/live",
        "showLiveRecording",
        "Recordings",
        "Ask whether a live call is being recorded",
        "Or streamed: `off` until the parties are connected too, and `paused` while it is paused. 409 when the call "
        "has ended.",
        recording_schemas.LiveRecordingReply,
        scope=Scope.CALLS_READ,
        errors=(_NOT_FOUND, (409, "conflict"), _NOT_NOW),
        example="live_recording",
    ),
    Operation(
        "DELETE",
        "/v1/masking/calls/{call_sid}/recording",
        "eraseRecording",
        "Recordings",
        "Erase a recording",
        "Deletes the WAV and the MP3, and where they are sealed the key with which any copy of them could be read. "
        "There is no way back. The call stays, and its `recording_url` becomes null. 409 while the call is live.",
        None,
        status=204,
        scope=Scope.RECORDINGS_WRITE,
        errors=(_NOT_FOUND, (409, "conflict"), _NOT_NOW),
    ),
    *PROMPT_OPERATIONS,
    *STREAM_OPERATIONS,
    *SUPERVISOR_OPERATIONS,
    Operation(
        "POST",
        "/v1/masking/calls/{call_sid}/recording/pause",
        "pauseRecording",
        "Recordings",
        "Pause the recording of a live call",
        "From this moment on both channels are silent in the recording, and what is said is never written. The "
        "timeline goes on, and the recording names its pauses. Pausing what is paused changes nothing. No body is "
        "needed. 409 where the call is not being recorded: not to be, not connected yet, ended, or paused 100 times "
        "before.",
        recording_schemas.RecordingPauseReply,
        scope=Scope.CALLS_WRITE,
        errors=_LIVE_CALL_ERRORS,
        example="paused_recording",
    ),
    Operation(
        "POST",
        "/v1/masking/calls/{call_sid}/recording/resume",
        "resumeRecording",
        "Recordings",
        "Go on with a paused recording",
        "From this moment on both parties are recorded again. Resuming what is not paused changes nothing. No body is "
        "needed. 409 where the call is not being recorded.",
        recording_schemas.RecordingPauseReply,
        scope=Scope.CALLS_WRITE,
        errors=_LIVE_CALL_ERRORS,
        example="resumed_recording",
    ),
    Operation(
        "GET",
        "/v1/public/recordings/masking/{file}",
        "fetchRecording",
        "Recordings",
        "Fetch a recording",
        "Streams the MP3 behind a signed URL. `Range` with one range, `If-Range`, `If-None-Match` and `HEAD` are "
        "understood.",
        None,
        errors=((403, "forbidden"), _NOT_FOUND, (410, "gone"), (416, "invalid_request"), _NOT_NOW),
        media_type=schemas.RECORDING_CONTENT_TYPE,
    ),
    Operation(
        "GET",
        "/v1/masking/call-logs",
        "listCalls",
        "Calls",
        "List calls",
        "Newest `started_at` first. All conditions hold together; the dates are exclusive. Past the last page `data` "
        "is empty.",
        schemas.CallListReply,
        scope=Scope.CALLS_READ,
        query=schemas.CallLogQuery,
        errors=(_INVALID, _NOT_NOW),
        example="call_list",
    ),
    Operation(
        "GET",
        "/v1/masking/call-logs/csv",
        "exportCalls",
        "Calls",
        "Export calls",
        "As a table (CSV, RFC 4180), newest `started_at` first, whole. All conditions hold together; the dates are "
        "exclusive.",
        None,
        scope=Scope.CALLS_READ,
        query=schemas.CallConditions,
        errors=(_INVALID, _NOT_NOW),
        media_type="text/csv",
    ),
    Operation(
        "GET",
        "/v1/masking/stats",
        "showStats",
        "Reports",
        "Totals of a period",
        "Both dates are inclusive; without them it is the last 30 days. Live calls count in `total_calls` only.",
        schemas.StatsReply,
        scope=Scope.CALLS_READ,
        query=schemas.StatsQuery,
        errors=(_INVALID, _NOT_NOW),
        example="stats",
    ),
    Operation(
        "GET",
        "/v1/masking/stats/series",
        "showStatsSeries",
        "Reports",
        "Totals hour by hour or day by day",
        "Each hour or day of India from that of `start_date` to that of `end_date`, those without a call too; without "
        "dates it is the last 24 hours or 30 days.",
        series_schemas.SeriesReply,
        scope=Scope.CALLS_READ,
        query=series_schemas.SeriesQuery,
        errors=(_INVALID, _NOT_NOW),
        example="stats_series",
    ),
    Operation(
        "GET",
        "/v1/masking/stats/series/csv",
        "exportStatsSeries",
        "Reports",
        "Export totals hour by hour or day by day",
        "The same as a table (CSV, RFC 4180), oldest first.",
        None,
        scope=Scope.CALLS_READ,
        query=series_schemas.SeriesQuery,
        errors=(_INVALID, _NOT_NOW),
        media_type="text/csv",
    ),
    Operation(
        "GET",
        "/v1/masking/billing",
        "showBilling",
        "Reports",
        "The wallet",
        "Balance, what of it is reserved for live calls, and what is available for new ones; rupees.",
        schemas.BillingReply,
        scope=Scope.BILLING_READ,
        errors=(_NOT_NOW,),
        example="billing",
    ),
    Operation(
        "GET",
        "/healthz",
        "showHealth",
        "Operation",
        "Whether the process lives",
        "Answers as long as it does.",
        schemas.HealthReply,
        example="health",
    ),
    Operation(
        "GET",
        "/readyz",
        "showReadiness",
        "Operation",
        "Whether calls are taken",
        "200 once all listeners are up; 503 before that and while draining.",
        schemas.HealthReply,
        errors=(_NOT_NOW,),
        example="ready",
    ),
    Operation(
        "GET",
        "/metrics",
        "showMetrics",
        "Operation",
        "Prometheus metrics",
        "Requests and latencies, live calls, trunks, and the switch's counters, in Prometheus' text format.",
        None,
        media_type="text/plain",
    ),
    Operation(
        "GET",
        "/v1/openapi.json",
        "showOpenApi",
        "Operation",
        "This document",
        "OpenAPI 3.1, made from the schemas that check the requests.",
        None,
    ),
    Operation(
        "GET",
        "/docs",
        "showDocs",
        "Operation",
        "This document for people",
        "One page without scripts or anything from elsewhere.",
        None,
        media_type="text/html",
    ),
    *AGENT_OPERATIONS,
    *ACCOUNT_OPERATIONS,
    *PAYMENT_OPERATIONS,
    *ADMIN_OPERATIONS,
)
