"""What each cause of a call's end means to a reader."""

from typing import Final

CAUSES: Final = {
    "normal": "They talked, and one of them hung up.",
    "busy": "A was busy.",
    "no_answer": "A's phone rang in vain; the status is `no-answer`.",
    "rejected": "A rejected the call, or A's network did.",
    "unreachable": "A could not be reached: switched off, out of range, or no answer from the network.",
    "invalid_number": "A's number is not in use.",
    "b_busy": "A answered, B was busy.",
    "b_no_answer": "A answered, B's phone rang in vain.",
    "b_rejected": "A answered, B rejected the call.",
    "b_unreachable": "A answered, B could not be reached, or B's number is not in use.",
    "a_hangup_before_bridge": "A answered and hung up before B did.",
    "max_duration": "`max_duration_sec` was over; the status is `completed`.",
    "balance_exhausted": "The balance could not pay for another pulse; the status is `completed`.",
    "media_timeout": "Nothing was heard from one side for too long; the status is `completed`.",
    "api_hangup": "Ended over the API.",
    "network_error": "A fault of the network, of the trunk or of the server.",
    "system_restart": "The service was restarted meanwhile. Connected calls are charged to their last sign of life.",
}
