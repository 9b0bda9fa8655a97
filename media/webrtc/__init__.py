"""A browser as a leg like any other: WebRTC on its side, plain RTP and RTCP over loopback on ours."""
