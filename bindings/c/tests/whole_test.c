/* Calls about a whole client: batches and broadcasts, its figures, its identity, its description in words.
 *   whole_test MUSUBI */
#include <musubi.h>

#include "server.h"
#include "test.h"

enum { GUESTS = 3 };

static struct server server;
static musubi_client host, guests[GUESTS];
static musubi_peer to_guest[GUESTS];
static const char large_token[1000];

static musubi_client make(const char *address)
{
    musubi_config config = {.struct_size = sizeof config, .server = address, .app = "whole", .bind = "127.0.0.1:0"};
    musubi_client client;

    config.flags = MUSUBI_CONFIG_NO_PORT_MAPPING;
    config.send_budget = 64 << 10;
    CHECK_CODE(musubi_create(&config, &client), 0);
    return client;
}

/* Polls until an event of a kind comes; its data is copied to text, if that is wanted. */
static musubi_event await(musubi_client client, uint32_t kind, char *text)
{
    uint64_t end = now_ns() + 20000000000u;
    musubi_event e;

    while (now_ns() < end) {
        CHECK(musubi_wait(client, 100) >= 0);
        while (musubi_poll(client, &e, 1) == 1) {
            if (e.kind != kind)
                continue;
            if (text != NULL)
                strcpy(text, (const char *)e.data);
            return e;
        }
    }
    fprintf(stderr, "no event %u within 20 s\n", kind);
    exit(1);
}

static musubi_totals totals_of(musubi_client client)
{
    musubi_totals t = {.struct_size = sizeof t};

    CHECK_CODE(musubi_client_stats(client, &t), 0);
    return t;
}

static int says(musubi_client client, const char *words)
{
    static char text[16384];
    int32_t n = musubi_dump(client, text, sizeof text);

    CHECK(n > 0 && (size_t)n == strlen(text) && text[n - 1] == '\n');
    if (strstr(text, words) == NULL)
        fprintf(stderr, "%s", text);
    return strstr(text, words) != NULL;
}

