/* What musubi_peer sends and what it makes of what it receives: numbered, checksummed messages in both directions. */
#ifndef HARNESS_TRAFFIC_H
#define HARNESS_TRAFFIC_H

#include <musubi.h>
#include <stdint.h>

#include "options.h"

enum { TRAFFIC_LEAST_SIZE = 40, TRAFFIC_MOST = 1000000, HARNESS_MOST_PEERS = 63 };

/* One peer's traffic, both ways. */
struct traffic {
    /* out */
    int started;
    int enough;            /* what was sent is all */
    double start;          /* seconds */
    double paused;         /* since when; 0: not */
    uint32_t sent;         /* reliable */
    uint32_t delivered, unknown, expired; /* receipts; the first message of each kind asks for none: its number is 0 */
    uint32_t unreliable_sent;
    int last_sent;         /* the message that says how many there were */
    int done_sent;         /* the message that says that all of the other side's have arrived */

    /* in */
    uint32_t received;     /* distinct reliable messages */
    uint32_t expected;     /* said by the other side's last message */
    int last_received, done_received;
    uint32_t dup, reordered, corrupt;
    uint32_t unreliable_received, unreliable_dup;
    uint32_t highest;      /* 1 + the highest reliable number seen */
    uint8_t *seen, *unreliable_seen; /* bits */
    double first, previous, max_gap; /* seconds; first 0: nothing yet */
    double phase_start, phase_gap; /* seconds; the longest silence of this phase */
    uint32_t phase_received;
};

void traffic_init(struct traffic *t);
void traffic_free(struct traffic *t);

/* Sends what is due at this time. Returns 0 and, in *next, when there is more to send (0: nothing planned), or the first
 * error that is not WOULD_BLOCK. */
int32_t traffic_send(struct traffic *t, const struct options *o, musubi_client client, musubi_peer peer, double now,
                     double *next);

/* Puts everything off until traffic_resume. */
void traffic_pause(struct traffic *t, double now);
void traffic_resume(struct traffic *t, double now);

/* Ends a phase: returns its longest silence in seconds, the one that still lasts included, and how many reliable messages
 * came in it. */
double traffic_phase(struct traffic *t, double now, uint32_t *received);

/* Takes the code of a receipt. */
void traffic_receipt(struct traffic *t, int32_t code);

/* Takes a message of the other side's. Returns 1 if it is the first one. */
int traffic_receive(struct traffic *t, const musubi_event *e, double now);

/* Whether both directions are complete. */
int traffic_complete(const struct traffic *t);

/* Whether everything that arrived did so once, in order and whole, and nothing is missing. */
int traffic_clean(const struct traffic *t);

uint32_t traffic_lost(const struct traffic *t);

#endif
