"""Samples of a running service are told apart by room."""

from tests.bench.rooms import shares

SAMPLES = """\
run (asyncio/runners.py:118);received (b2bua/transport/endpoint.py:94);parse (b2bua/sip/uri.py:57) 3
run (asyncio/runners.py:118);_bind (/opt/x/media/ports.py:77);__init__ (socket.py:232) 4
run (asyncio/runners.py:118) 2
_run (media/packet_path/python_path.py:260) 1
""".splitlines()


def test_a_sample_counts_for_the_innermost_frame_of_the_product() -> None:
    found = shares(SAMPLES)
    assert {room.partition(":")[0]: round(share) for room, share in found.items()} == {
        "media": 50,
        "SIP": 30,
        "event loop, interpreter and the rest": 20,
    }
    assert next(iter(found)).startswith("media")


def test_of_no_samples_there_are_no_shares() -> None:
    assert shares([]) == {}
