"""The JavaScript client where two things happen at once: a browser and a service made of the test's own."""

import asyncio
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import pytest

pytestmark = pytest.mark.interop

SCRIPTS = ("maskbridge-agent.js", "maskbridge-media.js", "maskbridge-network.js")


async def test_nothing_is_left_over_where_two_things_happen_at_once(tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node is not None, "missing: nodejs; run .ci/interop"
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for name in SCRIPTS:
        with as_file(files("control_api.browser") / name) as script:
            shutil.copy(script, tmp_path)
    races = shutil.copy(Path(__file__).with_name("client_races.mjs"), tmp_path)
    running = await asyncio.create_subprocess_exec(
        node, races, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await running.communicate()
    assert running.returncode == 0, said.decode()
