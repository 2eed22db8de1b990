/* musubi_simulate between two real clients over loopback: what it adds shows in the RTT, what it loses in the counters, and
 * reliable messages come all the same.
 *   simulate_test MUSUBI */
#include <musubi.h>

#include "server.h"
#include "test.h"

enum { LATENCY_US = 20000, MESSAGES = 200 };

struct player {
    musubi_client client;
    musubi_peer peer;
    char code[16];
    int direct;
    uint32_t reliable, unreliable; /* received */
};

static struct player make(const char *server)
{
    struct player p;
    musubi_config c;

    memset(&p, 0, sizeof p);
    memset(&c, 0, sizeof c);
    c.struct_size = sizeof c;
    c.server = server;
    CHECK_CODE(musubi_create(&c, &p.client), 0);
    CHECK_CODE(musubi_connect(p.client), 0);
    return p;
}

static void take(struct player *p)
{
    musubi_event e;

    while (musubi_poll(p->client, &e, 1) > 0)
        switch (e.kind) {
        case MUSUBI_EVENT_ROOM_JOINED:
            snprintf(p->code, sizeof p->code, "%s", (const char *)e.data);
            break;
        case MUSUBI_EVENT_PEER_CONNECTED:
            p->peer = e.peer;
            break;
        case MUSUBI_EVENT_ROUTE_CHANGED:
            p->direct = e.route > MUSUBI_ROUTE_RELAY;
            break;
        case MUSUBI_EVENT_MESSAGE:
            if (e.mode == MUSUBI_UNRELIABLE) {
                p->unreliable++;
                break;
            }
            CHECK(e.data_size == 4 && memcmp(e.data, &p->reliable, 4) == 0);
            p->reliable++;
            break;
        case MUSUBI_EVENT_ROOM_LEFT:
        case MUSUBI_EVENT_SERVER_LOST:
        case MUSUBI_EVENT_PEER_CLOSED:
            fprintf(stderr, "%s\n", e.text);
            CHECK(0);
        }
}

/* Lets both play until condition, at most 20 s. */
#define UNTIL(a, b, condition)                                                                       \
    do {                                                                                             \
        uint64_t limit_ = now_ns() + 20000000000u;                                                   \
        for (take(a), take(b); !(condition); take(a), take(b), musubi_wait((a)->client, 2))          \
            CHECK(now_ns() < limit_);                                                                \
    } while (0)

/* Sends messages of both kinds and waits until the reliable ones have come. */
static void traffic(struct player *a, struct player *b)
{
    uint32_t i, before = b->reliable;

    for (i = 0; i < MESSAGES; i++) {
        uint32_t number = before + i;
        uint64_t next = now_ns() + 2000000u;

        CHECK_CODE(musubi_send(a->client, a->peer, MUSUBI_RELIABLE_ORDERED, 0, &number, sizeof number, 0, 0), 0);
        CHECK_CODE(musubi_send(a->client, a->peer, MUSUBI_UNRELIABLE, 0, &number, sizeof number, 0, 0), 0);
        for (; now_ns() < next; musubi_wait(b->client, 1))
            take(a), take(b);
    }
    UNTIL(b, a, b->reliable == before + MESSAGES);
}

static musubi_stats stats_of(const struct player *p)
{
    musubi_stats s = {.struct_size = sizeof s};

    CHECK_CODE(musubi_peer_stats(p->client, p->peer, &s), 0);
    return s;
}

int main(int argc, char **argv)
{
    musubi_simulation cut = {.struct_size = sizeof cut, .flags = MUSUBI_SIMULATE_DIRECT_ONLY};
    musubi_simulation slow = {.struct_size = sizeof slow, .latency_us = LATENCY_US}, bad = slow;
    struct server server;
    struct player a, b;
    musubi_stats before, after;
    uint32_t unreliable;

    CHECK(argc == 2);
    server = server_start(argv[1]);
    a = make(server.address);
    b = make(server.address);
    CHECK_CODE(musubi_simulate(a.client, &slow, &slow), 0);
    CHECK_CODE(musubi_room_create(a.client, 2, NULL, 0), 0);
    UNTIL(&a, &b, a.code[0] != 0);
    CHECK_CODE(musubi_room_join(b.client, a.code), 0);
    UNTIL(&a, &b, a.direct && b.direct);

    traffic(&a, &b);
    before = stats_of(&a);
    CHECK(before.min_rtt_us >= 2 * LATENCY_US); /* there and back */

    bad.loss_ppm = 200000;
    bad.seed = 7;
    unreliable = b.unreliable;
    CHECK_CODE(musubi_simulate(a.client, &bad, &slow), 0);
    traffic(&a, &b);
    UNTIL(&a, &b, stats_of(&a).packets_lost > before.packets_lost);
    after = stats_of(&a);
    printf("packets lost: %u of %u; unreliable messages that came: %u of %d\n", (unsigned)(after.packets_lost - before.packets_lost),
           (unsigned)(after.packets_sent - before.packets_sent), b.unreliable - unreliable, MESSAGES);
    CHECK(b.unreliable - unreliable < MESSAGES); /* 200 times lucky at 20 % is 10^-19 */
    CHECK(b.unreliable - unreliable > MESSAGES / 4);

    CHECK_CODE(musubi_simulate(a.client, NULL, NULL), 0);
    traffic(&a, &b);
    UNTIL(&a, &b, stats_of(&a).rtt_us < 2 * LATENCY_US); /* the smoothed one forgets */

    /* The direct path alone is cut: the relay takes over, nothing is lost; then direct again. */
    cut.loss_ppm = 1000000;
    CHECK_CODE(musubi_simulate(a.client, &cut, &cut), 0);
    traffic(&a, &b);
    UNTIL(&a, &b, stats_of(&a).route == MUSUBI_ROUTE_RELAY && stats_of(&b).route == MUSUBI_ROUTE_RELAY);
    traffic(&b, &a);
    CHECK_CODE(musubi_simulate(a.client, NULL, NULL), 0);
    UNTIL(&a, &b, stats_of(&a).route > MUSUBI_ROUTE_RELAY && stats_of(&b).route > MUSUBI_ROUTE_RELAY);
    CHECK_CODE(musubi_destroy(a.client), 0);
    CHECK_CODE(musubi_destroy(b.client), 0);
    server_stop(&server);
    return 0;
}
