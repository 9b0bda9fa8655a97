"""Offers as browsers write them, shortened where nothing is read."""

FINGERPRINT = "sha-256 " + ":".join(f"{octet:02X}" for octet in range(32))

CHROME = f"""\
v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS stream
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1467250027 1 udp 2122260223 192.0.2.7 46243 typ host generation 0 network-id 1
a=candidate:1467250027 1 udp 2122260223 192.0.2.7 46243 typ host generation 0 network-id 1
a=candidate:435653019 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active generation 0
a=candidate:2999745851 1 udp 2122194687 8b3c1f3e-0000-4000-8000-000000000000.local 51472 typ host
a=ice-ufrag:yxXb
a=ice-pwd:uPeVmkMfN/ZG9WBl7bGBvZ1c
a=ice-options:trickle
a=fingerprint:{FINGERPRINT}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:stream track
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=mid:1
a=sendrecv
a=rtcp-mux
a=rtpmap:96 VP8/90000
""".replace("\n", "\r\n")

FIREFOX = f"""\
v=0
o=mozilla...THIS_IS_SDPARTA-99.0 5276186489393265342 0 IN IP4 0.0.0.0
s=-
t=0 0
a=fingerprint:{FINGERPRINT}
a=group:BUNDLE 0
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101
c=IN IP4 0.0.0.0
a=sendrecv
a=ice-pwd:4f5c1b2e0d3a49586776859403122130
a=ice-ufrag:1a2b3c4d
a=mid:0
a=rtcp-mux
a=rtpmap:109 opus/48000/2
a=rtpmap:9 G722/8000/1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000/1
a=rtpmap:101 telephone-event/8000/1
a=setup:actpass
""".replace("\n", "\r\n")

# The same with a picture before the sound and a channel after it, and with what Firefox says of all three.
FIREFOX_WITH_MORE = f"""\
v=0
o=mozilla...THIS_IS_SDPARTA-99.0 3203704056911284399 0 IN IP4 0.0.0.0
s=-
t=0 0
a=sendrecv
a=fingerprint:{FINGERPRINT}
a=group:BUNDLE 0 1 2
a=ice-options:trickle
a=msid-semantic:WMS *
m=video 0 UDP/TLS/RTP/SAVPF 120 124
c=IN IP4 0.0.0.0
a=bundle-only
a=sendrecv
a=fmtp:124 apt=120
a=ice-pwd:6c2ac8da1e31b9cc98bd63dc406774ba
a=ice-ufrag:2b0a5e93
a=mid:0
a=msid:- {{1f3ab06c-12d4-4573-b68b-8ba2dd0a9512}}
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:120 VP8/90000
a=rtpmap:124 rtx/90000
a=setup:actpass
a=ssrc-group:FID 1827715352 3604157386
m=audio 46946 UDP/TLS/RTP/SAVPF 109 9 0 8 101
c=IN IP4 192.0.2.2
a=candidate:0 1 UDP 2122187007 41fabe10-7c27-4a00-b9a2-2f224156e2f7.local 52930 typ host
a=candidate:2 1 TCP 2105458943 192.0.2.2 9 typ host tcptype active
a=candidate:0 2 UDP 2122187006 192.0.2.2 41703 typ host
a=candidate:0 1 UDP 2122187007 192.0.2.2 46946 typ host
a=sendrecv
a=end-of-candidates
a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level
a=extmap-allow-mixed
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=fmtp:101 0-15
a=ice-pwd:6c2ac8da1e31b9cc98bd63dc406774ba
a=ice-ufrag:2b0a5e93
a=mid:1
a=msid:{{a9e5ff5e-4caa-45e9-8acb-0f526c7197fd}} {{aa104bf6-069f-40e7-a273-82dbc5e93c50}}
a=rtcp:41703 IN IP4 192.0.2.2
a=rtcp-fb:109 transport-cc
a=rtcp-mux
a=rtpmap:109 opus/48000/2
a=rtpmap:9 G722/8000/1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=setup:actpass
a=ssrc:1264248691 cname:{{d3345c76-6fd2-4407-b0dc-23d62352639f}}
m=application 0 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=bundle-only
a=sendrecv
a=ice-pwd:6c2ac8da1e31b9cc98bd63dc406774ba
a=ice-ufrag:2b0a5e93
a=mid:2
a=setup:actpass
a=sctp-port:5000
a=max-message-size:1073741823
""".replace("\n", "\r\n")


# A picture before the sound in a page of the policy max-bundle: one transport for both, told with the first.
CHROME_MAX_BUNDLE = f"""\
v=0
o=- 4611731400430051337 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS stream
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=candidate:1467250027 1 udp 2122260223 192.0.2.7 46243 typ host generation 0 network-id 1
a=ice-ufrag:yxXb
a=ice-pwd:uPeVmkMfN/ZG9WBl7bGBvZ1c
a=ice-options:trickle
a=fingerprint:{FINGERPRINT}
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 110 126
c=IN IP4 0.0.0.0
a=ice-ufrag:yxXb
a=ice-pwd:uPeVmkMfN/ZG9WBl7bGBvZ1c
a=ice-options:trickle
a=fingerprint:{FINGERPRINT}
a=setup:actpass
a=mid:1
a=sendrecv
a=msid:stream track
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
""".replace("\n", "\r\n")


def without(offer: str, *beginnings: str) -> str:
    """An offer without the lines that begin so."""
    return "".join(line for line in offer.splitlines(keepends=True) if not line.startswith(beginnings))
