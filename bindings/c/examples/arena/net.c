/* The network: a room by code, its members, chat, routes, figures and the simulator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bot.h"

const char *const net_presets[] = {"off", "wifi", "bad-wifi", "4g", "lossy", "satellite", NULL};
const char *const net_routes[] = {"NO ROUTE", "RELAY", "DIRECT LAN", "DIRECT IPv4", "DIRECT IPv6"};

static const struct { int32_t code; const char *text; } advice[] = {
    {MUSUBI_ERR_ADDRESS, "Give the line that the server prints, in quotes: 'musubi://HOST:PORT/#KEY'."},
    {MUSUBI_ERR_SERVER_UNREACHABLE, "Does `musubi server` run there, and may UDP come in at its port?"},
    {MUSUBI_ERR_SERVER_KEY, "An old address, or another server's: copy the line that the server prints now."},
    {MUSUBI_ERR_SERVER_VERSION, "The server has another version: build both from the same sources."},
    {MUSUBI_ERR_UNAUTHORIZED, "It wants access tokens; this game has none. Start it without --auth-key."},
    {MUSUBI_ERR_BAD_CODE, "Type the code that another player's window shows, or Enter for a new room."},
    {MUSUBI_ERR_ROOM_FULL, "Wait until somebody leaves, or press Enter for a new room."}};

static void problem(struct arena *a, int stage, int32_t code, const char *what, const char *then)
{
    size_t i;

    for (i = 0; i < sizeof advice / sizeof *advice; i++)
        if (advice[i].code == code)
            then = advice[i].text;
    a->stage = stage;
    snprintf(a->problem, sizeof a->problem, "%.*s", (int)strcspn(what, ";"), what); /* its first part has room on the screen */
    snprintf(a->advice, sizeof a->advice, "%s", then);
    fprintf(stderr, "arena: %s. %s\n", what, then);
}

static void line(struct arena *a, const struct player *p, const char *text)
{
    memmove(&a->chat[0], &a->chat[1], sizeof a->chat - sizeof *a->chat);
    a->chat[LINES - 1].who = (int)(p - a->players), a->chat[LINES - 1].born = a->tick;
    snprintf(a->chat[LINES - 1].text, LINE, "%s: %.75s", p->name, text);
}

static struct player *find(struct arena *a, musubi_peer peer) /* 0: a free place; NULL: nobody, or none */
{
    int i;

    for (i = 1; i < PLAYERS; i++)
        if (a->players[i].used ? a->players[i].peer == peer : peer == 0)
            return &a->players[i];
    return NULL;
}

void net_send(struct arena *a, musubi_peer to, uint32_t mode, uint32_t channel, const void *message, uint32_t size)
{
    if (to != 0)
        musubi_send(a->client, to, mode, channel, message, size, MUSUBI_SEND_NO_WAKE, 0);
    else
        musubi_broadcast(a->client, mode, channel, message, size, MUSUBI_SEND_NO_WAKE, NULL, 0);
}

static void words(struct arena *a, struct player *p, const musubi_event *e)
{
    const char *text = (const char *)e->data + 1; /* the library puts a zero byte behind it */
    char *s = p->name;

    if (e->data[0] == 'C')
        bot_hears(p, text), line(a, p, text);
    else if (e->data[0] == 'N' && e->data_size > 2)
        for (p->colour = (unsigned char)text[0] % PLAYERS, snprintf(s, NAME, "%.15s", text + 1); *s != 0; s++)
            *s = *s < ' ' || *s > '~' ? '?' : *s; /* it goes to a terminal */
}

static void of_player(struct arena *a, struct player *p, const musubi_event *e)
{
    char name[NAME + 2] = {'N', (char)('0' + a->players[0].colour)};

    switch (e->kind) {
    case MUSUBI_EVENT_PEER_CONNECTED:
        p->connected = 1;
        memcpy(name + 2, a->players[0].name, NAME);
        net_send(a, p->peer, MUSUBI_RELIABLE_ORDERED, WORDS, name, (uint32_t)strlen(name));
        world_stars(a, p->peer); /* fall through */
    case MUSUBI_EVENT_ROUTE_CHANGED:
        p->route = e->route % 5;
        printf("route %s, %s: %s\n", net_routes[p->route], p->name, e->text);
        break;
    case MUSUBI_EVENT_PEER_CLOSED:
    case MUSUBI_EVENT_MEMBER_LEFT:
        line(a, p, e->code == MUSUBI_ERR_REMOTE_CLOSED || e->text_size == 0 ? "(has left)" : e->text);
        p->used = p->connected = 0;
        break;
    case MUSUBI_EVENT_MESSAGE:
        if (e->channel == WORDS)
            words(a, p, e);
        else
            world_message(a, p, e->data, e->data_size);
        break;
    }
}

