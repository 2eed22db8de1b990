/* Random calls of every function from four threads at a time: random handles (alive, stale, made up), sizes, values, NULLs,
 * texts that are no text; also sensible ones, so that clients meet, talk and go while others abuse them. Under
 * AddressSanitizer (every buffer has exactly the size that is told) each call must answer with a known code, no client may
 * meet an internal error, and at the end every slot must be free.
 *
 *     fuzz_test MUSUBI SECONDS [SEED]
 *
 * The seed is printed; it fixes what each thread does, though not how the threads meet.
 */
#include <musubi.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server.h"
#include "test.h"

enum { THREADS = 4, TABLE = 6, PEERS = 4, CODE = 16 };

struct dice {
    uint64_t state;
};

static uint64_t roll(struct dice *d) /* splitmix64 */
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t below(struct dice *d, uint32_t n) { return (uint32_t)(roll(d) % n); }
static int one_in(struct dice *d, uint32_t n) { return below(d, n) == 0; }

/* What the threads share: the clients that are alive, and what was heard of them. Handles may be stale when they are used.
 * The first ones belong to a thread each, which alone polls and destroys them and so may look at their events; the others are
 * polled and destroyed by anybody. */
static _Atomic musubi_client clients[TABLE];
static _Atomic musubi_peer peers[TABLE][PEERS];
static pthread_mutex_t codes_lock = PTHREAD_MUTEX_INITIALIZER;
static char codes[TABLE][CODE];
static char address[512];
static atomic_int stop;
static atomic_ulong failures;

/* The arguments of one call; freed after it. */
struct call {
    struct dice *d;
    unsigned me; /* thread */
    unsigned at; /* place in the table */
    musubi_client client;
    musubi_peer peer;
    void *memory[4];
    unsigned used;
};

static void *exactly(struct call *c, size_t size)
{
    uint8_t *p = malloc(size != 0 ? size : 1);
    size_t i;

    CHECK(p != NULL && c->used < 4);
    for (i = 0; i < size; i++)
        p[i] = (uint8_t)(i * 7 + size);
    return c->memory[c->used++] = p;
}

/* A payload near a limit, or far from it. A size that the library must refuse may come with less memory than it says. */
static void *payload(struct call *c, uint32_t limit, uint32_t *size)
{
    switch (below(c->d, 8)) {
    case 0: *size = 0; break;
    case 1: *size = limit; break;
    case 2: *size = limit + 1 + below(c->d, 100); return exactly(c, 16);
    case 3: *size = (uint32_t)roll(c->d) | limit << 1; return exactly(c, 1);
    default: *size = below(c->d, limit < 2000 ? limit + 1 : 2000);
    }
    return one_in(c->d, 12) ? NULL : exactly(c, *size);
}

static char *text(struct call *c, uint32_t limit)
{
    uint32_t n = one_in(c->d, 4) ? limit + below(c->d, 3) : below(c->d, limit < 40 ? limit + 1 : 40), i;
    char *p;

    if (one_in(c->d, 12))
        return NULL;
    p = exactly(c, n + 1);
    for (i = 0; i < n; i++)
        p[i] = (char)(one_in(c->d, 8) ? 128 + below(c->d, 128) : 'A' + below(c->d, 26));
    p[n] = 0;
    return p;
}

/* A struct whose first member is its size, right or wrong; small ones lie in less memory. */
static void *sized(struct call *c, uint32_t size)
{
    uint32_t *p;

    if (one_in(c->d, 16))
        return NULL;
    if (one_in(c->d, 16)) {
        size = below(c->d, size);
        p = exactly(c, size > sizeof *p ? size : sizeof *p);
        memset(p, 0, size);
        *p = one_in(c->d, 2) ? size : 1025 + below(c->d, 100000); /* no struct is that large: nothing behind p is looked at */
        return p;
    }
    size += one_in(c->d, 16) ? 1 + below(c->d, 100) : 0;
    p = exactly(c, size);
    memset(p, 0, size);
    ((uint8_t *)p)[size - 1] = one_in(c->d, 32);
    *p = size;
    return p;
}

static char *join_code(struct call *c)
{
    char *p;

    if (one_in(c->d, 4))
        return text(c, 17);
    p = exactly(c, CODE);
    pthread_mutex_lock(&codes_lock);
    memcpy(p, codes[below(c->d, TABLE)], CODE);
    pthread_mutex_unlock(&codes_lock);
    return p;
}

