/* Rooms and users through the C API, each function with good and bad input and in the wrong state: options, lists, doors, passwords,
 * versions of the data, hand-over, kick, presence, invitations. Several clients of this process and a server on this machine.
 *   rooms_test MUSUBI */
#include <musubi.h>

#include "server.h"
#include "test.h"

static struct server server;

static musubi_client make(uint32_t flags)
{
    musubi_config config = {.struct_size = sizeof config, .server = server.address, .app = "rooms", .bind = "127.0.0.1:0"};
    musubi_client client;

    config.flags = flags | MUSUBI_CONFIG_NO_PORT_MAPPING;
    CHECK_CODE(musubi_create(&config, &client), 0);
    return client;
}

/* What is kept of an event. */
struct kept {
    musubi_event e;
    char data[512];
    char text[256];
};

/* Polls until an event of a kind comes. Others are thrown away. */
static struct kept await(musubi_client client, uint32_t kind)
{
    uint64_t end = now_ns() + 20000000000u;
    struct kept k;

    while (now_ns() < end) {
        CHECK(musubi_wait(client, 100) >= 0);
        while (musubi_poll(client, &k.e, 1) == 1) {
            if (k.e.kind != kind)
                continue;
            CHECK(k.e.data_size < sizeof k.data && k.e.text_size < sizeof k.text);
            memcpy(k.data, k.e.data, k.e.data_size + 1);
            memcpy(k.text, k.e.text, k.e.text_size + 1);
            return k;
        }
    }
    fprintf(stderr, "no event %u within 20 s\n", kind);
    exit(1);
}

/* The same, with a code; and a sentence, where it is a reason. */
static struct kept await_code(musubi_client client, uint32_t kind, int32_t code)
{
    struct kept k = await(client, kind);

    if (k.e.code != code)
        fprintf(stderr, "event %u: code %d, want %d: %s\n", kind, k.e.code, code, k.text);
    CHECK(k.e.code == code && (code >= 0 || kind == MUSUBI_EVENT_ROOM_DATA || kind == MUSUBI_EVENT_MEMBER_LEFT || strlen(k.text) >= 5));
    return k;
}

/* A removed player is out of the room, and its connection to who removed it is over. In either order: the owner's CLOSE and the
 * server's word come by different ways. */
static void await_removed(musubi_client client, const char *sentence)
{
    uint64_t end = now_ns() + 20000000000u;
    int left = 0, closed = 0;
    musubi_event e;

    while (!left || !closed) {
        CHECK(now_ns() < end && musubi_wait(client, 100) >= 0);
        while (musubi_poll(client, &e, 1) == 1) {
            if (e.kind != MUSUBI_EVENT_ROOM_LEFT && e.kind != MUSUBI_EVENT_PEER_CLOSED)
                continue;
            CHECK(e.code == MUSUBI_ERR_KICKED && e.text_size >= 5);
            CHECK(e.kind == MUSUBI_EVENT_PEER_CLOSED || strcmp(e.text, sentence) == 0);
            *(e.kind == MUSUBI_EVENT_ROOM_LEFT ? &left : &closed) += 1;
        }
    }
    CHECK(left == 1 && closed == 1);
}

static void bad_handle(musubi_client c)
{
    musubi_room_config room = {.struct_size = sizeof room};
    musubi_join_config join = {.struct_size = sizeof join};

    CHECK_CODE(musubi_room_create_with(c, &room), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_join_with(c, "EABC1234", &join), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_configure(c, MUSUBI_ROOM_LOCKED, 0, 0), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_set_data_if(c, 1, "x", 1), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_set_owner(c, 1), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_kick(c, 1, 0, NULL), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_admit(c, 1, 1, NULL), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_list(c, NULL, 0, NULL, 0, 0), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_user_query(c, "ann"), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_user_invite(c, "ann", NULL, 0), MUSUBI_ERR_HANDLE);
}

