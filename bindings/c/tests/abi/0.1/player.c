/* A program as it was written for 0.1, with that version's header beside it: today's library must serve it without being compiled
 * again. Two players in one process meet, talk, look at numbers and leave.
 *   player MUSUBI */
#include "musubi.h"

#include "../../server.h"

struct player {
    musubi_client client;
    musubi_peer peer;
    char code[16];
    int in_room, heard, receipts, closed;
};

static void make(struct player *p, const char *server, const char *user)
{
    musubi_config config;

    memset(p, 0, sizeof *p);
    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.server = server;
    config.app = "abi";
    config.user = user;
    config.bind = "127.0.0.1:0";
    CHECK_CODE(musubi_create(&config, &p->client), MUSUBI_OK);
    CHECK_CODE(musubi_connect(p->client), MUSUBI_OK);
}

static void take(struct player *p, const musubi_event *e)
{
    switch (e->kind) {
    case MUSUBI_EVENT_ROOM_JOINED:
        snprintf(p->code, sizeof p->code, "%s", (const char *)e->data);
        p->in_room = 1;
        break;
    case MUSUBI_EVENT_PEER_CONNECTED:
        p->peer = e->peer;
        CHECK_CODE(musubi_send(p->client, e->peer, MUSUBI_RELIABLE_ORDERED, 3, "hello", 5, MUSUBI_SEND_HIGH | MUSUBI_SEND_NO_WAKE, 77), 0);
        CHECK_CODE(musubi_flush(p->client), MUSUBI_OK);
        break;
    case MUSUBI_EVENT_MESSAGE:
        CHECK(e->data_size == 5 && memcmp(e->data, "hello", 5) == 0 && e->channel == 3 && e->peer == p->peer);
        p->heard = 1;
        break;
    case MUSUBI_EVENT_DELIVERED:
        p->receipts += e->code == MUSUBI_OK;
        break;
    case MUSUBI_EVENT_PEER_CLOSED:
        p->closed = 1;
        break;
    case MUSUBI_EVENT_FAILED:
    case MUSUBI_EVENT_SERVER_LOST:
        fprintf(stderr, "%s\n", e->text);
        exit(1);
    }
}

/* Lets both live until *what is set. */
static void until(struct player *a, struct player *b, const int *what)
{
    uint64_t end = now_ns() + 20000000000u;
    musubi_event e[16];
    int32_t i, n;

    while (!*what) {
        CHECK(now_ns() < end);
        for (n = musubi_poll(a->client, e, 16), i = 0; i < n; i++)
            take(a, &e[i]);
        for (n = musubi_poll(b->client, e, 16), i = 0; i < n; i++)
            take(b, &e[i]);
        CHECK(musubi_wait(*what ? a->client : b->client, 5) >= 0);
    }
}

static void numbers(struct player *p)
{
    musubi_simulation out, in;
    musubi_stats stats;
    musubi_nat nat;

    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    CHECK_CODE(musubi_peer_stats(p->client, p->peer, &stats), MUSUBI_OK);
    memset(&nat, 0, sizeof nat);
    nat.struct_size = sizeof nat;
    CHECK(musubi_nat_info(p->client, &nat) <= 0);
    memset(&out, 0, sizeof out);
    memset(&in, 0, sizeof in);
    out.struct_size = in.struct_size = sizeof out;
    CHECK_CODE(musubi_simulation_preset("wifi", &out, &in), MUSUBI_OK);
    CHECK_CODE(musubi_simulate(p->client, &out, &in), MUSUBI_OK);
    CHECK_CODE(musubi_simulate(p->client, NULL, NULL), MUSUBI_OK);
}

int main(int argc, char **argv)
{
    const musubi_api *api = musubi_get_api(1);
    struct player a, b;
    struct server s;

    CHECK(argc == 2 && musubi_abi_version() == 1);
    CHECK(api != NULL && api->abi_version == 1 && api->struct_size >= sizeof *api && api->send == musubi_send);
    CHECK(api->event_size == sizeof(musubi_event));
    s = server_start(argv[1]);
    make(&a, s.address, "a");
    make(&b, s.address, "b");
    CHECK_CODE(musubi_room_create(a.client, 2, "room", 4), MUSUBI_OK);
    until(&a, &b, &a.in_room);
    CHECK_CODE(musubi_room_join(b.client, a.code), MUSUBI_OK);
    until(&a, &b, &a.heard);
    until(&a, &b, &b.heard);
    until(&a, &b, &a.receipts);
    numbers(&a);
    CHECK_CODE(musubi_room_leave(b.client), MUSUBI_OK);
    CHECK_CODE(musubi_peer_close(a.client, a.peer, 5, "enough"), MUSUBI_OK);
    until(&a, &b, &b.closed);
    CHECK_CODE(musubi_destroy(a.client), MUSUBI_OK);
    CHECK_CODE(musubi_destroy(b.client), MUSUBI_OK);
    server_stop(&s);
    return 0;
}
