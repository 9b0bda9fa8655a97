/* Digits of ours on the clock: sent as telephone-event (RFC 4733), in the audio to legs that take none. */
#ifndef MB_DIGIT_SENDER_H
#define MB_DIGIT_SENDER_H

#include "table.h"

/* Send a digit once those before it are sent. */
void mb_digit_sender_send(mb_table *table, mb_outbound *out, uint8_t event, uint32_t duration_ms, double now);

/* Send no more of them. */
void mb_digit_sender_stop(mb_table *table, mb_outbound *out);

/* Send every packet that is due. */
void mb_digit_sender_advance(mb_table *table, double now);

#endif