/* The calls. */

static musubi_config *config_of(struct call *c)
{
    musubi_config *g = sized(c, sizeof *g);

    if (g == NULL || g->struct_size != sizeof *g)
        return g;
    g->server = one_in(c->d, 10) ? text(c, 2048) : one_in(c->d, 8) ? NULL : one_in(c->d, 8) ? NO_SERVER : address;
    g->app = "fuzz";
    g->bind = one_in(c->d, 8) ? "203.0.113.1:7" : one_in(c->d, 16) ? text(c, 64) : "127.0.0.1:0";
    g->user = one_in(c->d, 8) ? text(c, MUSUBI_MAX_USER_ID) : NULL;
    g->flags = one_in(c->d, 16) ? (uint32_t)roll(c->d) : one_in(c->d, 2) ? 0 : below(c->d, 128);
    g->send_budget = one_in(c->d, 3) ? 64 << 10 : 0;
    g->command_bytes = one_in(c->d, 3) ? 64 << 10 : 0;
    g->event_bytes = one_in(c->d, 3) ? 2 << 20 : 0;
    g->idle_timeout_ms = one_in(c->d, 3) ? 1000 : 0;
    g->punch = below(c->d, one_in(c->d, 16) ? 5 : 3);
    g->max_threads = one_in(c->d, 8) ? 1 + below(c->d, 3) : 0;
    g->privacy = one_in(c->d, 8) ? below(c->d, 4) : 0;
    g->app_key = one_in(c->d, 16) ? exactly(c, MUSUBI_APP_KEY_SIZE) : NULL; /* nobody has a certificate: nobody connects */
    return g;
}

/* For calls that only a client's own thread makes: one of ours, or one of everybody's. */
static void take_own(struct call *c)
{
    c->at = one_in(c->d, 3) ? THREADS + below(c->d, TABLE - THREADS) : c->me;
    c->client = one_in(c->d, 12) ? roll(c->d) : clients[c->at];
}

static int32_t call_destroy(struct call *c)
{
    int32_t err;

    take_own(c);
    err = musubi_destroy(c->client);
    if (err == 0)
        atomic_compare_exchange_strong(&clients[c->at], &c->client, 0);
    return err;
}

static int32_t call_create(struct call *c)
{
    musubi_client made = 0;
    int32_t err;

    take_own(c);
    err = musubi_create(config_of(c), one_in(c->d, 32) ? NULL : &made);
    if (err == 0) {
        musubi_client old = atomic_exchange(&clients[c->at], made);

        if (old != 0)
            musubi_destroy(old);
        if (!one_in(c->d, 4))
            musubi_connect(made);
    }
    return err;
}

static int32_t call_connect(struct call *c) { return musubi_connect(c->client); }
static int32_t call_disconnect(struct call *c) { return musubi_disconnect(c->client); }

static int32_t call_room_create(struct call *c)
{
    uint32_t size;
    void *data = payload(c, MUSUBI_MAX_ROOM_DATA, &size);

    return musubi_room_create(c->client, one_in(c->d, 8) ? (uint32_t)roll(c->d) : below(c->d, 10), data, size);
}

static int32_t call_room_join(struct call *c) { return musubi_room_join(c->client, join_code(c)); }
static int32_t call_room_leave(struct call *c) { return musubi_room_leave(c->client); }

static int32_t call_room_set_data(struct call *c)
{
    uint32_t size;
    void *data = payload(c, MUSUBI_MAX_ROOM_DATA, &size);

    return musubi_room_set_data(c->client, data, size);
}

static int32_t call_room_create_with(struct call *c)
{
    musubi_room_config *r = sized(c, sizeof *r);

    if (r != NULL && r->struct_size == sizeof *r) {
        r->flags = one_in(c->d, 8) ? (uint32_t)roll(c->d) : below(c->d, 64) & ~10u;
        r->max_members = below(c->d, 70);
        r->password = one_in(c->d, 2) ? NULL : text(c, MUSUBI_MAX_PASSWORD);
        r->data = payload(c, MUSUBI_MAX_ROOM_DATA, &r->size);
    }
    return musubi_room_create_with(c->client, r);
}

