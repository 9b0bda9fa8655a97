"""The configuration that `maskbridge init` writes."""

from typing import Final

URL_SIGNING_KEY_FILE: Final = "secrets/url_signing.key"
MASTER_KEY_FILE: Final = "secrets/master.key"


def default_config_text() -> str:
    """A commented configuration that works as it stands: this machine alone, secrets in files of their own."""
    return TEXT.replace("@URL_SIGNING_KEY@", URL_SIGNING_KEY_FILE).replace("@MASTER_KEY@", MASTER_KEY_FILE)


TEXT: Final = """\
# maskbridge: the configuration. `maskbridge check` says what is wrong with it, all at once.
#
# Every setting below has its default value; a line may be left out. Any of them can be overridden by an environment
# variable MASKBRIDGE_<SECTION>_<KEY>, such as MASKBRIDGE_SIP_LISTEN=udp://192.0.2.10:5060. Paths are relative to this
# file. A secret may be given as "file:path", which keeps it out of here.

[sip]
# Where SIP is received: udp://address:port, IPv6 in brackets. To be reached by a carrier, put this machine's address.
listen = ["udp://127.0.0.1:5060"]
# The address put in Via and Contact when it is not the listening one (behind NAT, or when listening on 0.0.0.0).
advertise = ""
user_agent = "maskbridge"
# How its packets are marked for networks that tell them apart (DSCP, RFC 4594): 40 is CS5, 0 marks none.
dscp = 40
# PEM files, for tls:// listeners; also shown to a carrier that asks for a certificate of ours.
tls_certificate = ""
tls_key = ""
# PEM file of the authorities that are trusted with a peer's certificate; "": those of the system.
tls_ca = ""
# Whether whoever connects over TLS must show a certificate of those authorities.
tls_require_client_certificate = false

[media]
# Where RTP is received, and the address put in SDP when it is another.
address = "127.0.0.1"
advertise = ""
# The same for trunks that are reached over IPv6, where address is IPv4; "": address is for all.
address_ipv6 = ""
advertise_ipv6 = ""
# Two ports for each leg of a call; a port rests this long before it is used again.
ports = "20000-29999"
port_rest_s = 30
# How long nothing may be heard from a leg: early media that stops, a connected leg, a leg on hold.
rtp_timeout_early_s = 30
rtp_timeout_s = 45
rtp_timeout_hold_s = 300
# What carries the packets: "native", compiled at the installation, "python", or "auto": the first where it is there.
packet_path = "auto"
# How RTP and RTCP are marked for networks that tell packets apart (DSCP, RFC 4594): 46 is EF, 0 marks none.
dscp = 46

[webrtc]
# Whether browsers can be parties: agents who answer in a page. Where their ICE and media are received, and the address
# they are told when it is another; the same for IPv6, where there is one.
enabled = false
address = "127.0.0.1"
advertise = ""
address_ipv6 = ""
advertise_ipv6 = ""
# UDP, one for each browser and address.
ports = "30000-30999"
# "stun:host:port" and "turn:host:port?transport=udp" or tcp, also "turns:": for browsers and for this machine.
stun = []
turn = []
# What the TURN servers are given as their shared secret; with it credentials are made that last so long.
turn_secret = ""
turn_credential_s = 3600
max_browsers = 200
# How long a browser may take to be connected.
connect_timeout_s = 15
# What an agent's browser is answered with: the first that it has. Opus is converted for a phone that has it not; it is
# taken first between two browsers.
codecs = ["PCMA", "PCMU", "opus"]
# Whether a leg to an agent costs nothing: a call with one then costs half its tariff, one between two agents nothing.
free_agent_legs = false

[api]
listen = "127.0.0.1:8080"
# How clients reach the API from outside: used in signed URLs.
public_url = "http://127.0.0.1:8080"
# For each key: so many requests at once, refilled over a minute.
rate_limit_per_minute = 100
# Streams of server-sent events that one key may have open.
streams_per_key = 10
# Who is signed in is signed out after so long without a request, and in any case so long after the log-in.
session_idle_s = 3600
session_life_s = 43200
max_body_bytes = 65536
# Browser origins that may call the API, such as "https://portal.example".
cors_origins = []
# PEM files: HTTPS without a proxy in front.
tls_certificate = ""
tls_key = ""
# Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
trusted_proxies = []

[storage]
url = "sqlite:///var/maskbridge.db"
recordings = "var/recordings"
# What organisations upload to be heard in their calls.
prompts = "var/prompts"
# Whether recordings are sealed from now on: AES-256-GCM, each with a key of its own, which the database keeps under
# the master key. What is sealed already stays readable either way.
encrypt = false
# How many days recordings are kept, for organisations without a term of their own (maskbridge org set); 0: for ever.
retention_days = 0

[calls]
# For each leg.
ring_timeout_s = 45
# How long live calls may last after SIGTERM.
drain_timeout_s = 300
max_concurrent = 1000
# How long a party may call the masked number back.
callback_window_s = 86400
# Whether a sip: URI of a trunk below may be a party.
sip_parties = false
# What caller_number and target_number are in the API: documented | parties
log_number_style = "documented"
# Whether calls are recorded when their client does not say.
record = true

[webhooks]
# Whether webhooks may go to private, loopback and link-local addresses.
allow_private_targets = false
timeout_s = 10

[secrets]
# Made by `maskbridge init`; whoever has them can sign recording URLs and, with the database, read what is sealed. Keep
# a copy: without its master key no sealed recording can be read.
url_signing_key = "file:@URL_SIGNING_KEY@"
master_key = "file:@MASTER_KEY@"
# Master keys that were replaced: they open what was sealed with them, until `maskbridge recording rekey` has been run.
former_master_keys = []

[test_calls]
# What keys that begin with vp_test_ place: free calls between simulated parties, over loopback, never over a trunk.
enabled = true
max_concurrent = 10
# RTP ports on 127.0.0.1, eight for each call.
ports = "19000-19199"

[mail]
# How mail leaves: invitations, links to a new password, low balances. Without a host none does.
host = ""
port = 587
# starttls | tls (from the first byte) | none
tls = "starttls"
user = ""
password = ""
# Whom it is from: a mail address.
sender = ""

[billing]
# Who supplies, as tax invoices say: name, address, state (its name or its GST number), GSTIN where there is one.
supplier = ""
address = ""
state = ""
gstin = ""
# Invoices are numbered in each financial year from SERIES/YY-YY/000001 on, without gaps.
invoice_series = "INV"
# Credit notes likewise, in a series of their own.
credit_note_series = "CN"
# What is sold: its services accounting code and its name.
sac = "998419"
description = "Prepaid calling credit"
# Top-ups by Razorpay. Its webhook, events payment.captured, order.paid, refund.processed
# and refund.failed, is to call PUBLIC_URL/v1/payments/razorpay.
razorpay_key_id = ""
razorpay_key_secret = ""
razorpay_webhook_secret = ""
# Another address of the same protocol; "": Razorpay's own.
razorpay_url = ""

[prompts]
# What parties hear in place of tones: "", the path of a WAV file of up to 60 s, or "bundled:NAME" with one of
# hold_tone, recording_consent, unknown_caller. A file of any rate is converted and levelled at the start.
# To A while B is called, over and over; "": ringback.
wait = ""
# To A alone and to B alone when B has answered, before they are connected and anything is charged; 30 s at most.
whisper_a = ""
whisper_b = ""
# Who is told then that the call is recorded, where it is: none | both | a | b
consent = "none"
consent_notice = "bundled:recording_consent"
# To both when the balance runs out, 10 s at most; "": three beeps.
balance_warning = ""
# To somebody who calls a masked number and is nobody's party.
unknown_caller = "bundled:unknown_caller"

[log]
# Lines on standard error: human | json, an object a line. How much: the environment's MASKBRIDGE_LOG, INFO by default.
format = "human"

[trace]
# For how many days it is kept what happened in each call, as `maskbridge trace` shows it; 0: not at all.
keep_days = 7
# Also of calls that are nobody's: routed without an organisation.
unbilled = false

# A trunk is the way to the telephone network. Without one the API runs and every call is refused. Name, uri and the
# numbers that the carrier gave you are enough for most; what is commented out shows the defaults. Profiles for the
# usual kinds of carrier: maskbridge profile list
#
# [[trunks]]
# name = "carrier"
# uri = "sip:sip.carrier.example:5060"      # ;transport=udp|tcp|tls
# numbers = ["917969002802"]                # the only numbers ever shown to a party
# addresses = []                            # further addresses or networks its requests come from
# domain = ""                               # host in request URI, From and To; "": the host of uri
# from_domain = ""                          # another host in From and the identity headers; "": domain's
# outbound_proxy = ""                       # "host:port" to send to instead of uri
# outbound_proxy_route = false              # name the proxy in a Route of each INVITE (loose routing)
# tls_verify = true                         # whether its certificate must be valid and have its name
# tls_server_name = ""                      # that name; "": the host of outbound_proxy or uri, domain if that is an IP
# auth_username = ""                        # our answer to its challenges
# auth_password = ""                        # or "file:secrets/carrier.password"
# register = false                          # REGISTER with them; until that succeeds the trunk is down
# challenge_username = ""                   # what its requests are challenged for
# challenge_password = ""
# challenge_algorithms = ["SHA-512-256", "SHA-256", "MD5"]  # in this order; a peer may know the first of them alone
# number_format = "{e164}"                  # also {plain} 91..., {national} 10 digits, 0{national}; for one header:
# request_uri_format = ""
# from_format = ""
# to_format = ""
# identity_format = ""
# user_phone = false                        # ;user=phone
# uri_scheme = "sip"                        # sip | tel: tel:+91... in place of sip:+91...@domain
# identity = ["p-asserted-identity"]        # also p-preferred-identity, remote-party-id, diversion, history-info
# privacy = ""                              # value of the Privacy header
# reliable_provisional = "supported"        # off | supported | required
# session_timer_s = 0                       # 0: not asked for, but obeyed
# session_timer_min_s = 90
# session_refresher = "auto"                # who is asked to refresh: us | peer; auto: whom the other side names, or us
# session_refresh_method = "auto"           # update | invite; auto: UPDATE where its Allow has that
# codecs = ["PCMA", "PCMU"]                 # also G722, opus; in order of preference
# ptime_ms = 20                             # 10, 20 ... 60
# dtmf_payload_type = 101
# dtmf_in_audio = false                     # listen for keys' tones in what it sends
# early_media = "relay"                     # relay | ignore
# srtp = "off"                              # off | optional | required
# nat = false                               # its RTP comes from elsewhere than its SDP says
# media_addresses = []                      # networks its RTP may come from besides its SDP address
# redirects = "refuse"                      # refuse | follow: a 3xx to the trunk's own addresses, and to no other
# options_interval_s = 30                   # 0: none sent, the trunk counts as up
# invite_timeout_s = 4                      # no answer at all to an INVITE: its next address, then the next trunk
# cps = 0                                   # INVITEs a second; what is above waits up to a second; 0: no cap
# max_calls = 0                             # 0: no cap
# priority = 0                              # lower first
# weight = 1                                # share among trunks of one priority
#
# What happens to a call that arrives from a trunk; the first match wins.
#
# [[routes]]
# trunk = ""                                # where it came from; "": any
# match = "91[0-9]{10}"                     # regular expression (RE2 syntax) on the whole dialled user part
# to = "sip:{user}@203.0.113.10:5060"       # {user} is the dialled user part
# via = "carrier"                           # the trunk whose profile the second leg has
# caller = "masked"                         # masked | pass
# org = ""                                  # the organisation that is billed and told
# record = false
"""
