"""What messages stand on, compiled, is what it is in Python: the same fields, meanings, refusals and octets."""

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip import message as compiled
from b2bua.sip.errors import SipError
from b2bua.sip.message_parts import Field, copied, python_copied, python_written, written
from b2bua.sip.parser import parse_message
from tests.support.sip_corpus import torture_message, torture_names

pytest.importorskip("b2bua.sip._message_parts", reason="no compiler here: there is only what Python does")

CORPUS: Final = [torture_message(corpus, name) for corpus in ("rfc4475", "rfc5118") for name in torture_names(corpus)]
ASKED: Final = (
    *(
        "via",
        "vias",
        "from_",
        "to",
        "from_tag",
        "to_tag",
        "call_id",
        "cseq",
        "contacts",
        "contact",
    ),
    *("routes", "record_routes", "content_type", "expires", "require", "proxy_require", "supported", "unsupported"),
    *("allow", "rseq", "reasons"),
)
NAMES: Final = ("Via", "From", "to", "f", "CALL-ID", "i", "Subject", "s", "X-None", "Content-Length", "l", "Unknown")
texts = st.one_of(st.sampled_from(["", "1", "<sip:b@x>;tag=1", "a, b", "\xe9", "\udce9"]), st.text(max_size=20))
fields = st.lists(st.tuples(st.sampled_from(["To", "Via", "Content-Length", "X-Any"]), texts), max_size=8)
bodies = st.binary(max_size=20)


@pytest.fixture(scope="module")
def in_python() -> Iterator[ModuleType]:
    """The module of messages, as it is where nothing was compiled."""
    names = ("b2bua.sip.message", "b2bua.sip.message_parts")
    kept = {name: sys.modules.pop(name) for name in names}
    package = sys.modules["b2bua.sip"]
    kept_compiled = sys.modules.get("b2bua.sip._message_parts")
    sys.modules["b2bua.sip._message_parts"] = None  # type: ignore[assignment]
    try:
        yield importlib.import_module("b2bua.sip.message")
    finally:
        sys.modules.update(kept)
        for name, module in kept.items():
            setattr(package, name.rpartition(".")[2], module)
        if kept_compiled is not None:
            sys.modules["b2bua.sip._message_parts"] = kept_compiled


def outcome(read: Callable[[], Any]) -> Any:
    """What is read, or how it is refused."""
    try:
        return read()
    except SipError as error:
        return type(error), error.reason, error.status


def told(module: ModuleType, given: list[Field], body: bytes = b"") -> list[Any]:
    """All that a message of these fields says of itself: asked once, again, and after its fields have changed."""
    message = module.Request("INVITE", "sip:b@x", module.Headers.trusted(given.copy()), body)
    headers = message.headers
    answers: list[Any] = []
    for _ in range(2):
        answers += [outcome(lambda name=name: getattr(message, name)) for name in ASKED]  # type: ignore[misc]
        answers += [(name in headers, headers.get(name), headers.get_fields(name)) for name in NAMES]
        answers += [headers.count(name) for name in NAMES]
        answers += [outcome(message.render), headers.first_repeated(("Via", "To", "Content-Length"))]
    headers.set("Supported", "timer")
    answers += [message.supported, outcome(lambda: message.to_tag), headers.get("Supported"), list(headers)]
    answers.append(outcome(lambda: module.build_response(message, 180, to_tag="t", own=[("Server", "s")]).render()))
    answers.append(outcome(lambda: module.build_response(message, 100, to_tag="t").render()))
    return answers


@pytest.mark.parametrize("octets", CORPUS)
def test_a_message_of_the_corpus_says_the_same_of_itself(in_python: ModuleType, octets: bytes) -> None:
    try:
        message = parse_message(octets)
    except SipError:
        return
    given = list(message.headers)
    assert told(in_python, given, message.body) == told(compiled, given, message.body)


@given(fields, bodies)
def test_any_message_says_the_same_of_itself(in_python: ModuleType, given: list[Field], body: bytes) -> None:
    assert [module.Headers.__mro__[1].__name__ for module in (in_python, compiled)] == ["PythonFieldMap", "FieldMap"]
    assert told(in_python, given, body) == told(compiled, given, body)


@given(fields, bodies, texts)
def test_what_is_written_is_the_same(given: list[Field], body: bytes, start: str) -> None:
    def outcome_of(write: Callable[[str, list[Field], bytes], bytes]) -> bytes | str:
        try:
            return write(start, given, body)
        except UnicodeEncodeError as error:
            return error.reason

    assert outcome_of(written) == outcome_of(python_written)
    names = frozenset({"To", "Via"})
    assert copied(given, names) == python_copied(given, names)