/* Structs of every wrong kind, with c in no room but linked. */
static void bad_structs(musubi_client c)
{
    static char large[MUSUBI_MAX_ROOM_DATA + 2];
    const musubi_room_config good = {.struct_size = sizeof good};
    const musubi_join_config fine = {.struct_size = sizeof fine};
    struct {
        musubi_room_config known;
        uint64_t later;
    } longer = {{.struct_size = sizeof longer}, 1};
    musubi_room_config r;
    musubi_join_config j;

    memset(large, 'x', sizeof large - 1);
    CHECK_CODE(musubi_room_create_with(c, NULL), MUSUBI_ERR_NULL);
    r = good, r.struct_size = 8;
    CHECK_CODE(musubi_room_create_with(c, &r), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_room_create_with(c, &longer.known), MUSUBI_ERR_SIZE);
    r = good, r.flags = MUSUBI_ROOM_PASSWORD;
    CHECK_CODE(musubi_room_create_with(c, &r), MUSUBI_ERR_VALUE);
    r = good, r.flags = 1u << 31;
    CHECK_CODE(musubi_room_create_with(c, &r), MUSUBI_ERR_VALUE);
    r = good, r.max_members = 1;
    CHECK_CODE(musubi_room_create_with(c, &r), MUSUBI_ERR_VALUE);
    r = good, r.max_members = MUSUBI_MAX_ROOM_MEMBERS + 1;
    CHECK_CODE(musubi_room_create_with(c, &r), MUSUBI_ERR_VALUE);
    r = good, r.size = 1;
    CHECK_CODE(musubi_room_create_with(c, &r), MUSUBI_ERR_NULL);
    r = good, r.data = large, r.size = MUSUBI_MAX_ROOM_DATA + 1;
    CHECK_CODE(musubi_room_create_with(c, &r), MUSUBI_ERR_TOO_LARGE);
    r = good, r.password = large;
    CHECK_CODE(musubi_room_create_with(c, &r), MUSUBI_ERR_TOO_LARGE);

    CHECK_CODE(musubi_room_join_with(c, NULL, &fine), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_room_join_with(c, "", &fine), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_join_with(c, large, &fine), MUSUBI_ERR_VALUE);
    j = fine, j.struct_size = 4;
    CHECK_CODE(musubi_room_join_with(c, "EABC1234", &j), MUSUBI_ERR_SIZE);
    j = fine, j.size = 1;
    CHECK_CODE(musubi_room_join_with(c, "EABC1234", &j), MUSUBI_ERR_NULL);
    j = fine, j.data = large, j.size = MUSUBI_MAX_REQUEST_DATA + 1;
    CHECK_CODE(musubi_room_join_with(c, "EABC1234", &j), MUSUBI_ERR_TOO_LARGE);
    j = fine, j.password = large;
    CHECK_CODE(musubi_room_join_with(c, "EABC1234", &j), MUSUBI_ERR_TOO_LARGE);
}

