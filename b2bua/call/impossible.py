"""What cannot come in a state of a call: the switch would have to be at fault. It is ignored and counted.

The rest of the product of states and inputs is in `b2bua.call.table`.
"""

from collections.abc import Mapping
from typing import Final

from b2bua.call.inputs import Input, State

_BEGINNING: Final = frozenset({Input.STARTED, Input.ARRIVED})
"""A call begins once."""
_A_DECIDES: Final = frozenset({Input.A_ANSWERS, Input.A_FAILS})
_A_SET_UP: Final = _A_DECIDES | {Input.A_PROGRESSES, Input.A_RINGS, Input.A_EARLY_MEDIA, Input.RING_A_OVER}
"""Of a leg A that is being dialled: not where it has not been dialled, or where it has called us."""
_A_UP: Final = frozenset({Input.A_LOST, Input.A_SILENT, Input.A_MOVES, Input.A_KEY_DOWN, Input.A_PRESSES})
_SENT: Final = frozenset({Input.ANSWER_SENT, Input.ANSWER_SENT_TO_PROMPTS})
_WAITING: Final = _SENT | {Input.B_ANSWERS_AHEAD}
"""Of an A that has called us, and whose 200 has to wait."""
_B_DECIDES: Final = frozenset({Input.B_ANSWERS, Input.B_ANSWERS_TO_PROMPTS, Input.B_ANSWERS_AHEAD, Input.B_FAILS})
_B_AT_ALL: Final = _B_DECIDES | {
    Input.B_PROGRESSES,
    Input.B_RINGS,
    Input.B_EARLY_MEDIA,
    Input.B_HANGS_UP,
    Input.B_LOST,
    Input.B_SILENT,
    Input.B_MOVES,
    Input.B_KEY_DOWN,
    Input.B_PRESSES,
    Input.RING_B_OVER,
}
"""Nothing comes of a leg that has not been dialled."""
_PROMPTS: Final = frozenset({Input.PROMPTS_HEARD, Input.PROMPTS_OVER})
_DIGITS: Final = frozenset({Input.A_DIGITS_DUE, Input.B_DIGITS_DUE})
_TALK: Final = frozenset(
    {
        Input.MAX_DURATION_OVER,
        Input.EXTENSION_DUE,
        Input.EXTENSION_UNANSWERED,
        Input.BALANCE_OVER,
        Input.RESERVATION_EXTENDED,
        Input.RESERVATION_REFUSED,
        Input.RECORDING_STOPPED,
    }
)
"""Of a bridge: its deadlines, what it costs, its recording."""
_TONE: Final = frozenset({Input.TONE_OVER})
_ENDING: Final = frozenset({Input.ENDING_OVER})
_UNBRIDGED: Final = _DIGITS | _TALK | _TONE | _ENDING

IMPOSSIBLE: Final[Mapping[State, frozenset[Input]]] = {
    State.ADMITTED: _A_SET_UP | (_A_UP - {Input.A_LOST}) | _B_AT_ALL | _WAITING | _PROMPTS | _UNBRIDGED,
    State.DIALLING_A: _BEGINNING | _B_AT_ALL | _WAITING | _PROMPTS | _UNBRIDGED,
    State.RINGING_A: _BEGINNING | _B_AT_ALL | _WAITING | _PROMPTS | _UNBRIDGED,
    State.DIALLING_B: _BEGINNING | _A_DECIDES | _WAITING | _PROMPTS | _UNBRIDGED,
    State.CONNECTING: _BEGINNING | _A_SET_UP | {Input.B_SILENT} | _SENT | _PROMPTS | _UNBRIDGED,
    State.ALERTING: _BEGINNING | _A_SET_UP | _SENT | _PROMPTS | _UNBRIDGED,
    State.ANSWERING: _BEGINNING | _A_SET_UP | _B_DECIDES | _PROMPTS | _UNBRIDGED,
    State.PROMPTING: _BEGINNING | _A_DECIDES | _B_DECIDES | _SENT | _UNBRIDGED,
    State.BRIDGED: _BEGINNING | _A_DECIDES | _B_DECIDES | _SENT | _TONE | _ENDING,
    State.TELLING_A: _BEGINNING | _A_DECIDES | _WAITING | _DIGITS | _TALK | _ENDING,
    State.ENDING: frozenset(),
    State.ENDED: frozenset(),
}
