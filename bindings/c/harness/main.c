/* musubi_peer: one player without a game. It hosts a room or joins one, connects to everybody in it, sends numbered messages
 * to each and checks what comes back; every event is one line on stdout. The laboratory, the demo and the tests run it in
 * pairs. --help prints the options and the meaning of the exit codes. */
#include <musubi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "lines.h"
#include "options.h"
#include "traffic.h"

enum { EXIT_CLEAN = 0, EXIT_NOT_CLEAN = 1, EXIT_SERVER = 3, EXIT_TIMEOUT = 4, GO_ON = -1 };

struct player { /* a peer, under the number that lines use: its place plus one */
    musubi_peer handle;
    double known; /* when it appeared */
    uint32_t route;
    int closed;
    struct traffic traffic;
};

struct harness {
    struct options options;
    musubi_client client;
    struct player players[HARNESS_MOST_PEERS];
    unsigned count;
    int in_room;
    double begun, complete; /* seconds; complete 0: not yet */
    double look_at;         /* when to look for the room again; 0: never */
};

static struct player *find(struct harness *h, musubi_peer handle, double now)
{
    struct player *p;
    unsigned i;

    for (i = 0; i < h->count; i++)
        if (h->players[i].handle == handle)
            return &h->players[i];
    if (handle == 0 || h->count == HARNESS_MOST_PEERS)
        return NULL;
    p = &h->players[h->count++];
    p->handle = handle;
    p->known = now;
    traffic_init(&p->traffic);
    return p;
}

static void route_is(struct harness *h, struct player *p, uint32_t route, double now)
{
    p->route = route;
    if (p->traffic.started || (h->options.start_direct && route <= MUSUBI_ROUTE_RELAY))
        return;
    p->traffic.started = 1;
    p->traffic.start = now;
}

static int32_t enter(struct harness *h, const char *code)
{
    musubi_join_config join = {.struct_size = sizeof join, .password = h->options.password};

    return musubi_room_join_with(h->client, code, &join);
}

/* Looks for the room by its metadata; nobody may have made it yet. */
static int32_t look(struct harness *h)
{
    return musubi_room_list(h->client, h->options.list, (uint32_t)strlen(h->options.list), NULL, 0, 1);
}

static int32_t make_room(struct harness *h)
{
    musubi_room_config room = {.struct_size = sizeof room, .max_members = h->options.members, .password = h->options.password};

    if (h->options.list != NULL) {
        room.flags |= MUSUBI_ROOM_PUBLIC;
        room.data = h->options.list;
        room.size = (uint32_t)strlen(h->options.list);
    }
    if (h->options.ask)
        room.flags |= MUSUBI_ROOM_ASK;
    return musubi_room_create_with(h->client, &room);
}

/* Takes one event. Returns an exit code if there is no point in going on. */
static int take(struct harness *h, const musubi_event *e, double now)
{
    struct player *p = find(h, e->peer, now);
    unsigned number = p != NULL ? (unsigned)(p - h->players) + 1 : 0;

    line_event(now, h->client, e, number);
    switch (e->kind) {
    case MUSUBI_EVENT_ROOM_JOINED:
        h->in_room = 1;
        break;
    case MUSUBI_EVENT_SERVER_LOST:
    case MUSUBI_EVENT_ROOM_LEFT:
        if (!h->in_room) /* afterwards the connections go on without */
            return EXIT_SERVER;
        break;
    case MUSUBI_EVENT_FAILED:
        return EXIT_SERVER;
    case MUSUBI_EVENT_JOIN_REQUEST:
        musubi_room_admit(h->client, e->count, 1, NULL);
        break;
    case MUSUBI_EVENT_ROOM_LISTED:
        enter(h, e->text);
        break;
    case MUSUBI_EVENT_ROOM_LIST_END:
        if (e->count == 0)
            h->look_at = now + 0.5;
        break;
    case MUSUBI_EVENT_PEER_CONNECTED:
    case MUSUBI_EVENT_ROUTE_CHANGED:
        if (p != NULL)
            route_is(h, p, e->route, now);
        break;
    case MUSUBI_EVENT_MESSAGE:
        if (p != NULL && traffic_receive(&p->traffic, e, now))
            line_first_message(now, number, now - p->known);
        break;
    case MUSUBI_EVENT_DELIVERED:
        if (p != NULL)
            traffic_receipt(&p->traffic, e->code);
        break;
    case MUSUBI_EVENT_PEER_CLOSED:
        if (p != NULL)
            p->closed = 1;
        break;
    }
    return GO_ON;
}

static int poll_all(struct harness *h)
{
    musubi_event events[64];
    int32_t n, i;
    int end;

    while ((n = musubi_poll(h->client, events, 64)) > 0)
        for (i = 0; i < n; i++)
            if ((end = take(h, &events[i], now_seconds())) != GO_ON)
                return end;
    return n < 0 ? EXIT_SERVER : GO_ON;
}

/* Sends what is due to everybody and returns how long nothing more will be, in milliseconds. */
static uint32_t send_all(struct harness *h)
{
    double now = now_seconds(), wake = now + 0.1, next;
    unsigned i;

    for (i = 0; i < h->count; i++) {
        struct player *p = &h->players[i];

        if (p->closed)
            continue;
        traffic_send(&p->traffic, &h->options, h->client, p->handle, now, &next); /* an error is followed by PEER_CLOSED */
        if (next != 0 && next < wake)
            wake = next;
    }
    musubi_flush(h->client);
    return wake <= now ? 0 : (uint32_t)((wake - now) * 1e3) + 1;
}

