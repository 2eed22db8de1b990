/* The lines that musubi_peer prints: t=<seconds> <event> key=value ... */
#ifndef HARNESS_LINES_H
#define HARNESS_LINES_H

#include <musubi.h>

#include "traffic.h"

/* CLOCK_MONOTONIC in seconds: comparable between programs of one machine. */
double now_seconds(void);

/* Prints an event of the library. peer: the number that lines use for its peer, 0 for none. Messages have no line. */
void line_event(double now, musubi_client client, const musubi_event *e, unsigned peer);

void line_first_message(double now, unsigned peer, double after_seconds);
void line_max_gap(double now, unsigned peer, double seconds);
void line_phase(double now, unsigned peer, double gap_seconds, uint32_t received);
void line_stats(double now, unsigned peer, musubi_client client, musubi_peer handle);
void line_receipts(double now, unsigned peer, const struct traffic *t);
void line_result(double now, unsigned peer, const struct traffic *t, uint32_t route);
void line_end(double now, const char *text);

#endif
