"""The JavaScript client's types, as an application's compiler takes them."""

import asyncio
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import pytest

pytestmark = pytest.mark.interop


async def test_an_application_compiles_against_them(tmp_path: Path) -> None:
    compiler = shutil.which("tsc")
    assert compiler is not None, "missing: node-typescript; run .ci/interop"
    with as_file(files("control_api.browser") / "maskbridge-agent.d.ts") as types:
        shutil.copy(types, tmp_path)
    shutil.copy(Path(__file__).with_name("agent_page.ts"), tmp_path)
    options = ("--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "node")
    compiling = await asyncio.create_subprocess_exec(
        compiler, *options, "agent_page.ts", cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    complaints, _ = await compiling.communicate()
    assert (compiling.returncode, complaints.decode()) == (0, "")