/* Arguments that are refused at once. c is linked; in a room or not. */
static void bad_arguments(musubi_client c)
{
    char text[MUSUBI_MAX_CLOSE_TEXT + 2], data[MUSUBI_MAX_ROOM_DATA + 1];

    memset(data, 'x', sizeof data);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    CHECK_CODE(musubi_room_configure(c, MUSUBI_ROOM_PASSWORD, 0, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_configure(c, 0, 64, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_configure(c, MUSUBI_ROOM_ASK, MUSUBI_ROOM_ASK, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_configure(c, 0, 0, 1), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_configure(c, 0, 0, 65), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_set_data_if(c, 1, NULL, 1), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_room_set_data_if(c, 1, data, sizeof data), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_room_set_owner(c, 0), MUSUBI_ERR_PEER);
    CHECK_CODE(musubi_room_set_owner(c, 77), MUSUBI_ERR_PEER);
    CHECK_CODE(musubi_room_kick(c, 77, 0, "out"), MUSUBI_ERR_PEER);
    CHECK_CODE(musubi_room_kick(c, 77, 2, "out"), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_kick(c, 77, 0, text), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_room_admit(c, 1, 2, NULL), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_admit(c, 1, 1, text), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_room_list(c, NULL, 1, NULL, 0, 0), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_room_list(c, NULL, 0, NULL, 1, 0), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_room_list(c, data, MUSUBI_MAX_LIST_PREFIX + 1, NULL, 0, 0), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_room_list(c, NULL, 0, data, MUSUBI_MAX_LIST_END + 1, 0), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_user_query(c, NULL), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_user_query(c, ""), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_user_query(c, text), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_user_invite(c, NULL, NULL, 0), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_user_invite(c, "ann", NULL, 1), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_user_invite(c, text, NULL, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_user_invite(c, "ann", data, MUSUBI_MAX_REQUEST_DATA + 1), MUSUBI_ERR_TOO_LARGE);
}

static void wrong_states(void)
{
    musubi_room_config room = {.struct_size = sizeof room};
    musubi_client c = make(0);

    CHECK_CODE(musubi_room_create_with(c, &room), MUSUBI_ERR_NOT_CONNECTED);
    CHECK_CODE(musubi_room_join_with(c, "EABC1234", NULL), MUSUBI_ERR_NOT_CONNECTED);
    CHECK_CODE(musubi_room_list(c, NULL, 0, NULL, 0, 0), MUSUBI_ERR_NOT_CONNECTED);
    CHECK_CODE(musubi_user_query(c, "ann"), MUSUBI_ERR_NOT_CONNECTED);
    CHECK_CODE(musubi_connect(c), 0);
    bad_structs(c);
    bad_arguments(c);
    CHECK_CODE(musubi_room_configure(c, MUSUBI_ROOM_LOCKED, 0, 0), MUSUBI_ERR_NOT_IN_ROOM);
    CHECK_CODE(musubi_room_set_data_if(c, 1, "x", 1), MUSUBI_ERR_NOT_IN_ROOM);
    CHECK_CODE(musubi_room_admit(c, 1, 1, NULL), MUSUBI_ERR_NOT_IN_ROOM);
    CHECK_CODE(musubi_user_invite(c, "ann", NULL, 0), MUSUBI_ERR_NOT_IN_ROOM);
    CHECK_CODE(musubi_room_create_with(c, &room), 0);
    CHECK_CODE(musubi_room_create_with(c, &room), MUSUBI_ERR_ALREADY);
    CHECK_CODE(musubi_room_join_with(c, "EABC1234", NULL), MUSUBI_ERR_ALREADY);
    await(c, MUSUBI_EVENT_ROOM_JOINED);
    bad_arguments(c);
    CHECK_CODE(musubi_room_admit(c, 12345, 1, NULL), 0); /* nobody asked */
    CHECK(await_code(c, MUSUBI_EVENT_REQUEST_FAILED, MUSUBI_ERR_PEER).e.count == MUSUBI_REQUEST_ADMIT);
    CHECK_CODE(musubi_room_list(c, NULL, 0, "short", 5, 0), 0); /* no page ended there */
    CHECK(await_code(c, MUSUBI_EVENT_REQUEST_FAILED, MUSUBI_ERR_VALUE).e.count == MUSUBI_REQUEST_LIST);
    CHECK_CODE(musubi_destroy(c), 0);
    bad_handle(c);
    bad_handle(0);
    bad_handle(UINT64_MAX);
}

/* A public room with a door and a password is found, and entered by who knows it. */
static void lobby(void)
{
    musubi_client host = make(0), guest = make(0), shy = make(MUSUBI_CONFIG_NO_INVITES);
    musubi_room_config room = {.struct_size = sizeof room, .flags = MUSUBI_ROOM_PUBLIC | MUSUBI_ROOM_ASK, .max_members = 3,
                               .data = "ctf;castle", .size = 10, .password = "sesame"};
    musubi_join_config join = {.struct_size = sizeof join, .password = "sesame", .data = "it is me", .size = 8};
    struct kept k, name, shy_name;
    char code[16];

    CHECK_CODE(musubi_connect(host), 0);
    CHECK_CODE(musubi_connect(guest), 0);
    CHECK_CODE(musubi_connect(shy), 0);
    name = await(guest, MUSUBI_EVENT_SERVER_CONNECTED);
    shy_name = await(shy, MUSUBI_EVENT_SERVER_CONNECTED);
    CHECK_CODE(musubi_room_create_with(host, &room), 0);
    strcpy(code, await(host, MUSUBI_EVENT_ROOM_JOINED).data);
    CHECK(await_code(host, MUSUBI_EVENT_ROOM_OPTIONS, 3).e.count == (room.flags | MUSUBI_ROOM_PASSWORD));
    CHECK(await(host, MUSUBI_EVENT_ROOM_DATA).e.count == 1);

    CHECK_CODE(musubi_room_list(guest, "ctf", 3, NULL, 0, 1), 0);
    k = await_code(guest, MUSUBI_EVENT_ROOM_LISTED, 3);
    CHECK(strcmp(k.text, code) == 0 && strcmp(k.data, "ctf;castle") == 0 && (uint32_t)k.e.count == 1 && k.e.count >> 32 == (room.flags | MUSUBI_ROOM_PASSWORD));
    k = await(guest, MUSUBI_EVENT_ROOM_LIST_END);
    CHECK(k.e.count == 1 && k.e.data_size == 0);
    CHECK_CODE(musubi_room_list(guest, "race", 4, NULL, 0, 0), 0);
    CHECK(await(guest, MUSUBI_EVENT_ROOM_LIST_END).e.count == 0);

    CHECK_CODE(musubi_user_query(host, name.text), 0);
    k = await(host, MUSUBI_EVENT_USER);
    CHECK(k.e.count == MUSUBI_USER_ONLINE && strcmp(k.data, name.text) == 0);
    CHECK_CODE(musubi_user_query(host, "nobody"), 0);
    CHECK(await(host, MUSUBI_EVENT_USER).e.count == MUSUBI_USER_OFFLINE);
    CHECK_CODE(musubi_user_invite(host, name.text, "red team", 8), 0);
    CHECK(strcmp(await_code(host, MUSUBI_EVENT_INVITE_RESULT, 0).data, name.text) == 0);
    k = await(guest, MUSUBI_EVENT_INVITED);
    CHECK(strcmp(k.text, code) == 0 && strncmp(k.data, "anon-", 5) == 0 && strcmp(k.data + strlen(k.data) + 1, "red team") == 0);
    CHECK_CODE(musubi_user_invite(host, shy_name.text, NULL, 0), 0);
    await_code(host, MUSUBI_EVENT_INVITE_RESULT, MUSUBI_ERR_REJECTED);
    CHECK_CODE(musubi_user_invite(host, "nobody", NULL, 0), 0);
    await_code(host, MUSUBI_EVENT_INVITE_RESULT, MUSUBI_ERR_USER_OFFLINE);

    CHECK_CODE(musubi_room_join(guest, code), 0); /* without the password */
    await_code(guest, MUSUBI_EVENT_ROOM_LEFT, MUSUBI_ERR_BAD_PASSWORD);
    CHECK_CODE(musubi_room_join_with(guest, code, &join), 0);
    k = await(host, MUSUBI_EVENT_JOIN_REQUEST);
    CHECK(strcmp(k.data, "it is me") == 0 && strcmp(k.text, name.text) == 0);
    CHECK_CODE(musubi_room_admit(host, k.e.count, 0, "later"), 0);
    CHECK(strcmp(await_code(guest, MUSUBI_EVENT_ROOM_LEFT, MUSUBI_ERR_REJECTED).text, "later") == 0);
    CHECK_CODE(musubi_room_join_with(guest, code, &join), 0);
    k = await(host, MUSUBI_EVENT_JOIN_REQUEST);
    CHECK_CODE(musubi_room_leave(guest), 0); /* changes its mind */
    CHECK(await(host, MUSUBI_EVENT_JOIN_WITHDRAWN).e.count == k.e.count);
    CHECK_CODE(musubi_room_join_with(guest, code, &join), 0);
    CHECK_CODE(musubi_room_admit(host, await(host, MUSUBI_EVENT_JOIN_REQUEST).e.count, 1, NULL), 0);
    CHECK(await(guest, MUSUBI_EVENT_ROOM_JOINED).e.count == 2);
    await(host, MUSUBI_EVENT_PEER_CONNECTED);
    await(guest, MUSUBI_EVENT_PEER_CONNECTED);

    join.password = "sesam";
    CHECK_CODE(musubi_room_join_with(shy, code, &join), 0);
    CHECK_CODE(musubi_room_admit(host, await(host, MUSUBI_EVENT_JOIN_REQUEST).e.count, 1, NULL), 0);
    await_code(shy, MUSUBI_EVENT_PEER_CLOSED, MUSUBI_ERR_BAD_PASSWORD);
    await_code(host, MUSUBI_EVENT_PEER_CLOSED, MUSUBI_ERR_BAD_PASSWORD);
    CHECK_CODE(musubi_destroy(shy), 0);
    CHECK_CODE(musubi_destroy(guest), 0);
    CHECK_CODE(musubi_destroy(host), 0);
}

/* What an owner does, and others may not. */
static void owning(void)
{
    musubi_client host = make(0), guest = make(0);
    musubi_room_config room = {.struct_size = sizeof room, .flags = MUSUBI_ROOM_SHARED};
    musubi_peer to_guest, to_host;
    struct kept k;
    char code[16];

    CHECK_CODE(musubi_connect(host), 0);
    CHECK_CODE(musubi_connect(guest), 0);
    CHECK_CODE(musubi_room_create_with(host, &room), 0);
    strcpy(code, await(host, MUSUBI_EVENT_ROOM_JOINED).data);
    CHECK_CODE(musubi_room_join_with(guest, code, NULL), 0);
    to_guest = await(host, MUSUBI_EVENT_PEER_CONNECTED).e.peer;
    to_host = await(guest, MUSUBI_EVENT_PEER_CONNECTED).e.peer;

    CHECK_CODE(musubi_room_set_data_if(guest, 1, "a", 1), 0); /* shared */
    k = await_code(host, MUSUBI_EVENT_ROOM_DATA, 0);
    CHECK(k.e.count == 2 && strcmp(k.data, "a") == 0);
    CHECK_CODE(musubi_room_set_data_if(host, 1, "b", 1), 0); /* too late */
    k = await_code(host, MUSUBI_EVENT_ROOM_DATA, MUSUBI_ERR_CONFLICT);
    CHECK(k.e.count == 2 && strcmp(k.data, "a") == 0);
    CHECK_CODE(musubi_room_set_data_if(host, 2, "b", 1), 0);
    CHECK(await_code(host, MUSUBI_EVENT_ROOM_DATA, 0).e.count == 3);

    CHECK_CODE(musubi_room_configure(guest, MUSUBI_ROOM_LOCKED, 0, 0), 0);
    CHECK(await_code(guest, MUSUBI_EVENT_REQUEST_FAILED, MUSUBI_ERR_NOT_OWNER).e.count == MUSUBI_REQUEST_CONFIGURE);
    CHECK_CODE(musubi_room_configure(host, MUSUBI_ROOM_LOCKED, MUSUBI_ROOM_SHARED, 2), 0);
    CHECK(await_code(guest, MUSUBI_EVENT_ROOM_OPTIONS, 2).e.count == MUSUBI_ROOM_LOCKED);
    CHECK_CODE(musubi_room_set_data(guest, "x", 1), 0);
    CHECK(await_code(guest, MUSUBI_EVENT_REQUEST_FAILED, MUSUBI_ERR_NOT_OWNER).e.count == MUSUBI_REQUEST_SET_DATA);
    CHECK_CODE(musubi_room_kick(guest, to_host, 0, NULL), 0);
    CHECK(await_code(guest, MUSUBI_EVENT_REQUEST_FAILED, MUSUBI_ERR_NOT_OWNER).e.peer == to_host);

    CHECK_CODE(musubi_room_set_owner(host, to_guest), 0);
    CHECK(await(guest, MUSUBI_EVENT_OWNER_CHANGED).e.peer == 0);
    CHECK(await(host, MUSUBI_EVENT_OWNER_CHANGED).e.peer == to_guest);
    CHECK_CODE(musubi_room_kick(guest, to_host, MUSUBI_KICK_BAN, "thanks"), 0);
    await_removed(host, "thanks");
    await_code(guest, MUSUBI_EVENT_MEMBER_LEFT, MUSUBI_ERR_KICKED);
    CHECK_CODE(musubi_room_configure(guest, 0, MUSUBI_ROOM_LOCKED, 0), 0);
    await(guest, MUSUBI_EVENT_ROOM_OPTIONS);
    CHECK_CODE(musubi_room_join(host, code), 0);
    await_code(host, MUSUBI_EVENT_ROOM_LEFT, MUSUBI_ERR_BANNED);
    CHECK_CODE(musubi_destroy(guest), 0);
    CHECK_CODE(musubi_destroy(host), 0);
}

/* Who requires post-quantum keys refuses whoever wants none, and connects to who has them. */
static void post_quantum(void)
{
    musubi_client strict = make(MUSUBI_CONFIG_REQUIRE_PQ), plain = make(MUSUBI_CONFIG_NO_PQ), usual = make(0);
    char code[16];

    CHECK_CODE(musubi_connect(strict), 0);
    CHECK_CODE(musubi_connect(plain), 0);
    CHECK_CODE(musubi_connect(usual), 0);
    CHECK_CODE(musubi_room_create(strict, 4, NULL, 0), 0);
    strcpy(code, await(strict, MUSUBI_EVENT_ROOM_JOINED).data);
    CHECK_CODE(musubi_room_join(plain, code), 0);
    await_code(strict, MUSUBI_EVENT_PEER_CLOSED, MUSUBI_ERR_PQ);
    await_code(plain, MUSUBI_EVENT_PEER_CLOSED, MUSUBI_ERR_REJECTED);
    CHECK_CODE(musubi_room_join(usual, code), 0);
    await(strict, MUSUBI_EVENT_PEER_CONNECTED);
    await(plain, MUSUBI_EVENT_PEER_CONNECTED);
    musubi_destroy(strict);
    musubi_destroy(plain);
    musubi_destroy(usual);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    server = server_start(argv[1]);
    wrong_states();
    lobby();
    owning();
    post_quantum();
    server_stop(&server);
    puts("rooms and users: held");
    return 0;
}
