/* SRTP and SRTCP of one stream (RFC 3711, RFC 7714) over libsrtp, whose functions are given at run time. */
#ifndef MB_PROTECTION_H
#define MB_PROTECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reception.h"

enum {
    /* Longest packet that libsrtp is given, and what sealing may add to one. */
    MB_SRTP_PACKET_MAX = 1500,
    MB_SRTP_TRAILER = 16 + 128,
    MB_SRTCP_TRAILER = 4 + 16 + 128,
    /* Longest master key with its salt. */
    MB_MASTER_MAX = 46,
    MB_SENDERS_MAX = 8,
    MB_SOURCES_MAX = 64,
};

/* libsrtp 2's functions: they work in place and change the size. 0 is success, `replay_*` the two ways of a packet that
 * has been here before. */
typedef struct {
    int (*protect)(void *session, void *packet, int *size);
    int (*unprotect)(void *session, void *packet, int *size);
    int (*protect_rtcp)(void *session, void *packet, int *size);
    int (*unprotect_rtcp)(void *session, void *packet, int *size);
    int (*dealloc)(void *session);
    int replay_fail, replay_old;
} mb_srtp;

/* A suite's number with a master key and its salt. */
typedef struct {
    uint8_t suite, size;
    uint8_t master[MB_MASTER_MAX];
} mb_master;

/* What an SDP exchange settled, with fresh sessions for it, which the protection owns from then on: one to send with,
 * one to receive, and, to lead a receiver to where the far end may be, one more of each kind; those may be NULL. */
typedef struct {
    mb_master send, receive;
    void *sender, *receiver, *rolled, *leading;
} mb_keying;

typedef struct {
    mb_master key;
    void *session;
} mb_sender;

/* One key of the far end: a context for each SSRC that came with it. */
typedef struct {
    mb_master key;
    void *session;
    uint32_t sources[MB_SOURCES_MAX];
    size_t source_count;
} mb_receiver;

/* The keys of one stream and what has become of packets under them. `unauthentic`: not made with the far end's key, or
 * by too many sources; `replayed`: had come before. */
typedef struct {
    const mb_srtp *srtp;
    mb_sender senders[MB_SENDERS_MAX];
    size_t sender_count;
    void *sender;
    mb_receiver *receiver;
    mb_receiver *alternatives[2];
    size_t alternative_count;
    uint64_t unauthentic, replayed;
} mb_protection;

mb_protection *mb_protection_new(const mb_srtp *srtp);
void mb_protection_free(mb_protection *protection);

/* Let go of sessions that were never taken over. */
void mb_keying_drop(const mb_srtp *srtp, mb_keying *keying);

/* Take over what an SDP exchange settled. Keys that are as before go on as they were; of a new key of the far end, what
 * it still sends under the one before is taken until the first RTP under the new. False without memory. */
bool mb_protection_rekey(mb_protection *protection, mb_keying *keying, const mb_reception *reception);

/* Seal RTP in place in a buffer with room for MB_SRTP_TRAILER more: the new size, or 0. */
size_t mb_seal_rtp(mb_protection *protection, uint8_t *packet, size_t size);

/* The same for RTCP, with room for MB_SRTCP_TRAILER. */
size_t mb_seal_rtcp(mb_protection *protection, uint8_t *packet, size_t size);

/* Open a packet in place, in a buffer of at least MB_SRTP_PACKET_MAX: the new size, 0 for a packet to be dropped, then
 * counted. */
size_t mb_open_rtp(mb_protection *protection, uint8_t *packet, size_t size);
size_t mb_open_rtcp(mb_protection *protection, uint8_t *packet, size_t size);

/* The same for a far end that has gone over to plain RTP: what was not made with its key stays as it is. */
size_t mb_open_late(mb_protection *protection, uint8_t *packet, size_t size, bool rtcp);

#endif
