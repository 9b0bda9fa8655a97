# cython: language_level=3
"""What the packet path in C offers, as its headers in native/ declare it."""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t


cdef extern from "<stdbool.h>":
    ctypedef bint bool_t "bool"


cdef extern from "native/gathering.h" nogil:
    ctypedef struct mb_gathering:
        pass
    double MB_BUSY_PACKETS_PER_S, MB_PAUSE_S, MB_RATE_WINDOW_S
    void mb_gathering_make(mb_gathering *gathering, double now)
    void mb_gathering_turn(mb_gathering *gathering, uint32_t packets, double now)
    double mb_gathering_pause_s(const mb_gathering *gathering, double now, double due)

cdef extern from "native/ring.h" nogil:
    ctypedef struct mb_packet:
        double arrival
        uint32_t timestamp, ssrc
        uint16_t sequence, size
        int16_t codec
        uint8_t marker
    ctypedef struct mb_ring:
        pass
    mb_ring *mb_ring_new(uint32_t packets, size_t bytes)
    mb_ring *mb_ring_share(mb_ring *ring)
    void mb_ring_release(mb_ring *ring)
    void mb_ring_put(mb_ring *ring, const mb_packet *packet, const uint8_t *payload)
    bint mb_ring_take(mb_ring *ring, mb_packet *packet, const uint8_t **payload)
    void mb_ring_close(mb_ring *ring)
    void mb_ring_tell(mb_ring *ring, int descriptor)
    void mb_ring_listen(mb_ring *ring)
    uint64_t mb_ring_dropped(const mb_ring *ring)


cdef extern from "native/tone.h" nogil:
    int MB_TONE_NAME_MAX
    ctypedef struct mb_tone:
        pass
    mb_tone *mb_tone_new(const char *name, size_t samples, bint endless)
    bint mb_tone_encode(mb_tone *tone, int codec, uint8_t silence, const uint8_t *bytes)
    bint mb_tone_packets(mb_tone *tone, int codec, size_t count, const uint16_t *sizes, const uint8_t *bytes)
    mb_tone *mb_tone_share(mb_tone *tone)
    void mb_tone_release(mb_tone *tone)


cdef extern from "native/protection.h" nogil:
    int MB_MASTER_MAX
    ctypedef struct mb_srtp:
        int (*protect)(void *, void *, int *)
        int (*unprotect)(void *, void *, int *)
        int (*protect_rtcp)(void *, void *, int *)
        int (*unprotect_rtcp)(void *, void *, int *)
        int (*dealloc)(void *)
        int replay_fail, replay_old
    ctypedef struct mb_master:
        uint8_t suite, size
        uint8_t master[46]
    ctypedef struct mb_keying:
        mb_master send, receive
        void *sender
        void *receiver
        void *rolled
        void *leading
    ctypedef struct mb_protection:
        uint64_t unauthentic, replayed
        size_t sender_count
    void mb_keying_drop(const mb_srtp *srtp, mb_keying *keying)