static void bad_arguments(void)
{
    musubi_client c = make(server.address), gone = c + 1;
    musubi_totals t = {.struct_size = 4};
    musubi_message m = {.struct_size = sizeof m, .data = "x", .size = 1};
    musubi_peer refused[2];
    uint8_t key[MUSUBI_IDENTITY_SIZE];
    char text[8];

    CHECK_CODE(musubi_client_stats(gone, &t), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_client_stats(c, NULL), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_client_stats(c, &t), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_identity(gone, key, sizeof key), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_identity(c, NULL, sizeof key), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_identity(c, key, sizeof key - 1), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_dump(gone, text, sizeof text), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_dump(c, NULL, 1), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_send_batch(gone, &m, 1), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_send_batch(c, NULL, 1), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_send_batch(c, &m, 0x80000000u), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_send_batch(c, NULL, 0), 0);
    CHECK_CODE(musubi_send_batch(c, &m, 1), MUSUBI_ERR_PEER);
    m.struct_size = 0;
    CHECK_CODE(musubi_send_batch(c, &m, 1), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_broadcast(gone, 0, 0, "x", 1, 0, NULL, 0), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_broadcast(c, 0, 0, NULL, 1, 0, NULL, 0), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_broadcast(c, 0, 0, "x", 1, 0, NULL, 1), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_broadcast(c, 9, 0, "x", 1, 0, NULL, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_broadcast(c, 0, 0, "x", MUSUBI_MAX_RELIABLE + 1, 0, NULL, 0), MUSUBI_ERR_TOO_LARGE);
    refused[0] = 5;
    CHECK_CODE(musubi_broadcast(c, 0, 0, "x", 1, 0, refused, 2), 0); /* nobody is connected */
    CHECK(refused[0] == 0);
    CHECK_CODE(musubi_destroy(c), 0);
}

/* A text that does not fit is cut, ends in a zero byte, and its length is told. */
static void a_short_buffer(void)
{
    musubi_client c = make(server.address);
    char text[16];
    int32_t whole = musubi_dump(c, NULL, 0);

    memset(text, '#', sizeof text);
    CHECK(whole > 100 && musubi_dump(c, text, 10) == whole && strlen(text) == 9 && text[10] == '#');
    CHECK(musubi_dump(c, text, 1) == whole && text[0] == 0);
    CHECK(says(c, "advice: musubi_connect was not called"));
    CHECK_CODE(musubi_destroy(c), 0);
}

static void a_refused_link(void)
{
    musubi_client c = make(NULL);
    musubi_totals t;

    CHECK_CODE(musubi_connect(c), 0);
    await(c, MUSUBI_EVENT_SERVER_LOST, NULL);
    t = totals_of(c);
    CHECK(t.server == MUSUBI_SERVER_NONE && t.server_code == MUSUBI_ERR_ADDRESS && t.members == 0);
    CHECK(says(c, "server: not connected; the last link ended by -7"));
    CHECK_CODE(musubi_destroy(c), 0);
}

static void meet(void)
{
    char code[64];
    int i;

    host = make(server.address);
    CHECK_CODE(musubi_connect(host), 0);
    CHECK(totals_of(host).server != MUSUBI_SERVER_NONE);
    CHECK_CODE(musubi_room_create(host, 0, NULL, 0), 0);
    await(host, MUSUBI_EVENT_ROOM_JOINED, code);
    CHECK(says(host, "alone in the room"));
    for (i = 0; i < GUESTS; i++) {
        guests[i] = make(server.address);
        CHECK_CODE(musubi_connect(guests[i]), 0);
        CHECK_CODE(musubi_room_join(guests[i], code), 0);
        to_guest[i] = await(host, MUSUBI_EVENT_PEER_CONNECTED, NULL).peer;
        await(guests[i], MUSUBI_EVENT_PEER_CONNECTED, NULL);
    }
}

static void figures_and_words(void)
{
    musubi_totals t = totals_of(host);
    uint8_t a[MUSUBI_IDENTITY_SIZE + 8], b[MUSUBI_IDENTITY_SIZE];

    CHECK(t.server == MUSUBI_SERVER_CONNECTED && t.server_code == 0 && t.members == GUESTS + 1 && t.peers == GUESTS);
    CHECK(t.direct <= t.peers && t.packets_sent > 0 && t.bytes_sent > t.packets_sent && t.command_bytes == 512 << 10);
    CHECK(says(host, "server: connected\n") && says(host, "room: 4 members; 3 peers connected") && says(host, "RTT "));
    CHECK(says(host, "\nlink: up, server at 127.0.0.0/24 port ") && says(host, "relay leg of path 0 at ") && says(host, "search: this side "));
    CHECK(says(host, " probes, round trip ") && says(host, "  path ") && !says(host, "127.0.0.1 "));
    memset(a, 7, sizeof a);
    CHECK_CODE(musubi_identity(host, a, sizeof a), 0);
    CHECK_CODE(musubi_identity(guests[0], b, sizeof b), 0);
    CHECK(memcmp(a, b, sizeof b) != 0 && a[MUSUBI_IDENTITY_SIZE] == 7);
    CHECK_CODE(musubi_identity(host, b, sizeof b), 0);
    CHECK(memcmp(a, b, sizeof b) == 0);
}

/* A batch arrives in its order; it ends where a message is refused. */
static void batch(void)
{
    musubi_message m[64];
    char text[64];
    int i;

    for (i = 0; i < 64; i++)
        m[i] = (musubi_message){.struct_size = sizeof *m, .mode = MUSUBI_RELIABLE_ORDERED, .peer = to_guest[i % 2], .data = &"0123456789"[i % 10], .size = 1};
    CHECK_CODE(musubi_send_batch(host, m, 64), 64);
    for (i = 0; i < 64; i++) {
        CHECK(await(guests[i % 2], MUSUBI_EVENT_MESSAGE, text).data_size == 1);
        CHECK(text[0] == '0' + i % 10);
    }
    m[5].peer = 77;
    CHECK_CODE(musubi_send_batch(host, m, 64), 5);
    CHECK_CODE(musubi_send_batch(host, m + 5, 59), MUSUBI_ERR_PEER);
    for (i = 0; i < 5; i++)
        await(guests[i % 2], MUSUBI_EVENT_MESSAGE, NULL);
}

/* Everybody gets it, but one whose budget is full: that one is named, and told by WRITABLE. */
static void broadcast(void)
{
    static char large[40000];
    musubi_peer refused[GUESTS];
    char text[64];
    int i;

    CHECK_CODE(musubi_broadcast(host, MUSUBI_RELIABLE_ORDERED, 3, "all", 4, MUSUBI_SEND_URGENT, refused, GUESTS), GUESTS);
    CHECK(refused[0] == 0);
    for (i = 0; i < GUESTS; i++) {
        CHECK(await(guests[i], MUSUBI_EVENT_MESSAGE, text).channel == 3);
        CHECK(strcmp(text, "all") == 0);
    }
    CHECK_CODE(musubi_broadcast(host, MUSUBI_RELIABLE_ORDERED, 0, large, 100000, 0, NULL, 0), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_simulate(host, &(musubi_simulation){.struct_size = sizeof(musubi_simulation), .latency_us = 300000}, NULL), 0);
    CHECK_CODE(musubi_send(host, to_guest[1], MUSUBI_RELIABLE_ORDERED, 0, large, sizeof large, 0, 0), 0);
    CHECK_CODE(musubi_broadcast(host, MUSUBI_RELIABLE_ORDERED, 0, large, sizeof large / 2, 0, refused, GUESTS), GUESTS - 1);
    CHECK(refused[0] == to_guest[1] && refused[1] == 0);
    CHECK(await(host, MUSUBI_EVENT_WRITABLE, NULL).peer == to_guest[1]);
    CHECK_CODE(musubi_simulate(host, NULL, NULL), 0);
    for (i = 0; i < GUESTS; i++)
        CHECK(await(guests[i], MUSUBI_EVENT_MESSAGE, NULL).data_size == (i == 1 ? sizeof large : sizeof large / 2));
}

/* A server with auth = open checks no tokens, and says so; the link lives on. */
static void a_new_token(void)
{
    musubi_event e;

    CHECK_CODE(musubi_set_token(host, (const uint8_t *)"nonsense", 8), 0);
    e = await(host, MUSUBI_EVENT_TOKEN_SET, NULL);
    CHECK(e.code == MUSUBI_ERR_UNAUTHORIZED && strstr(e.text, "auth = open") != NULL);
    CHECK(totals_of(host).server == MUSUBI_SERVER_CONNECTED);
    CHECK_CODE(musubi_set_token(host, (const uint8_t *)large_token, sizeof large_token), 0);
    e = await(host, MUSUBI_EVENT_TOKEN_SET, NULL);
    CHECK(e.code == MUSUBI_ERR_TOO_LARGE && strstr(e.text, "1000 bytes: at most 900") != NULL);
}

static void part(void)
{
    int i;

    CHECK_CODE(musubi_room_leave(host), 0);
    await(host, MUSUBI_EVENT_ROOM_LEFT, NULL);
    CHECK(totals_of(host).members == 0);
    CHECK_CODE(musubi_disconnect(host), 0);
    CHECK(totals_of(host).server == MUSUBI_SERVER_NONE);
    CHECK_CODE(musubi_connect(host), 0);
    await(host, MUSUBI_EVENT_SERVER_CONNECTED, NULL);
    CHECK(totals_of(host).server == MUSUBI_SERVER_CONNECTED && says(host, "advice: in no room"));
    for (i = 0; i < GUESTS; i++)
        CHECK_CODE(musubi_destroy(guests[i]), 0);
    CHECK_CODE(musubi_destroy(host), 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    server = server_start(argv[1]);
    bad_arguments();
    a_short_buffer();
    a_refused_link();
    meet();
    figures_and_words();
    batch();
    broadcast();
    a_new_token();
    part();
    server_stop(&server);
    printf("batches, broadcasts, figures, identity, words\n");
    return 0;
}
