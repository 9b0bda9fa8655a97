"""What the gateway for browsers takes and tells: nothing that is a secret is ever shown."""

from media.webrtc.interface import BrowserAnswer, IceServer, PayloadTypes


def test_credentials_and_keys_are_not_shown() -> None:
    server = IceServer("turn:turn.example:3478", "1764158400:agent", "c3VwZXIgc2VjcmV0")
    answer = BrowserAnswer("a=ice-pwd:verysecretpassword", "PCMA", PayloadTypes(8, 101), ("127.0.0.1", 20_000))
    assert "c3Vw" not in repr(server)
    assert "verysecret" not in repr(answer)