static int32_t call_room_join_with(struct call *c)
{
    musubi_join_config *j = sized(c, sizeof *j);

    if (j != NULL && j->struct_size == sizeof *j) {
        j->password = one_in(c->d, 2) ? NULL : text(c, MUSUBI_MAX_PASSWORD);
        j->data = payload(c, MUSUBI_MAX_REQUEST_DATA, &j->size);
    }
    return musubi_room_join_with(c->client, join_code(c), j);
}

static int32_t call_room_configure(struct call *c)
{
    return musubi_room_configure(c->client, below(c->d, 64), below(c->d, 64), below(c->d, 70));
}

static int32_t call_room_set_data_if(struct call *c)
{
    uint32_t size;
    void *data = payload(c, MUSUBI_MAX_ROOM_DATA, &size);

    return musubi_room_set_data_if(c->client, below(c->d, 4), data, size);
}

static int32_t call_room_set_owner(struct call *c) { return musubi_room_set_owner(c->client, c->peer); }

static int32_t call_room_kick(struct call *c)
{
    return musubi_room_kick(c->client, c->peer, below(c->d, 3), text(c, MUSUBI_MAX_CLOSE_TEXT));
}

static int32_t call_room_admit(struct call *c)
{
    return musubi_room_admit(c->client, roll(c->d), below(c->d, 3), text(c, MUSUBI_MAX_CLOSE_TEXT));
}

static int32_t call_room_list(struct call *c)
{
    uint32_t prefix_size, after_size;
    void *prefix = payload(c, MUSUBI_MAX_LIST_PREFIX, &prefix_size), *after = payload(c, MUSUBI_MAX_LIST_END, &after_size);

    return musubi_room_list(c->client, prefix, prefix_size, after, after_size, below(c->d, 40));
}

static int32_t call_user_query(struct call *c) { return musubi_user_query(c->client, text(c, MUSUBI_MAX_USER_ID)); }

static int32_t call_user_invite(struct call *c)
{
    uint32_t size;
    void *data = payload(c, MUSUBI_MAX_REQUEST_DATA, &size);

    return musubi_user_invite(c->client, text(c, MUSUBI_MAX_USER_ID), data, size);
}

static int32_t call_peer_connect(struct call *c)
{
    uint32_t size;
    void *data = payload(c, MUSUBI_MAX_REQUEST_DATA, &size);

    return musubi_peer_connect(c->client, c->peer, data, size);
}

static int32_t call_peer_accept(struct call *c) { return musubi_peer_accept(c->client, c->peer); }
static int32_t call_peer_reject(struct call *c) { return musubi_peer_reject(c->client, c->peer, text(c, MUSUBI_MAX_CLOSE_TEXT)); }

static int32_t call_peer_close(struct call *c)
{
    return musubi_peer_close(c->client, c->peer, (int32_t)below(c->d, 20) - 3, text(c, MUSUBI_MAX_CLOSE_TEXT));
}

static int32_t call_peer_punch(struct call *c) { return musubi_peer_punch(c->client, c->peer); }

static int32_t call_send(struct call *c)
{
    uint32_t mode = below(c->d, one_in(c->d, 16) ? 9 : 4), size, flags = below(c->d, 8);
    uint32_t limit = mode <= MUSUBI_RELIABLE_UNORDERED ? MUSUBI_MAX_RELIABLE : MUSUBI_MAX_UNRELIABLE;
    void *data;

    if (one_in(c->d, 8)) {
        data = payload(c, limit, &size);
    } else {
        size = below(c->d, 1500);
        data = exactly(c, size);
    }
    if (mode >= MUSUBI_UNRELIABLE && one_in(c->d, 4))
        flags |= below(c->d, 65536) << MUSUBI_SEND_DEADLINE_SHIFT;
    if (one_in(c->d, 32))
        flags = (uint32_t)roll(c->d);
    return musubi_send(c->client, c->peer, mode, below(c->d, one_in(c->d, 16) ? 400 : 4), data, size, flags, below(c->d, 3));
}

