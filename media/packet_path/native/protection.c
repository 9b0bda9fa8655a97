#include "protection.h"

#include <stdlib.h>
#include <string.h>

#include "rtp.h"

enum {
    /* Rollovers that a receiving context is brought forward by: a day of speech. Beyond it, it begins at none. */
    ROLLOVERS_MAX = 66,
    /* Less than half of the sequence numbers, so that the next is taken for a step ahead (RFC 3711 section 3.3.1). */
    STRIDE = 0x4000,
    UNSPECIFIED = -1,
};

static bool same_key(const mb_master *one, const mb_master *other)
{
    return one->suite == other->suite && one->size == other->size && memcmp(one->master, other->master, one->size) == 0;
}

/* A key is not left in memory that is given back; through a volatile pointer, so that it is not optimised away. */
static void wipe(void *room, size_t size)
{
    volatile uint8_t *at = room;
    while (size--)
        *at++ = 0;
}

static void end_session(const mb_srtp *srtp, void **session)
{
    if (*session)
        srtp->dealloc(*session);
    *session = NULL;
}

static void free_receiver(const mb_srtp *srtp, mb_receiver *receiver)
{
    if (!receiver)
        return;
    end_session(srtp, &receiver->session);
    wipe(receiver, sizeof *receiver);
    free(receiver);
}

static void drop_alternatives(mb_protection *protection)
{
    for (size_t at = 0; at < protection->alternative_count; at++)
        free_receiver(protection->srtp, protection->alternatives[at]);
    protection->alternative_count = 0;
}

mb_protection *mb_protection_new(const mb_srtp *srtp)
{
    mb_protection *protection = calloc(1, sizeof *protection);
    if (protection)
        protection->srtp = srtp;
    return protection;
}

void mb_protection_free(mb_protection *protection)
{
    if (!protection)
        return;
    for (size_t at = 0; at < protection->sender_count; at++)
        end_session(protection->srtp, &protection->senders[at].session);
    drop_alternatives(protection);
    free_receiver(protection->srtp, protection->receiver);
    wipe(protection, sizeof *protection);
    free(protection);
}

void mb_keying_drop(const mb_srtp *srtp, mb_keying *keying)
{
    end_session(srtp, &keying->sender);
    end_session(srtp, &keying->receiver);
    end_session(srtp, &keying->rolled);
    end_session(srtp, &keying->leading);
    wipe(keying, sizeof *keying);
}

/* Sending contexts are kept, so that a key that is taken up again goes on where it was; the oldest goes first. */
static void take_sender(mb_protection *protection, mb_keying *keying)
{
    for (size_t at = 0; at < protection->sender_count; at++)
        if (same_key(&protection->senders[at].key, &keying->send)) {
            protection->sender = protection->senders[at].session;
            return;
        }
    if (protection->sender_count == MB_SENDERS_MAX) {
        end_session(protection->srtp, &protection->senders[0].session);
        memmove(protection->senders, protection->senders + 1, (MB_SENDERS_MAX - 1) * sizeof *protection->senders);
        protection->sender_count--;
    }
    mb_sender *sender = &protection->senders[protection->sender_count++];
    sender->key = keying->send;
    sender->session = keying->sender;
    keying->sender = NULL;
    protection->sender = sender->session;
}

static mb_receiver *new_receiver(const mb_master *key, void **session)
{
    mb_receiver *receiver = calloc(1, sizeof *receiver);
    if (receiver) {
        receiver->key = *key;
        receiver->session = *session;
        *session = NULL;
    }
    return receiver;
}

static bool is_known(const mb_receiver *receiver, uint32_t ssrc)
{
    for (size_t at = 0; at < receiver->source_count; at++)
        if (receiver->sources[at] == ssrc)
            return true;
    return false;
}

/* Bring the context of the SSRC heard to about its extended sequence number, as if all before it had come: libsrtp is
 * led there by packets of our own making. */
static void roll_forward(const mb_srtp *srtp, mb_receiver *receiver, void *leading, const mb_reception *reception)
{
    _Alignas(8) uint8_t packet[MB_RTP_HEADER + MB_SRTP_TRAILER];
    for (int64_t index = 0; index < mb_reception_newest(reception); index += STRIDE) {
        int size = MB_RTP_HEADER;
        mb_put_rtp(packet, 0, (uint16_t)index, 0, reception->ssrc);
        if (srtp->protect(leading, packet, &size) == 0)
            srtp->unprotect(receiver->session, packet, &size);
    }
    receiver->sources[receiver->source_count++] = reception->ssrc;
}

static bool take_receiver(mb_protection *protection, mb_keying *keying, const mb_reception *reception)
{
    const mb_srtp *srtp = protection->srtp;
    mb_receiver *before = protection->receiver;
    if (before && same_key(&before->key, &keying->receive))
        return true;
    mb_receiver *fresh = new_receiver(&keying->receive, &keying->receiver);
    if (!fresh)
        return false;
    drop_alternatives(protection);
    protection->receiver = fresh;
    if (!before)
        return true;
    if (keying->rolled && keying->leading && reception->cycles > 0 &&
        reception->cycles <= (int64_t)ROLLOVERS_MAX << 16) {
        mb_receiver *rolled = new_receiver(&keying->receive, &keying->rolled);
        if (rolled) {
            roll_forward(srtp, rolled, keying->leading, reception);
            protection->alternatives[protection->alternative_count++] = rolled;
        }
    }
    protection->alternatives[protection->alternative_count++] = before;
    return true;
}

