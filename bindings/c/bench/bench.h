/* What the parts of musubi_bench share. */
#ifndef MUSUBI_BENCH_H
#define MUSUBI_BENCH_H

#include <musubi.h>
#include <stddef.h>
#include <stdint.h>

enum { MOST_FLOWS = 32, MOST_PEERS = 63, CODE_SIZE = 16, LINE_SIZE = 1024 };

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

/* The beginning of every message. Both ends are on one machine: one clock, one byte order. */
struct header {
    uint64_t sent; /* ns, CLOCK_MONOTONIC */
    uint32_t number;
    uint32_t kind;
};

enum { DATA = 1, END = 2, RESULT = 3, BURST = 4 }; /* RESULT: a line of JSON members from the host, behind the header */

/* One connection. */
struct flow {
    musubi_client client;
    musubi_peer peer;
    char code[CODE_SIZE];
};

/* The two ends of a benchmark. The host's prints nothing: what it measured goes to the other end as members of JSON. */
int bulk_host(const struct options *o, struct flow *f);
int bulk_join(const struct options *o, struct flow *f);
int ping_host(const struct options *o, struct flow *f);
int ping_join(const struct options *o, struct flow *f);
int lossy_host(const struct options *o, struct flow *flows);
int lossy_join(const struct options *o, struct flow *flows);
int api_host(const struct options *o, struct flow *f);
int api_join(const struct options *o, struct flow *f);
int mesh_member(const struct options *o, struct flow *f);

/* meet.c: they complain on stderr and return 0 when it does not work out. */

/* Makes a client that hosts a room and waits for its code. */
int meet_host(const struct options *o, struct flow *f);
/* Makes a client and enters the room with the code. */
int meet_join(const struct options *o, struct flow *f, const char *code);
/* Waits until the other one is connected and, if wanted, reached directly. Later events are left in the ring. */
int meet_peer(struct flow *f, int direct);

/* tools.c */
uint64_t now_ns(void);
void sleep_until(uint64_t at);
uint64_t cpu_ns(void); /* of this process so far, user and system */
double rss_mb(void);   /* resident memory of this process, MB */
int complain(const char *what, int32_t code);

/* Sends a header, and behind it whatever data holds up to size bytes. */
int32_t send_message(const struct flow *f, uint32_t mode, uint32_t kind, uint32_t number, void *data, uint32_t size);
/* Reads a message's header; kind 0 if e is none. */
struct header header_of(const musubi_event *e);
/* Sends a result and waits until the other end has taken it and closed. */
int give_result(struct flow *f, const char *members);
/* Waits for the result, at most 20 s, and copies it. */
int take_result(struct flow *f, char line[LINE_SIZE]);
/* Sorts values and tells the one below which so much of them lies, 0..1. */
void sort_values(double *values, size_t n);
double quantile(const double *sorted, size_t n, double q);

#endif
