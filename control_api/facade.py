"""What the API asks of the switch."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from b2bua.call.model import LiveRecording, PlaceCall, PlacedCall, TrunkState
from b2bua.switch.audience import HeardCall
from b2bua.switch.supervisors import SupervisedCall
from storage.person_records import AuditEntry
from storage.records import PromptChoice, Recording, StoredPrompt
from storage.units import UnitOfWork

Also = Callable[[UnitOfWork], object]


class UnsealedFile(Protocol):
    """A sealed file that is open for reading."""

    @property
    def length(self) -> int:
        """Bytes of its plaintext."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """So much of its plaintext, as far as there is some (blocking). Raises RecordingUnreadable, OSError."""
        ...


class RecordingPeaks(Protocol):
    """The loudest of each stretch of `interval_ms` of a recording: a byte each, 0 silence, 255 full scale."""

    @property
    def interval_ms(self) -> int: ...
    @property
    def left(self) -> bytes: ...
    @property
    def right(self) -> bytes: ...


class RecordingsFacade(Protocol):
    """The recordings at rest as the API sees them; `b2bua.switch.recordings_at_rest.RecordingsAtRest` satisfies it."""

    def unseal_mp3(self, recording: Recording, descriptor: int) -> UnsealedFile:
        """The sealed MP3 behind a descriptor, which stays the caller's (blocking). Raises RecordingUnreadable."""
        ...

    def peaks(self, recording: Recording, content: bytes) -> RecordingPeaks:
        """What a drawing of a recording is made of, opened where it is sealed. Raises RecordingUnreadable."""
        ...

    async def erase(self, org_id: str, call_id: str, entry: AuditEntry) -> None:
        """Purge the recording of a call, and write it into the audit log. Raises CallNotFound, CallStillLive,
        RecordingNotFound."""
        ...


class PromptsFacade(Protocol):
    """The prompts of organisations as the API sees them; `b2bua.switch.prompt_shelf.PromptShelf` satisfies it."""

    async def prompts(self, org_id: str) -> Sequence[StoredPrompt]:
        """An organisation's prompts, by name."""
        ...

    async def wav(self, org_id: str, name: str) -> bytes:
        """A prompt of the organisation's or of the product's, a WAV file. Raises PromptNotFound, PromptsUnavailable."""
        ...

    def place(self) -> AbstractContextManager[None]:
        """Hold one of few places for an upload. Raises PromptsUnavailable."""
        ...

    async def put(self, org_id: str, name: str, content: bytes, also: Also) -> tuple[StoredPrompt, bool]:
        """Keep a WAV file; what is kept, and whether its name is new. `also` is done in the same unit of work. Raises
        InvalidPrompts, PromptInUse, PromptsUnavailable."""
        ...

    async def delete(self, org_id: str, name: str, also: Also) -> None:
        """Delete a prompt. Raises PromptNotFound, PromptInUse."""
        ...

    async def choice(self, org_id: str) -> PromptChoice:
        """What the organisation's calls have when they choose nothing."""
        ...

    async def choose(self, org_id: str, choice: PromptChoice, also: Also) -> None:
        """Change that. Raises InvalidPrompts."""
        ...


class SwitchFacade(Protocol):
    """The switch as the API sees it; `b2bua.switch.Switch` satisfies it."""

    async def place_call(self, command: PlaceCall) -> PlacedCall:
        """Admit a call and start it. Raises a CallError when it is refused."""
        ...

    async def hang_up(self, org_id: str, call_id: str) -> None:
        """End a live call. Raises CallNotFound, CallAlreadyEnded."""
        ...

    async def pause_recording(self, org_id: str, call_id: str, *, paused: bool) -> None:
        """Pause a live call's recording or go on with it. Raises CallNotFound, CallAlreadyEnded, NotRecorded,
        TooManyPauses."""
        ...

    async def live_recording(self, org_id: str, call_id: str) -> LiveRecording:
        """Whether a live call is being recorded now. Raises CallNotFound, CallAlreadyEnded."""
        ...

    async def supervised_call(self, org_id: str, call_id: str) -> SupervisedCall:
        """A live call, to be supervised. Raises CallNotFound, CallAlreadyEnded."""
        ...

    async def heard_call(self, org_id: str, call_id: str) -> HeardCall:
        """A live call, to be listened in to. Raises CallNotFound, CallAlreadyEnded."""
        ...

    def ready(self) -> bool:
        """Whether calls are taken: all listeners are up and nothing is draining."""
        ...

    def live_calls(self) -> int:
        """Calls being set up or talking now."""
        ...

    def trunk_states(self) -> Sequence[TrunkState]:
        """Every trunk with its health."""
        ...

    def counters(self) -> Mapping[str, float]:
        """Numbers for /metrics by snake_case name; a name that ends in `_total` only ever grows."""
        ...
