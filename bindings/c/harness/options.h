/* Command line of musubi_peer. */
#ifndef HARNESS_OPTIONS_H
#define HARNESS_OPTIONS_H

#include <stdint.h>

struct options {
    const char *server;
    const char *join; /* code, "-": by an order, or NULL to host */
    const char *name;
    const char *marker;
    const char *bind; /* local address, or NULL */
    const char *simulate; /* name of a bad network, or NULL */
    const char *token;    /* access token, or NULL */
    const char *password; /* of the room, or NULL */
    const char *list;     /* the room is public, and found by its metadata, which is this; NULL: by its code */
    int ask;              /* the host lets in who asks, one by one */
    uint32_t privacy;     /* MUSUBI_PRIVACY_ */
    uint32_t messages;   /* reliable, to each peer */
    uint32_t unreliable; /* to each peer, spread over the same time */
    uint32_t size;       /* bytes */
    uint32_t members;    /* of the room, this one included */
    uint32_t priority;   /* MUSUBI_SEND_ of reliable messages */
    uint32_t deadline;   /* of unreliable messages, milliseconds; 0: the usual */
    uint32_t budget;     /* bytes; 0: the usual */
    uint32_t idle_timeout; /* milliseconds; 0: the usual */
    double rate;         /* messages a second; 0: as fast as they are taken */
    uint32_t punch;      /* MUSUBI_PUNCH_ */
    uint32_t punch_rate; /* packets a second while predicting ports; 0: the library's choice */
    double stay;         /* seconds after everything is complete */
    double timeout;      /* seconds for everything before that */
    int start_direct;    /* wait for the first direct route before sending */
    int control;         /* take orders from standard input */
};

/* Reads the arguments. Returns 0, or has complained on stderr and returns the exit code. */
int options_read(struct options *o, int argc, char **argv);

#endif
