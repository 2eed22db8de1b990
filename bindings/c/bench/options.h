/* Command line of a benchmark's ends, the same for every library. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdint.h>

enum { MOST_FLOWS = 32, MOST_PEERS = 63, MOST_SIZE = 65536, MOST_SMALL = 2048 };

struct options {
    const char *bench;
    const char *server; /* address; NULL: start one beside this program */
    const char *musubi; /* the server's program */
    const char *join;   /* codes of the flows, with commas; NULL with host or a server of our own */
    const char *latencies; /* file for every single latency, one number of microseconds a line; NULL: none */
    const char *bind;   /* local UDP address; NULL: any */
    int host, spin;
    double seconds, warmup; /* measured, and before that */
    double hz;
    uint32_t size;     /* bytes of a message */
    uint32_t flows;    /* connections of lossy */
    uint32_t messages; /* of each flow, measured */
    uint32_t peers;    /* of mesh, this one included */
    uint32_t budget;   /* send budget, bytes */
};

/* Reads the arguments. Returns 1, or has complained on stderr and returns 0. */
int options_read(struct options *o, int argc, char **argv);

#endif