static int32_t call_send_batch(struct call *c)
{
    uint32_t n = below(c->d, 5), size = below(c->d, 300), i;
    musubi_message *m = one_in(c->d, 32) ? NULL : exactly(c, n * sizeof *m);
    void *data = exactly(c, size);

    for (i = 0; m != NULL && i < n; i++) {
        m[i] = (musubi_message){.struct_size = one_in(c->d, 32) ? below(c->d, 100) : sizeof *m, .data = data, .size = size};
        m[i].mode = below(c->d, one_in(c->d, 16) ? 9 : 4);
        m[i].channel = below(c->d, one_in(c->d, 16) ? 400 : 4);
        m[i].flags = one_in(c->d, 16) ? (uint32_t)roll(c->d) : below(c->d, 8);
        m[i].peer = one_in(c->d, 16) ? roll(c->d) : peers[c->at][below(c->d, PEERS)];
        m[i].id = below(c->d, 3);
    }
    return musubi_send_batch(c->client, m, n);
}

static int32_t call_broadcast(struct call *c)
{
    uint32_t size, max = below(c->d, 4);
    void *data = payload(c, MUSUBI_MAX_RELIABLE, &size); /* what is larger lies about its memory, and is never taken */
    musubi_peer *refused = one_in(c->d, 8) ? NULL : exactly(c, max * sizeof *refused);
    uint32_t mode = size > MUSUBI_MAX_UNRELIABLE ? below(c->d, 2) : below(c->d, 5);

    return musubi_broadcast(c->client, mode, below(c->d, 4), data, size, below(c->d, 8), refused, max);
}

static int32_t call_flush(struct call *c) { return musubi_flush(c->client); }

/* Remembers peers and codes, so that later calls make sense. */
static void heard(struct call *c, const musubi_event *e)
{
    CHECK(e->kind != MUSUBI_EVENT_NONE && e->kind < 64);
    CHECK(e->data != NULL && e->text != NULL && e->data[e->data_size] == 0 && e->text[e->text_size] == 0);
    if (e->peer != 0)
        peers[c->at][below(c->d, PEERS)] = e->peer;
    if (e->kind == MUSUBI_EVENT_ROOM_JOINED && e->data_size < CODE) {
        pthread_mutex_lock(&codes_lock);
        memcpy(codes[c->at], e->data, e->data_size + 1);
        pthread_mutex_unlock(&codes_lock);
    }
    if (e->kind == MUSUBI_EVENT_FAILED) {
        failures++;
        if (strstr(e->text, "internal error") != NULL)
            fprintf(stderr, "%s\n", e->text);
        CHECK(strstr(e->text, "internal error") == NULL);
    }
}

static int32_t call_poll(struct call *c)
{
    uint32_t max = below(c->d, 9);
    musubi_event *events = one_in(c->d, 32) ? NULL : exactly(c, max * sizeof *events);
    int32_t n, i;

    take_own(c);
    n = musubi_poll(c->client, events, max);
    for (i = 0; i < n && c->at == c->me; i++)
        heard(c, &events[i]);
    return n;
}

static int32_t call_wait(struct call *c) { return musubi_wait(c->client, below(c->d, 3)); }
static int32_t call_peer_stats(struct call *c) { return musubi_peer_stats(c->client, c->peer, sized(c, sizeof(musubi_stats))); }
static int32_t call_client_stats(struct call *c) { return musubi_client_stats(c->client, sized(c, sizeof(musubi_totals))); }

static int32_t call_identity(struct call *c)
{
    uint32_t size = below(c->d, 40);

    return musubi_identity(c->client, one_in(c->d, 16) ? NULL : exactly(c, size), size);
}

static int32_t call_set_token(struct call *c)
{
    uint32_t size;
    void *data = payload(c, MUSUBI_MAX_TOKEN, &size);

    return musubi_set_token(c->client, data, size);
}

static int32_t call_set_certificate(struct call *c)
{
    uint32_t size;
    void *data = payload(c, MUSUBI_MAX_CERTIFICATE, &size);

    return musubi_set_certificate(c->client, data, size);
}

static int32_t call_dump(struct call *c)
{
    uint32_t size = below(c->d, 3000);

    return musubi_dump(c->client, one_in(c->d, 16) ? NULL : exactly(c, size), size);
}

static int32_t call_nat_info(struct call *c) { return musubi_nat_info(c->client, sized(c, sizeof(musubi_nat))); }
static int32_t call_network_changed(struct call *c) { return musubi_network_changed(c->client); }

