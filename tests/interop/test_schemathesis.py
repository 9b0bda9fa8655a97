"""The OpenAPI document and the API fuzzed against each other by Schemathesis: no 500, every reply as documented."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.support.api_world import KEY
from tests.support.running_api import RunningApi

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Streams have no end; the rest sign somebody in or out.
ROOT = Path(__file__).parents[2]
LEFT_OUT = r"streamEvents|streamOwnAgent"


@pytest.mark.interop
@pytest.mark.sockets
@pytest.mark.timeout(300)
async def test_no_reply_is_a_500_or_undocumented(tmp_path: Path) -> None:
    async with RunningApi(rate_limit_per_minute=1_000_000) as port:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"http://127.0.0.1:{port}/v1/openapi.json",
            f"--url=http://127.0.0.1:{port}",
            f"--header=Authorization: Bearer {KEY}",
            f"--checks={CHECKS}",
            f"--exclude-operation-id-regex={LEFT_OUT}",
            "--phases=examples,coverage,fuzzing",
            "--max-examples=20",
            "--workers=1",
            "--seed=1",
            "--generation-database=none",
            "--suppress-health-check=all",
            "--no-color",
            cwd=tmp_path,  # it keeps what it found
            env={
                **os.environ,
                "PYTHONWARNINGS": "ignore",
                "SCHEMATHESIS_HOOKS": "tests.interop.schemathesis_hooks",
                "PYTHONPATH": str(ROOT),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await process.communicate()
    assert process.returncode == 0, told.decode(errors="replace")[-20_000:]
