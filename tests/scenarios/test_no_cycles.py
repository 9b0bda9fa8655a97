"""A call that is over goes by reference counting alone, so that the garbage collector has nothing to look for."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from tests.support.house import House
from tests.support.scripted_phone import answers, rejects


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("bridged", [True, False])
@pytest.mark.usefixtures("_no_collector")
async def test_a_call_that_is_over_leaves_no_cycle(house: House, bridged: bool) -> None:
    house.alice.on_invite = answers(1.0) if bridged else rejects(486)
    house.bob.on_invite = answers(1.0)
    call = await house.place()
    (task,) = house.switch._calls.values()
    held = weakref.ref(task)
    legs = [weakref.ref(leg) for leg in task.legs.values()]
    if bridged:
        await house.until(lambda: house.state(call) == "bridged")
        house.alice.hang_up()
    del task
    await house.ended(call)
    house.tasks.clear()
    assert held() is None
    assert [leg() for leg in legs] == [None, None]
