/* Tones on the clock: frames of each leg's packet time at deadlines that do not drift, for any number of legs. */
#ifndef MB_PACING_H
#define MB_PACING_H

#include "table.h"

/* Play a tone in place of the one being played; one owner more of it. */
void mb_pacer_start(mb_table *table, mb_stream *stream, mb_tone *tone, bool overrides, double now);

/* Stop the tone, without telling of its end. */
void mb_pacer_stop(mb_table *table, mb_stream *stream);

/* Let a leg hear noise of `level` in -dBov until its source says something again; a tone that overrides goes on. */
void mb_pacer_start_noise(mb_table *table, mb_outbound *out, int level, double now);

/* Stop noise, and nothing else that is played; harmless for NULL. */
void mb_pacer_stop_noise(mb_table *table, mb_outbound *out);

/* The next point of the grid that tones and digits begin on. */
double mb_grid(double now);

/* Send every frame that is due. */
void mb_pacer_advance(mb_table *table, double now);

#endif
