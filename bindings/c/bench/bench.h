/* What the parts of musubi_bench share. */
#ifndef MUSUBI_BENCH_H
#define MUSUBI_BENCH_H

#include <musubi.h>

#include "measure.h"

enum { CODE_SIZE = 16 };

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

/* messages.c */
int complain(const char *what, int32_t code);

/* Sends a header, and behind it whatever data holds up to size bytes. */
int32_t send_message(const struct flow *f, uint32_t mode, uint32_t kind, uint32_t number, void *data, uint32_t size);
/* Reads a message's header; kind 0 if e is none. */
struct header header_of(const musubi_event *e);
/* Sends a result and waits until the other end has taken it and closed. */
int give_result(struct flow *f, const char *members);
/* Waits for the result, at most 20 s, and copies it. */
int take_result(struct flow *f, char line[LINE_SIZE]);

#endif
