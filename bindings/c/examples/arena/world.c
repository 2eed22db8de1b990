/* The game and its network. Three kinds of messages, each with the promise that suits it:
 *
 *   state   unreliable, sequenced   'P' x y vx vy score         30 times a second: a lost one is made good by the next
 *   stars   reliable, ordered       'T' star version            "I took that one", to the room's owner
 *                                   'S' star version x y        where it is now, from the owner to all
 *                                   'Y'                         "it was yours", from the owner
 *   words   reliable, ordered       'N' name, 'C' text          on a channel of their own, so that none waits for the others
 */
#include "arena.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE = 0, STAR = 1, WORDS = 2 }; /* channels */

#define SPEED 260.0f /* pixels a second */
#define EVERY 0.033f /* seconds between two states */

const char *const arena_presets[] = {"off", "wifi", "bad-wifi", "4g", "lossy", "satellite", NULL};

static void line(struct arena *a, const char *who, const char *text)
{
    memmove(a->lines[0], a->lines[1], sizeof a->lines - sizeof *a->lines);
    snprintf(a->lines[LINES - 1], LINE, "%.15s%s%.75s", who, *who ? ": " : "", text);
}

static struct player *find(struct arena *a, musubi_peer peer)
{
    int i;

    for (i = 1; i < PLAYERS; i++)
        if (a->players[i].used && a->players[i].peer == peer)
            return &a->players[i];
    return NULL;
}

static void put16(uint8_t *to, int value) { to[0] = (uint8_t)(value >> 8), to[1] = (uint8_t)value; }
static int get16(const uint8_t *from) { return (int16_t)(from[0] << 8 | from[1]); }

static void tell_star(struct arena *a, int i, musubi_peer to)
{
    uint8_t m[8] = {'S', (uint8_t)i};

    put16(m + 2, a->stars[i].version);
    put16(m + 4, (int)a->stars[i].x);
    put16(m + 6, (int)a->stars[i].y);
    if (to != 0)
        musubi_send(a->client, to, MUSUBI_RELIABLE_ORDERED, STAR, m, sizeof m, MUSUBI_SEND_NO_WAKE, 0);
    else
        musubi_broadcast(a->client, MUSUBI_RELIABLE_ORDERED, STAR, m, sizeof m, MUSUBI_SEND_NO_WAKE, NULL, 0);
}

static void place(struct arena *a, int i)
{
    a->stars[i].x = 40 + (float)(rand() % (WIDTH - 80));
    a->stars[i].y = 60 + (float)(rand() % (HEIGHT - 120));
    a->stars[i].version++;
    tell_star(a, i, 0);
}

/* The owner decides who took a star: whoever said so first of the version that is there. */
static void took(struct arena *a, int i, uint16_t version, musubi_peer who)
{
    if (!a->owner || i >= STARS || version != a->stars[i].version)
        return;
    if (who == 0)
        a->players[0].score++;
    else
        musubi_send(a->client, who, MUSUBI_RELIABLE_ORDERED, STAR, "Y", 1, MUSUBI_SEND_NO_WAKE, 0);
    place(a, i);
}

static void words(struct arena *a, struct player *p, const uint8_t *m, uint32_t size)
{
    unsigned number;
    char text[LINE];

    snprintf(text, sizeof text, "%.*s", (int)(size - 1), (const char *)m + 1);
    if (m[0] == 'N') {
        snprintf(p->name, NAME, "%.15s", text);
        return;
    }
    if (sscanf(text, "line %u", &number) == 1 && ++p->lines != number) /* a bot's */
        p->gaps++;
    line(a, p->name, text);
}

static void message(struct arena *a, const musubi_event *e)
{
    struct player *p = find(a, e->peer);
    const uint8_t *m = e->data;

    if (p == NULL || e->data_size == 0)
        return;
    if (e->channel == WORDS)
        words(a, p, m, e->data_size);
    else if (m[0] == 'P' && e->data_size >= 11) {
        p->x = (float)get16(m + 1), p->y = (float)get16(m + 3);
        p->vx = (float)get16(m + 5), p->vy = (float)get16(m + 7);
        p->score = (uint16_t)get16(m + 9);
    } else if (m[0] == 'S' && e->data_size >= 8 && m[1] < STARS && !a->owner) {
        a->stars[m[1]].version = (uint16_t)get16(m + 2);
        a->stars[m[1]].x = (float)get16(m + 4), a->stars[m[1]].y = (float)get16(m + 6);
    } else if (m[0] == 'T' && e->data_size >= 4)
        took(a, m[1], (uint16_t)get16(m + 2), e->peer);
    else if (m[0] == 'Y')
        a->players[0].score++;
}

