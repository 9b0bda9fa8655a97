"""The API's own server on a real socket, with one key in its store and a small switch behind it."""

import ssl
from pathlib import Path

from b2bua.switch.prompt_shelf import PromptShelf
from b2bua.switch.recordings_at_rest import RecordingsAtRest
from control_api.app import create_app, start_api
from control_api.settings import ApiSettings
from media.prompts.files import PromptFiles
from storage.records import Organisation
from storage.store import Store
from tests.support.api_world import KEY, ORG, FakeSwitch, an_api_key
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens


class RunningApi:
    """A started API; entering it gives its port on 127.0.0.1."""

    def __init__(self, context: ssl.SSLContext | None = None, port: int = 0, rate_limit_per_minute: int = 100) -> None:
        self._context = context
        self._port = port
        self._settings = ApiSettings("http://calls.example", b"key", Path("/nonexistent"), rate_limit_per_minute)

    async def __aenter__(self) -> int:
        clock, tokens = ManualClock(), SeededTokens(1)
        self._store = await Store.open("sqlite://")
        await self._store.run(lambda unit: unit.accounts.create_organisation(Organisation(ORG, ORG, 1)))
        await self._store.run(lambda unit: unit.accounts.add_key(an_api_key(KEY, ORG)))
        app = create_app(
            settings=self._settings,
            switch=FakeSwitch(self._store, clock, tokens),
            recordings=RecordingsAtRest(self._store, Path("/nonexistent"), None, clock),
            prompts=PromptShelf(self._store, PromptFiles(Path("/nonexistent")), clock),
            store=self._store,
            clock=clock,
            tokens=tokens,
        )
        try:
            self.server = await start_api(app, "127.0.0.1", self._port, self._context)
        except OSError:
            await self._store.close()
            raise
        return self.server.port

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()
        await self._store.close()
