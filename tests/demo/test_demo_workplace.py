"""The configuration the demo writes reads back as it was meant, and its ports are free."""

import socket
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.demo.workplace import MEDIA_PORTS, PHONE_PORTS, choose_folder, choose_ports, to_toml
from b2bua.tokens import SystemTokens

_texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20)
_scalars = st.one_of(_texts, st.booleans(), st.integers(-(2**53), 2**53), st.lists(_texts, max_size=3))
_keys = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=10)
_tables = st.dictionaries(_keys, _scalars, max_size=4)


@given(st.dictionaries(_keys, st.one_of(_scalars, _tables, st.lists(_tables, min_size=1, max_size=3)), max_size=5))
def test_toml_reads_back_as_it_was(settings: dict[str, object]) -> None:
    assert tomllib.loads(to_toml(settings)) == settings


@pytest.mark.sockets
def test_ports_are_free_and_apart() -> None:
    ports = choose_ports(SystemTokens())
    runs = [
        range(ports.media_rtp, ports.media_rtp + MEDIA_PORTS),
        range(ports.phone_a_rtp, ports.phone_a_rtp + PHONE_PORTS),
        range(ports.phone_b_rtp, ports.phone_b_rtp + PHONE_PORTS),
    ]
    everything = [ports.sip, ports.phone_a_sip, ports.phone_b_sip, *(port for run in runs for port in run)]
    assert len(set(everything)) == len(everything)
    assert ports.media_rtp % 2 == 0
    for port in everything[:3]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", port))


def test_each_kept_run_has_a_folder_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    keep = tmp_path_factory.mktemp("keep")
    assert [choose_folder(keep).name for _ in range(3)] == ["demo-1", "demo-2", "demo-3"]
