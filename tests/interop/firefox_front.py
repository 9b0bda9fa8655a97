"""What Playwright starts in place of Firefox: `python -m tests.interop.firefox_front FLAG...` starts Debian's with the
same flags and stands between the two, for one thing: Playwright asks every browser to pretend a colour scheme, which
Debian's release has not learnt yet, and gives up when it cannot. That request ends here."""

import asyncio
import json
import re
import shutil
import sys

from aiohttp import ClientSession, WSMsgType, web

UNKNOWN_TO_DEBIANS = "emulation.setMediaFeaturesOverride"
_LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
_MESSAGE_BYTES_MAX = 64 << 20


def settled_here(message: str) -> str | None:
    """The reply to a request that Firefox is not to see."""
    request = json.loads(message)
    if request["method"] != UNKNOWN_TO_DEBIANS:
        return None
    return json.dumps({"type": "success", "id": request["id"], "result": {}})


class Front:
    """Carries what each says to the other."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def carry(self, request: web.Request) -> web.WebSocketResponse:
        """One connection of Playwright's, for as long as both keep it."""
        near = web.WebSocketResponse(max_msg_size=_MESSAGE_BYTES_MAX)
        await near.prepare(request)
        async with (
            ClientSession() as session,
            session.ws_connect(self._url + request.path, max_msg_size=_MESSAGE_BYTES_MAX) as far,
        ):

            async def back() -> None:
                async for told in far:
                    if told.type is WSMsgType.TEXT:
                        await near.send_str(told.data)
                await near.close()

            returning = asyncio.ensure_future(back())
            async for asked in near:
                if asked.type is WSMsgType.TEXT:
                    reply = settled_here(asked.data)
                    await (far.send_str(asked.data) if reply is None else near.send_str(reply))
            await far.close()
            await returning
        return near


async def play(flags: list[str]) -> int:
    """Start both; Firefox's exit code, once it is gone."""
    program = shutil.which("firefox-esr")
    assert program is not None, "missing: firefox-esr; run .ci/interop"
    firefox = await asyncio.create_subprocess_exec(program, *flags, stderr=asyncio.subprocess.PIPE)
    assert firefox.stderr is not None
    async for line in firefox.stderr:
        if listening := _LISTENING.search(line):
            application = web.Application()
            application.router.add_get("/session", Front(listening[1].decode()).carry)
            runner = web.AppRunner(application)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            line = f"WebDriver BiDi listening on ws://127.0.0.1:{port}\n".encode()
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
    return await firefox.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(play(sys.argv[1:])))
