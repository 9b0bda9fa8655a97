"""A hundred calls at a steady rate: none fails, nothing is sent twice."""

from pathlib import Path

import pytest

from tests.bench.load import LoadPlan, run_load


@pytest.mark.sipp
@pytest.mark.sockets
@pytest.mark.timeout(120)
async def test_hundred_calls_at_a_steady_rate(tmp_path: Path) -> None:
    report = await run_load(LoadPlan(rate=20, calls=100), tmp_path)
    told = "\n".join(report.lines())
    assert not report.failures, told
    assert report.retransmissions_of_ours == 0, told
    assert report.a_answer_to_b_invite_ms.count == 100, told