/* Whether to end, and with which code. */
static int verdict(struct harness *h, double now)
{
    unsigned i, done = 0, lost = 0;

    for (i = 0; i < h->count; i++) {
        done += traffic_complete(&h->players[i].traffic) != 0;
        lost += h->players[i].closed && !traffic_complete(&h->players[i].traffic);
    }
    if (h->complete == 0 && done + 1 >= h->options.members) {
        h->complete = now;
        for (i = 0; i < h->count; i++) /* while they are all there */
            line_stats(now, i + 1, h->client, h->players[i].handle);
    }
    if (h->complete != 0)
        return now - h->complete >= h->options.stay ? EXIT_CLEAN : GO_ON;
    if (lost > 0)
        return EXIT_NOT_CLEAN;
    return now - h->begun >= h->options.timeout ? EXIT_TIMEOUT : GO_ON;
}

/* Prints the sums. Returns whether all traffic was clean. */
static int results(struct harness *h)
{
    double now = now_seconds();
    unsigned i;
    int clean = 1;

    for (i = 0; i < h->count; i++) {
        struct traffic *t = &h->players[i].traffic;

        line_max_gap(now, i + 1, t->max_gap);
        line_receipts(now, i + 1, t);
        line_result(now, i + 1, t, h->players[i].route);
        clean = clean && traffic_clean(t);
        traffic_free(t);
    }
    return clean;
}

static int ordered_in(const struct harness *h) { return h->options.join != NULL && strcmp(h->options.join, "-") == 0; }

static void obey_traffic(struct traffic *t, enum order order, unsigned number)
{
    double now = now_seconds(), gap;
    uint32_t received;

    switch (order) {
    case ORDER_ENOUGH:
        t->enough = 1;
        break;
    case ORDER_PAUSE:
        traffic_pause(t, now);
        break;
    case ORDER_RESUME:
        traffic_resume(t, now);
        break;
    case ORDER_PHASE:
        gap = traffic_phase(t, now, &received);
        line_phase(now, number, gap, received);
        break;
    default:
        break;
    }
}

/* Follows the orders that came. An order that the library refuses shows in what does not happen then. */
static void obey(struct harness *h)
{
    const char *word;
    enum order order;
    unsigned i;

    while (h->options.control && (order = control_take(&word)) != ORDER_NONE) {
        if (order == ORDER_JOIN)
            enter(h, word);
        else if (order == ORDER_SUSPEND)
            musubi_suspend(h->client, (uint32_t)strtoul(word, NULL, 10));
        else if (order == ORDER_WAKE)
            musubi_resume(h->client);
        else if (order == ORDER_CHANGED)
            musubi_network_changed(h->client);
        for (i = 0; i < h->count && order == ORDER_STATS; i++)
            line_stats(now_seconds(), i + 1, h->client, h->players[i].handle);
        for (i = 0; i < h->count; i++)
            obey_traffic(&h->players[i].traffic, order, i + 1);
    }
}

/* Puts the bad network before this player, if one was asked for. */
static int32_t simulate(const struct harness *h)
{
    musubi_simulation out = {.struct_size = sizeof out}, in = {.struct_size = sizeof in};
    int32_t err = MUSUBI_OK;

    if (h->options.simulate != NULL)
        err = musubi_simulation_preset(h->options.simulate, &out, &in);
    return h->options.simulate == NULL || err != MUSUBI_OK ? err : musubi_simulate(h->client, &out, &in);
}

static int32_t begin(struct harness *h)
{
    musubi_config config;
    int32_t err;

    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.server = h->options.server;
    config.app = "musubi_peer";
    config.user = h->options.name;
    config.punch = h->options.punch;
    config.punch_rate = h->options.punch_rate;
    config.bind = h->options.bind;
    config.privacy = h->options.privacy;
    config.token = (const uint8_t *)h->options.token;
    config.token_size = h->options.token != NULL ? (uint32_t)strlen(h->options.token) : 0;
    config.send_budget = h->options.budget;
    config.idle_timeout_ms = h->options.idle_timeout;
    h->begun = now_seconds();
    err = musubi_create(&config, &h->client);
    if (err == MUSUBI_OK)
        err = simulate(h);
    if (err == MUSUBI_OK)
        err = musubi_connect(h->client);
    if (err == MUSUBI_OK && h->options.join == NULL)
        err = make_room(h);
    else if (err == MUSUBI_OK && !ordered_in(h))
        err = enter(h, h->options.join);
    else if (err == MUSUBI_OK && h->options.list != NULL)
        err = look(h);
    return err;
}

int main(int argc, char **argv)
{
    static struct harness h;
    int32_t err;
    int end = options_read(&h.options, argc, argv);

    if (end != 0)
        return end;
    err = begin(&h);
    if (err != MUSUBI_OK) {
        line_end(now_seconds(), musubi_strerror(err));
        return EXIT_SERVER;
    }
    for (end = GO_ON; end == GO_ON;) {
        obey(&h);
        if (h.look_at != 0 && now_seconds() >= h.look_at) {
            h.look_at = 0;
            look(&h);
        }
        end = poll_all(&h);
        if (end == GO_ON)
            end = verdict(&h, now_seconds());
        if (end == GO_ON)
            musubi_wait(h.client, send_all(&h));
    }
    if (!results(&h) && end == EXIT_CLEAN)
        end = EXIT_NOT_CLEAN;
    musubi_destroy(h.client); /* delivers the last words */
    line_end(now_seconds(), end == EXIT_CLEAN ? "complete" : end == EXIT_TIMEOUT ? "time is over" : "not complete");
    return end;
}
