/* lossy: reliable ordered messages at a game's rate over several connections at a time, a thread for each; the other end
 * writes down how long each was on its way, from the send call to the return of the poll. The link between the two
 * processes is somebody else's business. */
#include <stdio.h>

#include "bench.h"

static void *receive(void *argument)
{
    struct lane *l = argument;
    struct flow *f = l->flow;
    struct header h;
    musubi_event e;

    while (!l->ok) {
        if (musubi_poll(f->client, &e, 1) <= 0) {
            musubi_wait(f->client, 1000);
            continue;
        }
        if (e.kind == MUSUBI_EVENT_PEER_CLOSED) {
            complain("receive", e.code);
            return NULL;
        }
        h = header_of(&e);
        l->ok = h.kind == DATA && lane_message(l, &h);
    }
    return NULL;
}

static void *transmit(void *argument)
{
    struct lane *l = argument;
    struct flow *f = l->flow;
    char data[MOST_SMALL] = {0};
    musubi_event ev[16];
    uint32_t i;
    int32_t err;

    for (i = 0; i < lane_total(l->o); i++) {
        sleep_until(lane_due(l, i));
        while (musubi_poll(f->client, ev, 16) > 0)
            ;
        err = send_message(f, MUSUBI_RELIABLE_ORDERED, DATA, i, data, l->o->size);
        if (err != MUSUBI_OK) {
            complain("send", err);
            return NULL;
        }
        musubi_flush(f->client);
    }
    l->ok = 1;
    return NULL;
}

int lossy_host(const struct options *o, struct flow *flows)
{
    static struct lane lanes[MOST_FLOWS];
    char line[LINE_SIZE];

    return lanes_run(o, lanes, flows, sizeof *flows, receive) && lanes_line(o, lanes, line) && give_result(&flows[0], line);
}

int lossy_join(const struct options *o, struct flow *flows)
{
    static struct lane lanes[MOST_FLOWS];
    musubi_stats stats = {.struct_size = sizeof stats};
    uint64_t sent = 0, lost = 0;
    char line[LINE_SIZE], extra[80];
    uint32_t i;

    if (!lanes_run(o, lanes, flows, sizeof *flows, transmit))
        return 0;
    for (i = 0; i < o->flows; i++)
        if (musubi_peer_stats(flows[i].client, flows[i].peer, &stats) == MUSUBI_OK) {
            sent += stats.packets_sent;
            lost += stats.packets_lost;
        }
    if (!take_result(&flows[0], line))
        return 0;
    snprintf(extra, sizeof extra, ",\"packets\":%lu,\"packets_lost\":%lu", (unsigned long)sent, (unsigned long)lost);
    lanes_print(o, "musubi", lanes, line, extra);
    return 1;
}