static void event(struct arena *a, const musubi_event *e)
{
    struct player *p = e->peer != 0 ? find(a, e->peer) : NULL;

    if (p != NULL && e->kind != MUSUBI_EVENT_OWNER_CHANGED)
        of_player(a, p, e);
    else if (e->kind == MUSUBI_EVENT_MEMBER_JOINED && (p = find(a, 0)) != NULL) {
        *p = (struct player){.used = 1, .peer = e->peer};
        snprintf(p->name, NAME, "player %u", (unsigned)(p - a->players) % PLAYERS + 1);
    } else if (e->kind == MUSUBI_EVENT_ROOM_JOINED) {
        a->stage = PLAYING, a->problem[0] = 0;
        a->players[0].colour = (int)((e->count - 1) % PLAYERS); /* by when one came */
        snprintf(a->code, sizeof a->code, "%.16s", (const char *)e->data);
        printf("room %s\n", a->code);
    }
    if ((e->kind == MUSUBI_EVENT_ROOM_JOINED || e->kind == MUSUBI_EVENT_OWNER_CHANGED) && e->peer == 0 && !a->owner)
        a->owner = 1, world_stars(a, 0);
    if (e->kind == MUSUBI_EVENT_FAILED || (e->kind == MUSUBI_EVENT_SERVER_LOST && a->stage != PLAYING))
        problem(a, OVER, e->code, e->text, "Start the game again.");
    else if (e->kind == MUSUBI_EVENT_ROOM_LEFT && a->stage == ENTERING)
        problem(a, MENU, e->code, e->text, "Press Enter for a new room.");
    else if ((e->kind == MUSUBI_EVENT_SERVER_LOST || e->kind == MUSUBI_EVENT_ROOM_LEFT) && a->stage == PLAYING && a->problem[0] == 0)
        problem(a, PLAYING, 0, e->text, "Directly connected players play on. Others: start the game again.");
    fflush(stdout);
}

void net_open(struct arena *a, const char *server, const char *name)
{
    musubi_config config = {.struct_size = sizeof config, .server = server, .app = "arena"};
    int32_t err = musubi_create(&config, &a->client);

    a->players[0] = (struct player){.used = 1, .connected = 1, .x = (float)(100 + rand() % (WIDTH - 200)), .y = (float)(100 + rand() % (HEIGHT - 200))};
    snprintf(a->players[0].name, NAME, "%.15s", name);
    if (err == MUSUBI_OK)
        err = musubi_connect(a->client);
    if (err != MUSUBI_OK)
        problem(a, OVER, err, musubi_strerror(err), "Start the game again.");
}

void net_enter(struct arena *a, const char *code)
{
    int32_t err = *code != 0 ? musubi_room_join(a->client, code) : musubi_room_create(a->client, PLAYERS, NULL, 0);

    a->stage = ENTERING;
    if (err != MUSUBI_OK)
        problem(a, MENU, err == MUSUBI_ERR_VALUE ? MUSUBI_ERR_BAD_CODE : err, musubi_strerror(err), "Try again.");
}

void net_step(struct arena *a)
{
    musubi_event e; /* a game with more traffic polls many at a time */
    int i;

    while (musubi_poll(a->client, &e, 1) == 1)
        event(a, &e);
    for (i = 1; a->tick % 12 == 0 && i < PLAYERS; i++) {
        struct player *p = &a->players[i];

        p->stats.struct_size = sizeof p->stats;
        if (!p->connected || musubi_peer_stats(a->client, p->peer, &p->stats) != MUSUBI_OK)
            continue;
        memmove(&p->graph[1], &p->graph[0], sizeof p->graph - sizeof *p->graph);
        p->graph[0].ms = (float)p->stats.rtt_us / 1000, p->graph[0].route = p->route;
    }
}

void net_say(struct arena *a, const char *text)
{
    char m[LINE];

    net_send(a, 0, MUSUBI_RELIABLE_ORDERED, WORDS, m, (uint32_t)snprintf(m, sizeof m, "C%.75s", text));
    line(a, &a->players[0], text);
}

/* The library simulates one thing at a time: a cut goes before a preset. */
void net_simulate(struct arena *a, int preset, int cut)
{
    musubi_simulation out = {.struct_size = sizeof out}, in = {.struct_size = sizeof in};

    if (cut != a->cut)
        printf("%s\n", cut ? "cut" : "healed"), fflush(stdout);
    a->preset = preset, a->cut = cut;
    if (cut)
        out.flags = in.flags = MUSUBI_SIMULATE_DIRECT_ONLY, out.loss_ppm = in.loss_ppm = 1000000;
    else if (preset > 0)
        musubi_simulation_preset(net_presets[preset], &out, &in);
    musubi_simulate(a->client, &out, &in);
}
