"""What is compiled is there wherever it can be: a build that failed is no machine without a compiler."""

import importlib
import shutil
import sysconfig
from pathlib import Path

import pytest

HEADER = Path(sysconfig.get_path("include")) / "Python.h"


@pytest.mark.skipif(shutil.which("cc") is None or not HEADER.exists(), reason="nothing can be compiled here")
@pytest.mark.parametrize(
    "name",
    [
        "b2bua.sip._message_parts",
        "b2bua.sip._plain",
        "b2bua.sip._timers",
        "media.packet_path._native",
        "media.sdp._plain",
    ],
)
def test_it_is_compiled_where_there_is_a_compiler(name: str) -> None:
    importlib.import_module(name)


def test_the_packet_paths_stub_names_what_it_offers() -> None:
    native = pytest.importorskip("media.packet_path._native")
    stub = (Path(__file__).parents[2] / "media" / "packet_path" / "_native.pyi").read_text()
    offered = {name for name in vars(native) if not name.startswith("_") and name[0].isupper()}
    kinds = ("class {}", "\n{}: int", "\n{}: float")
    missing = {name for name in offered if not any(kind.format(name) in stub for kind in kinds)}
    assert missing == {"MediaOverloaded", "UnknownLeg"}