static musubi_simulation *bad_network(struct call *c)
{
    musubi_simulation *s = sized(c, sizeof *s);
    uint32_t most = one_in(c->d, 4) ? UINT32_MAX : 300000;

    if (s == NULL || s->struct_size != sizeof *s)
        return s;
    s->flags = below(c->d, 3);
    s->loss_ppm = below(c->d, most);
    s->loss_burst = below(c->d, 5);
    s->latency_us = below(c->d, most) / 8;
    s->jitter_us = below(c->d, most) / 8;
    s->reorder_ppm = below(c->d, most);
    s->duplicate_ppm = below(c->d, most);
    s->queue_us = below(c->d, most);
    s->queue_bytes = below(c->d, most);
    s->rate = one_in(c->d, 2) ? 0 : roll(c->d) >> below(c->d, 64);
    return s;
}

static int32_t call_simulate(struct call *c)
{
    if (one_in(c->d, 3))
        return musubi_simulate(c->client, NULL, NULL);
    return musubi_simulate(c->client, bad_network(c), bad_network(c));
}

static int32_t call_simulation_preset(struct call *c)
{
    const char *const names[] = {"wifi", "4g", "satellite", NULL, "", "no such"};
    const char *name = one_in(c->d, 4) ? text(c, 20) : names[below(c->d, 6)];
    void *outgoing = sized(c, sizeof(musubi_simulation));

    return musubi_simulation_preset(name, outgoing, sized(c, sizeof(musubi_simulation)));
}

static int32_t call_lan_host(struct call *c)
{
    uint32_t size;
    void *data = payload(c, MUSUBI_MAX_LAN_DATA, &size);

    return musubi_lan_host(c->client, below(c->d, 70), data, size);
}

static int32_t call_lan_browse(struct call *c) { return musubi_lan_browse(c->client, below(c->d, 3)); }

static int32_t call_lan_join(struct call *c)
{
    const char *where = one_in(c->d, 2) ? text(c, 65) : "127.0.0.1";

    return musubi_lan_join(c->client, where, join_code(c));
}

static int32_t call_suspend(struct call *c) { return musubi_suspend(c->client, one_in(c->d, 8) ? (uint32_t)roll(c->d) : below(c->d, 100)); }
static int32_t call_resume(struct call *c) { return musubi_resume(c->client); }

static int32_t call_constants(struct call *c)
{
    const musubi_api *api = musubi_get_api(below(c->d, 4));

    CHECK(musubi_abi_version() == MUSUBI_ABI_VERSION && strcmp(musubi_version(), MUSUBI_VERSION) == 0);
    CHECK(musubi_strerror((int32_t)roll(c->d)) != NULL && (api == NULL || api->struct_size == sizeof *api));
    return 0;
}

static const struct {
    const char *name;
    int32_t (*make)(struct call *);
    unsigned weight;
    int counts; /* a positive result is a count */
} calls[] = {
    {"create", call_create, 4, 0}, {"destroy", call_destroy, 1, 0}, {"connect", call_connect, 20, 0},
    {"disconnect", call_disconnect, 1, 0}, {"room_create", call_room_create, 10, 0}, {"room_join", call_room_join, 60, 0},
    {"room_leave", call_room_leave, 2, 0}, {"room_set_data", call_room_set_data, 20, 0},
    {"room_create_with", call_room_create_with, 4, 0}, {"room_join_with", call_room_join_with, 6, 0},
    {"room_configure", call_room_configure, 10, 0}, {"room_set_data_if", call_room_set_data_if, 10, 0},
    {"room_set_owner", call_room_set_owner, 4, 0}, {"room_kick", call_room_kick, 2, 0}, {"room_admit", call_room_admit, 10, 0},
    {"room_list", call_room_list, 10, 0}, {"user_query", call_user_query, 10, 0}, {"user_invite", call_user_invite, 10, 0},
    {"peer_connect", call_peer_connect, 20, 0}, {"peer_accept", call_peer_accept, 60, 0}, {"peer_reject", call_peer_reject, 2, 0},
    {"peer_close", call_peer_close, 2, 0}, {"peer_punch", call_peer_punch, 4, 0}, {"send", call_send, 6000, 0},
    {"send_batch", call_send_batch, 500, 1}, {"broadcast", call_broadcast, 300, 1}, {"client_stats", call_client_stats, 50, 0},
    {"identity", call_identity, 20, 0}, {"dump", call_dump, 50, 1}, {"flush", call_flush, 500, 0}, {"poll", call_poll, 4000, 1}, {"wait", call_wait, 300, 1}, {"peer_stats", call_peer_stats, 200, 0},
    {"nat_info", call_nat_info, 100, 0}, {"network_changed", call_network_changed, 4, 0}, {"simulate", call_simulate, 4, 0},
    {"simulation_preset", call_simulation_preset, 20, 0}, {"lan_host", call_lan_host, 2, 0}, {"lan_browse", call_lan_browse, 2, 0},
    {"lan_join", call_lan_join, 2, 0}, {"suspend", call_suspend, 2, 0}, {"resume", call_resume, 6, 0},
    {"set_token", call_set_token, 10, 0}, {"set_certificate", call_set_certificate, 10, 0},
    {"abi_version, version, strerror, get_api", call_constants, 20, 0},
};
enum { CALLS = sizeof calls / sizeof *calls };
static atomic_ulong made[CALLS], accepted[CALLS];

