/* Clocks, counters and sums of a benchmark: nothing here knows which library is measured. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "options.h"

enum { LINE_SIZE = 1024 };

/* The beginning of every message. Both ends are on one machine: one clock, one byte order. */
struct header {
    uint64_t sent; /* ns, CLOCK_MONOTONIC */
    uint32_t number;
    uint32_t kind;
};

enum { DATA = 1, END = 2, RESULT = 3, BURST = 4 }; /* RESULT: a line of JSON members from the host, behind the header */

uint64_t now_ns(void);
void sleep_until(uint64_t at);
uint64_t cpu_ns(void); /* of this process so far, user and system */
double rss_mb(void);   /* resident memory of this process, MB */

/* Sorts values and tells the one below which so much of them lies, 0..1. */
void sort_values(double *values, size_t n);
double quantile(const double *sorted, size_t n, double q);

/* bulk and rate, at the end that receives. */
struct tally {
    const struct options *o;
    uint64_t first, begin, end, cpu; /* ns: first message, measured from, until; processor time between */
    uint64_t bytes, messages, disorder;
    uint32_t next;
};
/* Counts a message. */
void tally_message(struct tally *t, const struct header *h, uint32_t size, uint64_t now);
/* Looks at the clock: returns 1 when enough has been measured. */
int tally_done(struct tally *t, uint64_t now);
/* Makes members of JSON from it. */
void tally_line(const struct tally *t, char line[LINE_SIZE]);

/* lossy. A lane is one connection and its thread. */
enum { COOL = 60 }; /* messages behind the last one that counts, so that it is no special case: no tail without traffic */
struct lane {
    const struct options *o;
    void *flow;          /* the library's connection */
    uint64_t start;      /* ns, of the first message */
    uint32_t *latencies; /* us, of the messages that count */
    uint32_t count, next, disorder;
    int ok;
};
/* Messages of a lane before those that count, and in all. */
uint32_t lane_warm(const struct options *o);
uint32_t lane_total(const struct options *o);
/* When a message of the lane is due. */
uint64_t lane_due(const struct lane *l, uint32_t number);
/* Notes a message that came. Returns 1 when it was the last one. */
int lane_message(struct lane *l, const struct header *h);
/* Runs all lanes, each in a thread, and returns whether all went well. flows: their connections, each of that size. */
int lanes_run(const struct options *o, struct lane *lanes, void *flows, size_t flow_size, void *(*body)(void *));
/* At the end that receives: makes members of JSON from all latencies, and writes them to the file if one is wanted. */
int lanes_line(const struct options *o, const struct lane *lanes, char line[LINE_SIZE]);
/* At the end that sends: prints the result. extra: further members, each with a comma before it, or "". */
void lanes_print(const struct options *o, const char *lib, const struct lane *lanes, const char *line, const char *extra);

/* ping: prints what was measured. us: microseconds, sorted here. */
void ping_print(const struct options *o, const char *lib, double *us, size_t n, uint64_t cpu);

#endif
