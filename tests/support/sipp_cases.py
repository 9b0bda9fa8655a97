"""The behaviours played with SIPp: the table of tests/sipp/."""

from tests.support.sipp_call import Case

TALKED = "initiated ringing answered bridged completed"
A_ONLY = "initiated ringing answered failed"
ENDS = "answers_then_hangs_up"

#: The slow ones first: they set the time of the whole.
CASES = (
    Case("limit reached", "answers", "answers", "completed", "max_duration", TALKED, max_duration_s=10),
    Case("B says nothing", "answers", "silent", "failed", "b_unreachable", A_ONLY, repeats=True),
    Case("A says nothing", "silent", None, "failed", "unreachable", "initiated failed", repeats=True),
    Case("B does not answer", "answers", "rings_until_cancelled", "failed", "b_no_answer", A_ONLY),
    Case("A does not answer", "rings_until_cancelled", None, "no-answer", "no_answer", "initiated ringing no-answer"),
    Case(
        "200 of A crosses our CANCEL",
        "answers_as_cancel_comes",
        None,
        "no-answer",
        "no_answer",
        "initiated ringing no-answer",
    ),
    Case("B busy", "answers", "busy", "failed", "b_busy", A_ONLY),
    Case("B busy everywhere", "answers", "busy_everywhere", "failed", "b_busy", A_ONLY),
    Case("B rejects", "answers", "rejects", "failed", "b_rejected", A_ONLY),
    Case("B unavailable", "answers", "unavailable", "failed", "b_unreachable", A_ONLY),
    Case("B unknown", "answers", "unknown_number", "failed", "b_unreachable", A_ONLY),
    Case("B fails", "answers", "fails", "failed", "b_unreachable", A_ONLY),
    Case("B rings and times out", "answers", "times_out_after_ringing", "failed", "b_no_answer", A_ONLY),
    Case("B times out", "answers", "times_out_at_once", "failed", "b_unreachable", A_ONLY),
    Case("A busy", "busy", None, "failed", "busy", "initiated failed"),
    Case("A busy everywhere", "busy_everywhere", None, "failed", "busy", "initiated ringing failed"),
    Case("A rejects", "rejects", None, "failed", "rejected", "initiated ringing failed"),
    Case("A unavailable", "unavailable", None, "failed", "unreachable", "initiated failed"),
    Case("A unknown", "unknown_number", None, "failed", "invalid_number", "initiated failed"),
    Case("A fails", "fails", None, "failed", "network_error", "initiated failed"),
    Case(
        "A rings and times out",
        "times_out_after_ringing",
        None,
        "no-answer",
        "no_answer",
        "initiated ringing no-answer",
    ),
    Case("A times out", "times_out_at_once", None, "failed", "unreachable", "initiated failed"),
    Case("B hangs up", "answers", ENDS, "completed", "normal", TALKED, party="b"),
    Case("A hangs up", ENDS, "answers", "completed", "normal", TALKED, party="a", hold_a_ms=2500),
    Case("recorded", "answers", ENDS, "completed", "normal", TALKED, party="b", record=True),
    Case(
        "A without 180", "answers_without_180", ENDS, "completed", "normal", TALKED.replace("ringing ", ""), party="b"
    ),
    Case("B without 180", ENDS, "answers_without_180", "completed", "normal", TALKED, party="a", hold_a_ms=2000),
    Case(
        "early media of B", ENDS, "answers_after_early_media", "completed", "normal", TALKED, hold_a_ms=4000, hears=True
    ),
    Case("early media of A", "answers_after_early_media", ENDS, "completed", "normal", TALKED, party="b"),
    Case(
        "A hangs up while B rings", ENDS, "rings_until_cancelled", "failed", "a_hangup_before_bridge", A_ONLY, party="a"
    ),
    Case("200 of B crosses our CANCEL", ENDS, "answers_as_cancel_comes", "failed", "a_hangup_before_bridge", A_ONLY),
    Case(
        "hung up over REST while B rings",
        "answers",
        "rings_until_cancelled",
        "failed",
        "api_hangup",
        A_ONLY,
        ring_timeout_s=20,
        api_hangup_after="call.answered",
    ),
    Case(
        "hung up over REST while A rings",
        "rings_until_cancelled",
        None,
        "failed",
        "api_hangup",
        "initiated ringing failed",
        ring_timeout_s=20,
        api_hangup_after="call.ringing",
    ),
    Case("hung up over REST", "answers", "answers", "completed", "api_hangup", TALKED, api_hangup_after="call.bridged"),
    Case(
        "401 from A",
        "challenges_401",
        ENDS,
        "completed",
        "normal",
        TALKED,
        challenge=("a", "INVITE", "Authorization", "MD5"),
    ),
    Case(
        "401 from B, SHA-256",
        "answers",
        "challenges_401",
        "completed",
        "api_hangup",
        TALKED,
        api_hangup_after="call.bridged",
        challenge=("b", "INVITE", "Authorization", "SHA-256"),
    ),
    Case(
        "407 from A, SHA-256",
        "challenges_407",
        ENDS,
        "completed",
        "normal",
        TALKED,
        challenge=("a", "INVITE", "Proxy-Authorization", "SHA-256"),
    ),
    Case(
        "407 from B",
        ENDS,
        "challenges_407",
        "completed",
        "normal",
        TALKED,
        hold_a_ms=2500,
        challenge=("b", "INVITE", "Proxy-Authorization", "MD5"),
    ),
    Case(
        "407 to the BYE",
        "challenges_bye",
        ENDS,
        "completed",
        "normal",
        TALKED,
        challenge=("a", "BYE", "Proxy-Authorization", "MD5"),
    ),
    Case("A loses ACKs", "loses_acks", ENDS, "completed", "normal", TALKED, hold_b_ms=2500, plain_sipp=("loses_acks",)),
    Case("B loses ACKs", ENDS, "loses_acks", "completed", "normal", TALKED, hold_a_ms=4000, plain_sipp=("loses_acks",)),
    Case(
        "A repeats itself", "repeats_responses", ENDS, "completed", "normal", TALKED, plain_sipp=("repeats_responses",)
    ),
    Case(
        "B repeats itself",
        ENDS,
        "repeats_responses",
        "completed",
        "normal",
        TALKED,
        hold_a_ms=3000,
        plain_sipp=("repeats_responses",),
    ),
    Case("A forks", "forks", ENDS, "completed", "normal", TALKED, plain_sipp=("forks",)),
    Case("B forks", ENDS, "forks", "completed", "normal", TALKED, hold_a_ms=3000, plain_sipp=("forks",)),
)