static void joined(struct arena *a, const musubi_event *e)
{
    int i;

    for (i = 1; i < PLAYERS && a->players[i].used; i++)
        continue;
    if (i == PLAYERS || find(a, e->peer) != NULL)
        return;
    memset(&a->players[i], 0, sizeof a->players[i]);
    a->players[i].used = 1, a->players[i].peer = e->peer;
    snprintf(a->players[i].name, NAME, "player %d", i + 1);
}

static void connected(struct arena *a, struct player *p)
{
    char name[NAME + 1];
    int i;

    p->connected = 1;
    snprintf(name, sizeof name, "N%s", a->players[0].name);
    musubi_send(a->client, p->peer, MUSUBI_RELIABLE_ORDERED, WORDS, name, (uint32_t)strlen(name), 0, 0);
    for (i = 0; a->owner && i < STARS; i++)
        tell_star(a, i, p->peer);
}

static void own(struct arena *a)
{
    int i;

    a->owner = 1;
    for (i = 0; i < STARS; i++)
        place(a, i);
}

static void event(struct arena *a, const musubi_event *e)
{
    static const char *const routes[] = {"no route", "relayed", "direct, LAN", "direct, IPv4", "direct, IPv6"};
    struct player *p = find(a, e->peer);
    char text[LINE];

    switch (e->kind) {
    case MUSUBI_EVENT_ROOM_JOINED:
        snprintf(a->code, sizeof a->code, "%.15s", (const char *)e->data);
        if (e->peer == 0)
            own(a);
        break;
    case MUSUBI_EVENT_OWNER_CHANGED:
        if (e->peer == 0 && !a->owner)
            own(a);
        break;
    case MUSUBI_EVENT_MEMBER_JOINED:
        joined(a, e);
        break;
    case MUSUBI_EVENT_PEER_CONNECTED:
        if (p != NULL)
            connected(a, p);
        break;
    case MUSUBI_EVENT_ROUTE_CHANGED:
        a->direct += e->route > MUSUBI_ROUTE_RELAY, a->relayed += e->route == MUSUBI_ROUTE_RELAY;
        snprintf(text, sizeof text, "%s (%.60s)", routes[e->route < 5 ? e->route : 0], e->text);
        line(a, p != NULL ? p->name : "?", text);
        break;
    case MUSUBI_EVENT_PEER_CLOSED:
    case MUSUBI_EVENT_MEMBER_LEFT:
        if (p != NULL) {
            line(a, p->name, e->kind == MUSUBI_EVENT_PEER_CLOSED ? e->text : "left");
            p->used = p->connected = 0;
        }
        break;
    case MUSUBI_EVENT_MESSAGE:
        message(a, e);
        break;
    case MUSUBI_EVENT_SERVER_LOST: /* players that are connected play on; without any the game is over */
    case MUSUBI_EVENT_ROOM_LEFT:
    case MUSUBI_EVENT_FAILED:
        line(a, "", e->text);
        if (a->code[0] == 0 || e->kind != MUSUBI_EVENT_SERVER_LOST)
            snprintf(a->ended, sizeof a->ended, "%.150s", e->text);
        break;
    }
}

int arena_open(struct arena *a, const char *server, const char *code, const char *name)
{
    musubi_config config = {.struct_size = sizeof config, .server = server, .app = "arena"};
    int32_t err;

    memset(a, 0, sizeof *a);
    err = musubi_create(&config, &a->client);
    if (err != MUSUBI_OK)
        return err;
    a->players[0].used = a->players[0].connected = 1;
    a->players[0].x = 60 + (float)(rand() % (WIDTH - 120)), a->players[0].y = 80 + (float)(rand() % (HEIGHT - 160));
    snprintf(a->players[0].name, NAME, "%.15s", name);
    musubi_connect(a->client);
    return code != NULL ? musubi_room_join(a->client, code) : musubi_room_create(a->client, PLAYERS, NULL, 0);
}

static void move(struct player *p, float seconds)
{
    p->x = fminf(fmaxf(p->x + p->vx * seconds, RADIUS), WIDTH - RADIUS);
    p->y = fminf(fmaxf(p->y + p->vy * seconds, RADIUS), HEIGHT - RADIUS);
}

