"""A test on asyncio's own event loop and on the one that the product runs on."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine

import pytest
import uvloop


def on_both_loops(test: Callable[..., Coroutine[object, object, None]]) -> Callable[..., None]:
    """Run an asynchronous test once on each event loop."""

    @pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
    @functools.wraps(test)
    def run(new_loop: Callable[[], asyncio.AbstractEventLoop], **arguments: object) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(test(**arguments))

    loop_parameter = inspect.Parameter("new_loop", inspect.Parameter.KEYWORD_ONLY)
    own = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in inspect.signature(test).parameters.values()]
    marked: Callable[..., None] = run
    marked.__dict__["__signature__"] = inspect.Signature([loop_parameter, *own])  # what pytest reads
    return marked
