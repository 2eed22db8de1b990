/* Two clients of this process that have met through `musubi server` and talk over loopback: real traffic for tests that do
 * something unpleasant meanwhile. The library is one that load.h has loaded. */
#ifndef MUSUBI_TEST_PAIR_H
#define MUSUBI_TEST_PAIR_H

#include "load.h"
#include "server.h"

enum { PAIR_ROOM = 64, PAIR_PATIENCE_S = 20 };

struct pair {
    const struct library *lib;
    musubi_client client[2];
    musubi_peer peer[2];  /* the other one, as seen from each */
    uint64_t sent[2];     /* reliable messages accepted */
    uint64_t received[2]; /* and come in, in order */
    char failed[300];     /* text of a FAILED event, empty if none came */
    char code[16];        /* of the room */
};

static inline void pair_event(struct pair *p, int side, const musubi_event *e)
{
    uint64_t number;

    switch (e->kind) {
    case MUSUBI_EVENT_ROOM_JOINED:
        snprintf(p->code, sizeof p->code, "%.*s", (int)e->data_size, (const char *)e->data);
        break;
    case MUSUBI_EVENT_PEER_CONNECTED:
        p->peer[side] = e->peer;
        break;
    case MUSUBI_EVENT_MESSAGE:
        CHECK(e->data_size >= sizeof number);
        memcpy(&number, e->data, sizeof number);
        CHECK(number == p->received[side]);
        p->received[side]++;
        break;
    case MUSUBI_EVENT_FAILED:
        snprintf(p->failed, sizeof p->failed, "%s", e->text);
        break;
    }
}

/* Takes what there is for one side. */
static inline void pair_poll(struct pair *p, int side)
{
    musubi_event events[PAIR_ROOM];
    int32_t n, i;

    while ((n = p->lib->poll(p->client[side], events, PAIR_ROOM)) > 0)
        for (i = 0; i < n; i++)
            pair_event(p, side, &events[i]);
    CHECK(n == 0);
}

/* A round: each side sends a few numbered messages of different sizes, waits a moment and polls. */
static inline void pair_round(struct pair *p)
{
    static uint8_t data[4000];
    int side, i;

    for (side = 0; side < 2; side++) {
        for (i = 0; i < 8; i++) {
            int32_t err;

            memcpy(data, &p->sent[side], sizeof p->sent[side]);
            err = p->lib->send(p->client[side], p->peer[side], MUSUBI_RELIABLE_ORDERED, 0, data,
                               (uint32_t)(sizeof p->sent[side] + p->sent[side] * 37 % 3000), 0, 0);
            if (p->failed[0] != 0 || err == MUSUBI_ERR_FAILED || err == MUSUBI_ERR_WOULD_BLOCK)
                break;
            CHECK_CODE(err, 0);
            p->sent[side]++;
        }
    }
    for (side = 0; side < 2; side++) {
        p->lib->wait(p->client[side], 1);
        pair_poll(p, side);
    }
}

/* A call that must succeed, unless the client has failed, which an event tells. */
static inline void pair_done(int32_t err) { CHECK(err == 0 || err == MUSUBI_ERR_FAILED); }

static inline musubi_client pair_client(const struct library *lib, const char *address)
{
    musubi_config config;
    musubi_client client;

    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.server = address;
    config.bind = "127.0.0.1:0";
    CHECK_CODE(lib->create(&config, &client), 0);
    pair_done(lib->connect(client));
    return client;
}

/* Makes both and connects them. 0: one of them failed on the way, see failed. */
static inline int pair_make(struct pair *p, const struct library *lib, const char *address)
{
    uint64_t end = now_ns() + PAIR_PATIENCE_S * 1000000000ull;
    int side, joining = 0;

    memset(p, 0, sizeof *p);
    p->lib = lib;
    for (side = 0; side < 2; side++)
        p->client[side] = pair_client(lib, address);
    pair_done(lib->room_create(p->client[0], 2, NULL, 0));
    while ((p->peer[0] == 0 || p->peer[1] == 0) && p->failed[0] == 0) {
        CHECK(now_ns() < end);
        for (side = 0; side < 2; side++) {
            lib->wait(p->client[side], 5);
            pair_poll(p, side);
        }
        if (p->code[0] != 0 && !joining) {
            joining = 1;
            pair_done(lib->room_join(p->client[1], p->code));
        }
    }
    return p->failed[0] == 0;
}

/* Waits until everything sent has come in. */
static inline void pair_drain(struct pair *p)
{
    uint64_t end = now_ns() + PAIR_PATIENCE_S * 1000000000ull;

    while (p->received[0] != p->sent[1] || p->received[1] != p->sent[0]) {
        int side;

        CHECK(now_ns() < end);
        for (side = 0; side < 2; side++) {
            p->lib->wait(p->client[side], 1);
            pair_poll(p, side);
        }
    }
}

static inline void pair_destroy(struct pair *p)
{
    CHECK_CODE(p->lib->destroy(p->client[0]), 0);
    CHECK_CODE(p->lib->destroy(p->client[1]), 0);
}

#endif
