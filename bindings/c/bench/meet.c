/* From nothing to a connection. */
#include <stdio.h>
#include <string.h>

#include "bench.h"

static const uint64_t patience = 20000000000u; /* ns for each step; over loopback they take milliseconds */

static int make(const struct options *o, struct flow *f)
{
    musubi_config c;
    int32_t err;

    memset(&c, 0, sizeof c);
    memset(f, 0, sizeof *f);
    c.struct_size = sizeof c;
    c.server = o->server;
    c.app = "musubi_bench";
    c.bind = o->bind;
    c.send_budget = o->budget;
    if (strstr(" bulk rate ping ", o->bench) != NULL) { /* one busy connection: rings for tens of milliseconds of its traffic */
        c.command_bytes = 4 << 20;
        c.event_bytes = 16 << 20;
    }
    err = musubi_create(&c, &f->client);
    if (err == MUSUBI_OK)
        err = musubi_connect(f->client);
    return err == MUSUBI_OK ? 1 : complain("make a client", err);
}

/* Takes events one by one until wanted says so; what comes behind stays in the ring for the benchmark. */
static int await(struct flow *f, const char *what, int (*wanted)(struct flow *f, const musubi_event *e))
{
    uint64_t limit = now_ns() + patience;
    musubi_event e;

    while (now_ns() < limit) {
        while (musubi_poll(f->client, &e, 1) > 0) {
            if (e.kind == MUSUBI_EVENT_SERVER_LOST || e.kind == MUSUBI_EVENT_ROOM_LEFT || e.kind == MUSUBI_EVENT_FAILED ||
                e.kind == MUSUBI_EVENT_PEER_CLOSED) {
                fprintf(stderr, "musubi_bench: %s: %s\n", what, e.text);
                return 0;
            }
            if (wanted(f, &e))
                return 1;
        }
        musubi_wait(f->client, 100);
    }
    return complain(what, MUSUBI_ERR_TIMEOUT);
}

static int in_room(struct flow *f, const musubi_event *e)
{
    if (e->kind == MUSUBI_EVENT_ROOM_JOINED)
        snprintf(f->code, sizeof f->code, "%s", (const char *)e->data);
    return e->kind == MUSUBI_EVENT_ROOM_JOINED;
}

static int connected(struct flow *f, const musubi_event *e)
{
    if (e->kind == MUSUBI_EVENT_PEER_CONNECTED)
        f->peer = e->peer;
    return e->kind == MUSUBI_EVENT_PEER_CONNECTED;
}

static int direct_route(struct flow *f, const musubi_event *e)
{
    (void)f;
    return e->kind == MUSUBI_EVENT_ROUTE_CHANGED && e->route > MUSUBI_ROUTE_RELAY;
}

int meet_host(const struct options *o, struct flow *f)
{
    int32_t err;

    if (!make(o, f))
        return 0;
    err = musubi_room_create(f->client, o->peers, NULL, 0);
    return err == MUSUBI_OK ? await(f, "make a room", in_room) : complain("make a room", err);
}

int meet_join(const struct options *o, struct flow *f, const char *code)
{
    int32_t err;

    if (!make(o, f))
        return 0;
    err = musubi_room_join(f->client, code);
    return err == MUSUBI_OK ? await(f, "enter the room", in_room) : complain("enter the room", err);
}

int meet_peer(struct flow *f, int direct)
{
    return await(f, "connect to the other end", connected) && (!direct || await(f, "go direct", direct_route));
}
