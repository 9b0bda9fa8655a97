"""Two servers never share a database or a recordings folder."""

import os
import subprocess
import sys
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from b2bua.demo.children import Child, product
from b2bua.sole_use import InUse, lock_beside, sole_use
from tests.support.live_call import left, live_call


def test_a_second_user_is_told_who_has_it(tmp_path: Path) -> None:
    lock = tmp_path / "var" / "maskbridge.db.serving"
    with sole_use({"the database": lock}):
        with pytest.raises(InUse, match=rf"the database: another maskbridge serve .*\(process {os.getpid()}\)"):
            _try(lock)
        _try(tmp_path / "var" / "other.db.serving")
    _try(lock)


def test_what_was_held_before_the_refusal_is_free_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with sole_use({"the second": second}):
        with pytest.raises(InUse, match="the database"):
            _try(first, second)
        _try(first)


def test_a_database_has_one_lock_by_whatever_name_it_is_reached(tmp_path: Path) -> None:
    database, link = tmp_path / "there" / "maskbridge.db", tmp_path / "here.db"
    database.parent.mkdir()
    link.symlink_to(database)
    assert lock_beside(link) == lock_beside(database) == database.with_name("maskbridge.db.serving")


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(lock)], stdout=pipe, stdin=pipe, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InUse, match=str(holder.pid)):
            _try(lock)
        holder.kill()
    _try(lock)


def _try(*locks: Path) -> None:
    with ExitStack() as stack:
        for lock in locks:
            stack.enter_context(sole_use({"the database": lock}))


_HOLD = """
import sys
from pathlib import Path
from b2bua.sole_use import sole_use
with sole_use({"it": Path(sys.argv[1])}):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.sockets
@pytest.mark.timeout(120)
async def test_a_second_server_leaves_the_live_calls_of_the_first_alone(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        live = await live_call(stack, tmp_path)
        # The same database and recordings, other ports.
        again = tmp_path / "again.toml"
        settings = live.service.config.read_text("utf-8")
        again.write_text(settings.replace(f":{live.service.sip_port}", ":0"), "utf-8")
        second = await Child.start(*product("serve", "-c", str(again)), log=tmp_path / "again.log")
        assert await left(second) == 1
        said = f"storage.recordings: another maskbridge serve has it in use (process {live.service.service.pid})"
        assert said in second.last_words()
        assert "Traceback" not in second.last_words()
        status = await live.service.client.get(f"/v1/masking/calls/{live.call_sid}")
        assert status["status"] == "in-progress"