bool mb_protection_rekey(mb_protection *protection, mb_keying *keying, const mb_reception *reception)
{
    take_sender(protection, keying);
    bool taken = take_receiver(protection, keying, reception);
    mb_keying_drop(protection->srtp, keying);
    return taken;
}

size_t mb_seal_rtp(mb_protection *protection, uint8_t *packet, size_t size)
{
    int sealed = (int)size;
    if (!protection->sender || size > MB_SRTP_PACKET_MAX - MB_SRTP_TRAILER)
        return 0;
    return protection->srtp->protect(protection->sender, packet, &sealed) == 0 ? (size_t)sealed : 0;
}

size_t mb_seal_rtcp(mb_protection *protection, uint8_t *packet, size_t size)
{
    int sealed = (int)size;
    if (!protection->sender)
        return 0;
    return protection->srtp->protect_rtcp(protection->sender, packet, &sealed) == 0 ? (size_t)sealed : 0;
}

typedef int open_function(void *session, void *packet, int *size);

/* Open with one receiver, whose table of sources has a limit. */
static int open_by(mb_receiver *receiver, open_function *opened, uint32_t ssrc, uint8_t *packet, int *size)
{
    bool known = is_known(receiver, ssrc);
    if (!known && receiver->source_count >= MB_SOURCES_MAX)
        return UNSPECIFIED;
    int status = opened(receiver->session, packet, size);
    if (status == 0 && !known)
        receiver->sources[receiver->source_count++] = ssrc;
    return status;
}

static void count(mb_protection *protection, int status)
{
    if (status == protection->srtp->replay_fail || status == protection->srtp->replay_old)
        protection->replayed++;
    else
        protection->unauthentic++;
}

/* What the present context could not open: by the one that was rolled forward, which then is the present one, or by the
 * key before. `packet` is as it came; where one can, it is opened. */
static size_t open_by_alternative(mb_protection *protection, const uint8_t *sealed, size_t size, uint8_t *packet)
{
    for (size_t at = 0; at < protection->alternative_count; at++) {
        mb_receiver *receiver = protection->alternatives[at];
        int opened = (int)size;
        memcpy(packet, sealed, size);
        if (open_by(receiver, protection->srtp->unprotect, mb_get32(sealed + 8), packet, &opened))
            continue;
        if (same_key(&receiver->key, &protection->receiver->key)) {
            protection->alternatives[at] = protection->receiver;
            protection->receiver = receiver;
            drop_alternatives(protection);
        }
        return (size_t)opened;
    }
    return 0;
}

typedef int open_kind(mb_protection *protection, uint8_t *packet, size_t size, size_t *opened);

static int open_rtp(mb_protection *protection, uint8_t *packet, size_t size, size_t *opened)
{
    _Alignas(8) uint8_t sealed[MB_SRTP_PACKET_MAX];
    if (protection->alternative_count)
        memcpy(sealed, packet, size);
    int left = (int)size;
    int status = open_by(protection->receiver, protection->srtp->unprotect, mb_get32(packet + 8), packet, &left);
    *opened = (size_t)left;
    if (status == 0) {
        drop_alternatives(protection);
        return 0;
    }
    size_t by_alternative = protection->alternative_count ? open_by_alternative(protection, sealed, size, packet) : 0;
    if (!by_alternative)
        return status;
    *opened = by_alternative;
    return 0;
}

static int open_rtcp(mb_protection *protection, uint8_t *packet, size_t size, size_t *opened)
{
    int left = (int)size;
    int status = open_by(protection->receiver, protection->srtp->unprotect_rtcp, mb_get32(packet + 4), packet, &left);
    *opened = (size_t)left;
    return status;
}

static bool of_a_size(const mb_protection *protection, size_t size)
{
    return protection->receiver && size >= MB_RTP_HEADER && size <= MB_SRTP_PACKET_MAX;
}

/* What is left of a packet once it is opened; 0: it does not prove itself, which is counted. */
static size_t opened_or_counted(mb_protection *protection, open_kind *open, uint8_t *packet, size_t size)
{
    size_t opened = 0;
    int status = of_a_size(protection, size) ? open(protection, packet, size, &opened) : UNSPECIFIED;
    if (status == 0)
        return opened;
    count(protection, status);
    return 0;
}

size_t mb_open_rtp(mb_protection *protection, uint8_t *packet, size_t size)
{
    return opened_or_counted(protection, open_rtp, packet, size);
}

size_t mb_open_rtcp(mb_protection *protection, uint8_t *packet, size_t size)
{
    return opened_or_counted(protection, open_rtcp, packet, size);
}

size_t mb_open_late(mb_protection *protection, uint8_t *packet, size_t size, bool rtcp)
{
    _Alignas(8) uint8_t as_it_came[MB_SRTP_PACKET_MAX];
    size_t opened = 0;
    if (!of_a_size(protection, size))
        return size;
    memcpy(as_it_came, packet, size); /* what fails to open may have been changed in its place */
    int status = (rtcp ? open_rtcp : open_rtp)(protection, packet, size, &opened);
    if (status == 0)
        return opened;
    if (status == protection->srtp->replay_fail) {
        count(protection, status);
        return 0;
    }
    memcpy(packet, as_it_came, size);
    return size;
}