cdef extern from "native/table.h" nogil:
    int MB_PAYLOAD_TYPES
    int MB_FRAME_SAMPLES_MAX
    int MB_CNAME_MAX
    int MB_NOISES
    ctypedef struct mb_address:
        uint8_t family
        uint16_t port
        uint32_t scope
        uint8_t host[16]
    ctypedef struct mb_network:
        uint8_t family
        uint8_t first[16]
        uint8_t last[16]
    ctypedef struct mb_gate:
        bint latched
        size_t welcome_count
    ctypedef struct mb_reception:
        bint started
        int64_t received, before_received, before_expected
        double jitter
        uint32_t clock_hz
    int64_t mb_reception_expected(const mb_reception *reception)
    int64_t mb_reception_newest(const mb_reception *reception)
    ctypedef struct mb_receives:
        uint8_t payload_type
        int16_t codec
    ctypedef struct mb_press:
        uint8_t event
        uint32_t duration_ms
    ctypedef struct mb_control:
        bint has_round_trip, has_far
        double round_trip_ms, far_jitter_ms
        int64_t far_lost
        uint64_t strangers, malformed
    ctypedef struct mb_outbound:
        uint32_t ssrc
        int64_t packets, octets
        uint64_t send_failed, held, overridden, digits_refused
    ctypedef struct mb_inbound:
        mb_gate gate
        mb_reception reception
        double heard_at
        mb_outbound *sink
        uint64_t strangers, malformed, unmapped, unwanted, repeated, late
    ctypedef struct mb_timeouts:
        double early_s, bridged_s, hold_s
    ctypedef struct mb_wire:
        void (*aim)(mb_stream *, const mb_address *, bool_t) noexcept
        bool_t (*send)(mb_stream *, const uint8_t *, size_t) noexcept
        void (*send_control)(mb_stream *, const uint8_t *, size_t, const mb_address *) noexcept
        void (*close)(mb_stream *) noexcept
    ctypedef struct mb_stream:
        uint64_t number
        void *wire_context
        mb_inbound inbound
        mb_outbound outbound
        mb_control control
        mb_protection *protection
        bint listed
        mb_stream *partner
    ctypedef struct mb_stream_plan:
        uint64_t number
        uint32_t ssrc, timestamp
        uint16_t sequence
        const char *cname
        size_t cname_size
        bint nat
        const mb_network *networks
        size_t network_count
        mb_timeouts timeouts
    ctypedef struct mb_remote_plan:
        mb_address remote, control
        int16_t codec, payload_type, dtmf_payload_type, noise_payload_type
        mb_receives receives[128]
        size_t receives_count, lingering_count
        bint may_send, may_receive, on_hold, renewed, elsewhere, secured
        uint32_t frame_samples, dtmf_clock_hz
        mb_keying keying
    mb_stream *mb_stream_new(const mb_stream_plan *plan, const mb_wire *wire, void *wire_context)
    void mb_stream_free(mb_stream *stream)
    ctypedef enum mb_event_kind:
        MB_MEDIA_STARTED, MB_DIGIT_BEGUN, MB_DIGIT_PRESSED, MB_MEDIA_LOST, MB_PLAYBACK_FINISHED
    ctypedef struct mb_event:
        mb_event_kind kind
        uint64_t stream
        double seconds
        mb_press press
        char tone[64]
    ctypedef struct mb_table:
        void (*post)(void *, const mb_event *) noexcept
        void *post_context
        uint64_t relayed, played
        size_t streams
    ctypedef struct mb_table_plan:
        size_t streams_max
        mb_tone *silence
        mb_tone *digit_tones[16]
        mb_tone *noises[6]
        const uint8_t *alaw_to_ulaw
        const uint8_t *ulaw_to_alaw
        const mb_srtp *srtp
    ctypedef struct mb_made:
        uint32_t timestamp
        uint16_t size
        uint8_t marker
    ctypedef struct mb_converted:
        int16_t codec
        size_t count
        const mb_made *packets
        const uint8_t *bytes
    bint mb_table_init(mb_table *table, const mb_table_plan *plan)
    void mb_table_send_digit(mb_table *table, mb_stream *stream, uint8_t event, uint32_t duration_ms, double now)
    void mb_table_set_converter(mb_table *table, mb_stream *source, mb_ring *converter, bint whole)
    void mb_table_set_listener(mb_table *table, mb_stream *stream, mb_ring *listener)
    void mb_table_set_fork(mb_table *table, mb_stream *stream, mb_ring *fork)
    void mb_table_send_audio(mb_table *table, mb_stream *sink, mb_stream *source, const mb_converted *made, double now)
    void mb_table_clear(mb_table *table)
    bint mb_table_add(mb_table *table, mb_stream *stream, double now)
    void mb_table_set_remote(mb_table *table, mb_stream *stream, mb_remote_plan *plan, double now)
    void mb_table_play(mb_table *table, mb_stream *stream, mb_tone *tone, bint overrides, double now)
    void mb_table_stop_playing(mb_table *table, mb_stream *stream)
    void mb_table_join(mb_table *table, mb_stream *source, mb_stream *sink)
    void mb_table_expect(mb_table *table, mb_stream *stream, double now)
    void mb_table_bridge(mb_table *table, mb_stream *first, mb_stream *second, double now)
    void mb_table_set_tap(mb_table *table, mb_stream *stream, uint8_t channel, mb_ring *tap)
    void mb_table_remove(mb_table *table, mb_stream *stream, double now)
    void mb_table_advance(mb_table *table, double now)
    bint mb_table_next_due(const mb_table *table, double *due)


cdef extern from "native/relay.h" nogil:
    int MB_DATAGRAM_MAX
    void mb_relay_datagram(mb_table *table, mb_stream *stream, uint8_t *buffer, size_t size, const mb_address *source,
                           double now)
    void mb_relay_control(mb_table *table, mb_stream *stream, uint8_t *buffer, size_t size, const mb_address *source,
                          double now)


cdef extern from "native/sockets.h" nogil:
    ctypedef struct mb_sockets:
        int rtp, rtcp


cdef extern from "native/worker.h" nogil:
    ctypedef struct mb_worker:
        pass
    ctypedef enum mb_command_kind:
        MB_ADD, MB_SET_REMOTE, MB_EXPECT, MB_PLAY, MB_STOP_PLAYING, MB_JOIN, MB_BRIDGE, MB_SET_TAP, MB_SET_CONVERTER, MB_SET_LISTENER,
        MB_SET_FORK, MB_SEND_DIGIT, MB_SEND_AUDIO, MB_REMOVE, MB_NOTHING
    ctypedef struct mb_command:
        mb_command_kind kind
        mb_stream *stream
        mb_stream *other
        mb_remote_plan *plan
        mb_tone *tone
        mb_ring *ring
        mb_converted *audio
        uint32_t duration_ms
        uint8_t channel, event
        bint overrides, tells, keeps
    ctypedef struct mb_worker_plan:
        mb_table_plan table
        size_t commands_max
    ctypedef struct mb_worker_figures:
        uint64_t relayed, played, receive_errors, events_lost
    mb_worker *mb_worker_new(const mb_worker_plan *plan)
    int mb_worker_start(mb_worker *worker)
    void mb_worker_stop(mb_worker *worker)
    void mb_worker_free(mb_worker *worker)
    mb_stream *mb_worker_open(mb_worker *worker, const mb_stream_plan *plan, mb_sockets *kept, int rtp, int rtcp,
                              mb_sockets *former)
    void mb_worker_discard(mb_stream *stream)
    void mb_worker_let_go(mb_sockets *sockets)
    void mb_worker_forget(mb_worker *worker, mb_sockets *sockets)
    uint64_t mb_worker_push(mb_worker *worker, const mb_command *command)
    void mb_worker_wake(mb_worker *worker)
    int mb_worker_told_fd(const mb_worker *worker)
    uint64_t mb_worker_carried_out(mb_worker *worker)
    bint mb_worker_event(mb_worker *worker, mb_event *event)
    size_t mb_worker_waiting(const mb_worker *worker)
    bint mb_worker_running(const mb_worker *worker)
    mb_worker_figures mb_worker_counted(const mb_worker *worker)