static void state(struct arena *a)
{
    const struct player *p = &a->players[0];
    uint8_t m[11] = {'P'};

    put16(m + 1, (int)p->x), put16(m + 3, (int)p->y);
    put16(m + 5, (int)p->vx), put16(m + 7, (int)p->vy);
    put16(m + 9, p->score);
    musubi_broadcast(a->client, MUSUBI_UNRELIABLE_SEQUENCED, STATE, m, sizeof m, MUSUBI_SEND_NO_WAKE | MUSUBI_SEND_HIGH, NULL, 0);
}

static void collect(struct arena *a)
{
    struct player *me = &a->players[0];
    static uint16_t asked[STARS]; /* versions that were asked for: once is enough, it is reliable */
    uint8_t m[4] = {'T'};
    int i;

    for (i = 0; i < STARS; i++) {
        float dx = a->stars[i].x - me->x, dy = a->stars[i].y - me->y;

        if (a->stars[i].version == 0 || asked[i] == a->stars[i].version || dx * dx + dy * dy > 4 * RADIUS * RADIUS)
            continue;
        asked[i] = a->stars[i].version;
        if (a->owner) {
            took(a, i, a->stars[i].version, 0);
            continue;
        }
        m[1] = (uint8_t)i;
        put16(m + 2, a->stars[i].version);
        musubi_broadcast(a->client, MUSUBI_RELIABLE_ORDERED, STAR, m, sizeof m, MUSUBI_SEND_NO_WAKE, NULL, 0);
    }
}

static void measure(struct arena *a, float seconds)
{
    int i;

    for (i = 1; i < PLAYERS; i++) {
        struct player *p = &a->players[i];
        uint64_t bytes;

        p->stats.struct_size = sizeof p->stats;
        if (!p->connected || musubi_peer_stats(a->client, p->peer, &p->stats) != MUSUBI_OK)
            continue;
        bytes = p->stats.bytes_sent + p->stats.bytes_received;
        p->rate = (uint32_t)((float)(bytes - p->bytes) / seconds);
        p->bytes = bytes;
    }
}

/* The frame's part for the network: take what came, move the world, tell where we are, wake the library once. */
void arena_step(struct arena *a, float seconds, float ax, float ay)
{
    static float since, looked;
    musubi_event events[64];
    float length = sqrtf(ax * ax + ay * ay);
    int32_t i, n;

    while ((n = musubi_poll(a->client, events, 64)) > 0)
        for (i = 0; i < n; i++)
            event(a, &events[i]);
    a->players[0].vx = length > 0 ? SPEED * ax / fmaxf(length, 1) : 0;
    a->players[0].vy = length > 0 ? SPEED * ay / fmaxf(length, 1) : 0;
    for (i = 0; i < PLAYERS; i++)
        if (a->players[i].used)
            move(&a->players[i], seconds);
    collect(a);
    if ((since += seconds) >= EVERY) {
        since = 0;
        state(a);
    }
    if ((looked += seconds) >= 0.5f) {
        measure(a, looked);
        looked = 0;
    }
    musubi_flush(a->client);
}

void arena_say(struct arena *a, const char *text)
{
    char m[LINE];

    snprintf(m, sizeof m, "C%.75s", text);
    musubi_broadcast(a->client, MUSUBI_RELIABLE_ORDERED, WORDS, m, (uint32_t)strlen(m), 0, NULL, 0);
    line(a, a->players[0].name, text);
}

/* One simulation at a time: a cut goes before a preset. */
static void simulate(struct arena *a)
{
    musubi_simulation out = {.struct_size = sizeof out}, in = {.struct_size = sizeof in};

    if (a->cut) {
        out.flags = in.flags = MUSUBI_SIMULATE_DIRECT_ONLY;
        out.loss_ppm = in.loss_ppm = 1000000;
    } else if (a->preset > 0)
        musubi_simulation_preset(arena_presets[a->preset], &out, &in);
    musubi_simulate(a->client, &out, &in);
}

void arena_preset(struct arena *a, int number)
{
    char text[LINE];

    a->preset = number;
    simulate(a);
    snprintf(text, sizeof text, "network: %s", arena_presets[number]);
    line(a, "", text);
}

void arena_cut(struct arena *a, int cut)
{
    a->cut = cut;
    simulate(a);
    line(a, "", cut ? "direct paths are cut" : "direct paths work again");
}

void arena_close(struct arena *a) { musubi_destroy(a->client); /* delivers what was sent, then says goodbye */ }
