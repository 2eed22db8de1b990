/* mesh: everybody in a room sends to everybody, unreliable messages at 60 Hz and reliable ones at 10 Hz, as a game does:
 * one loop a frame. Each process tells what that cost it. */
#include <stdio.h>
#include <string.h>

#include "bench.h"

enum { RELIABLE_EVERY = 6, LINGER_S = 3 }; /* frames; seconds that others may need to end their measurement */

struct mesh {
    struct flow *f;
    musubi_peer peers[MOST_PEERS];
    uint32_t count;  /* connected */
    uint32_t direct; /* of them, routes that are direct */
    uint64_t unreliable, reliable;
};

/* Finds a peer's place, or makes one. */
static void join(struct mesh *m, musubi_peer peer)
{
    uint32_t i;

    for (i = 0; i < m->count; i++)
        if (m->peers[i] == peer)
            return;
    if (m->count < MOST_PEERS)
        m->peers[m->count++] = peer;
}

static void poll_all(struct mesh *m)
{
    musubi_event ev[64];
    int32_t n, i;

    while ((n = musubi_poll(m->f->client, ev, 64)) > 0)
        for (i = 0; i < n; i++)
            switch (ev[i].kind) {
            case MUSUBI_EVENT_PEER_CONNECTED:
                join(m, ev[i].peer);
                break;
            case MUSUBI_EVENT_ROUTE_CHANGED:
                m->direct += ev[i].route > MUSUBI_ROUTE_RELAY;
                break;
            case MUSUBI_EVENT_MESSAGE:
                m->unreliable += ev[i].mode == MUSUBI_UNRELIABLE;
                m->reliable += ev[i].mode != MUSUBI_UNRELIABLE;
                break;
            }
}

static void frame(const struct options *o, struct mesh *m, uint64_t number)
{
    char data[MOST_SMALL] = {0};
    uint32_t i;

    poll_all(m);
    for (i = 0; i < m->count; i++) {
        musubi_send(m->f->client, m->peers[i], MUSUBI_UNRELIABLE, 0, data, o->size, MUSUBI_SEND_NO_WAKE, 0);
        if (number % RELIABLE_EVERY == 0)
            musubi_send(m->f->client, m->peers[i], MUSUBI_RELIABLE_ORDERED, 1, data, o->size, MUSUBI_SEND_NO_WAKE, 0);
    }
    musubi_flush(m->f->client);
}

int mesh_member(const struct options *o, struct flow *f)
{
    struct mesh m;
    uint64_t tick = (uint64_t)(1e9 / o->hz), at = now_ns(), number, complete = 0, begin = 0, end = 0, cpu = 0;
    uint64_t limit = at + 60000000000u;
    double rss = 0, spent = 0;

    memset(&m, 0, sizeof m);
    m.f = f;
    for (number = 0; end == 0 || at < end + LINGER_S * 1000000000u; number++) {
        at += tick;
        sleep_until(at);
        frame(o, &m, number);
        if (complete == 0 && m.count == o->peers - 1 && m.direct >= o->peers - 1)
            complete = at;
        if (complete == 0 && at > limit) {
            fprintf(stderr, "musubi_bench: %u of %u connected, %u routes direct\n", m.count, o->peers - 1, m.direct);
            return 0;
        }
        if (begin == 0 && complete != 0 && (double)(at - complete) >= o->warmup * 1e9) {
            begin = at;
            cpu = cpu_ns();
            m.unreliable = m.reliable = 0;
        } else if (begin != 0 && end == 0 && (double)(at - begin) >= o->seconds * 1e9) {
            end = at;
            cpu = cpu_ns() - cpu;
            rss = rss_mb();
            spent = (double)(end - begin) / 1e9;
            printf("{\"bench\":\"mesh\",\"lib\":\"musubi\",\"peers\":%u,\"cpu_pct\":%.2f,\"rss_MB\":%.1f,\"unreliable_per_s\":%.0f,"
                   "\"reliable_per_s\":%.0f,\"size\":%u}\n",
                   o->peers, (double)cpu / 1e7 / spent, rss, (double)m.unreliable / spent, (double)m.reliable / spent, o->size);
            fflush(stdout);
        }
    }
    return 1;
}