static unsigned choose(struct dice *d)
{
    unsigned total = 0, at, i;

    for (i = 0; i < CALLS; i++)
        total += calls[i].weight;
    at = below(d, total);
    for (i = 0; at >= calls[i].weight; i++)
        at -= calls[i].weight;
    return i;
}

struct worker {
    pthread_t thread;
    struct dice dice;
    unsigned me;
};

static void *thread(void *arg)
{
    struct worker *w = arg;
    struct dice *d = &w->dice;

    while (!stop) {
        struct call c = {.d = d, .me = w->me, .at = below(d, TABLE)};
        unsigned i = clients[w->me] == 0 ? 0 : choose(d); /* calls[0] makes one */
        int32_t err;

        c.client = one_in(d, 16) ? roll(d) >> below(d, 64) : clients[c.at];
        c.peer = one_in(d, 16) ? roll(d) >> below(d, 64) : peers[c.at][below(d, PEERS)];
        err = calls[i].make(&c);
        made[i]++;
        accepted[i] += err >= 0;
        if (err > 0 ? !calls[i].counts : strcmp(musubi_strerror(err), "unknown code") == 0) {
            fprintf(stderr, "musubi_%s answered %d\n", calls[i].name, err);
            exit(1);
        }
        while (c.used > 0)
            free(c.memory[--c.used]);
    }
    return NULL;
}

/* Every slot can be had again: nothing of what happened has kept one. */
static void every_slot_is_free(void)
{
    musubi_config config = {.struct_size = sizeof config, .server = NO_SERVER};
    musubi_client all[MUSUBI_MAX_CLIENTS];
    int i;

    for (i = 0; i < TABLE; i++)
        musubi_destroy(clients[i]);
    for (i = 0; i < MUSUBI_MAX_CLIENTS; i++)
        CHECK_CODE(musubi_create(&config, &all[i]), 0);
    for (i = 0; i < MUSUBI_MAX_CLIENTS; i++)
        CHECK_CODE(musubi_destroy(all[i]), 0);
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS];
    struct server server;
    uint64_t seed, total = 0;
    unsigned i;

    CHECK(argc >= 3);
    seed = argc > 3 ? strtoull(argv[3], NULL, 10) : now_ns();
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    server = server_start(argv[1]);
    memcpy(address, server.address, sizeof address);
    for (i = 0; i < THREADS; i++) {
        workers[i].me = i;
        workers[i].dice.state = seed * THREADS + i;
        CHECK(pthread_create(&workers[i].thread, NULL, thread, &workers[i]) == 0);
    }
    sleep((unsigned)atoi(argv[2]));
    stop = 1;
    for (i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (i = 0; i < CALLS; i++) {
        printf("  %-42s %9lu calls, %9lu accepted\n", calls[i].name, atomic_load(&made[i]), atomic_load(&accepted[i]));
        total += made[i];
    }
    every_slot_is_free();
    server_stop(&server);
    printf("%llu random calls from %d threads: codes only, every slot free; %lu clients had no socket\n", (unsigned long long)total,
           THREADS, atomic_load(&failures));
    return 0;
}
