/* The relay: what is done with every packet, from the table of streams. */
#ifndef MB_RELAY_H
#define MB_RELAY_H

#include "table.h"

/* A source may run this far ahead of or behind the clock; beyond it our timestamps follow the clock instead. */
#define MB_DRIFT_S 2.0

/* Take a datagram of a stream's RTP port, in a buffer of MB_DATAGRAM_MAX that is rewritten. `source` NULL: the kernel
 * has checked it. A datagram that fills the buffer was cut and is dropped. */
void mb_relay_datagram(mb_table *table, mb_stream *stream, uint8_t *buffer, size_t size, const mb_address *source,
                       double now);

/* Take a datagram of a stream's RTCP port. */
void mb_relay_control(mb_table *table, mb_stream *stream, uint8_t *buffer, size_t size, const mb_address *source,
                      double now);

/* Send where the gate points to. */
void mb_relay_aim(mb_stream *stream);

/* Send what waits to be repacketised: its source has gone on to something else, or nowhere. */
void mb_relay_flush(mb_table *table, mb_outbound *out);

/* Tell of a key press; a sink that takes no events hears it, now that its length is known. */
void mb_relay_report(mb_table *table, const mb_stream *stream, const mb_press *press, double now);

/* Hold, digits of ours and tones: whether a packet must not be relayed now. A tone that does not override gives way. */
bool mb_relay_barred(mb_table *table, mb_inbound *inbound, mb_outbound *out);

/* Send what a source's converter has made as relayed audio is sent. */
void mb_relay_converted(mb_table *table, mb_inbound *inbound, mb_outbound *out, const mb_converted *made, double now);

/* How far the timestamp of the next packet is from the newest sent, by the clock: one frame at least. */
int64_t mb_clock_step(const mb_outbound *out, double now);

#endif
