/* LAN play without any server: one client hosts, another joins by address and code, both talk, wrong codes and dead addresses
 * are told. Everything over loopback: browsing, which broadcasts, is tested between network namespaces by core/node. */
#include "musubi.h"
#include "test.h"

static musubi_client make(void)
{
    musubi_config config = {.struct_size = sizeof config, .app = "lan-c", .bind = "127.0.0.1:0"};
    musubi_client client;

    CHECK_CODE(musubi_create(&config, &client), 0);
    return client;
}

/* Polls until an event of a kind comes, at most 10 s; its data is copied to text. */
static musubi_event await(musubi_client client, uint32_t kind, char *text, size_t room)
{
    uint64_t end = now_ns() + 10000000000u;
    musubi_event e;

    while (now_ns() < end) {
        musubi_wait(client, 50);
        while (musubi_poll(client, &e, 1) == 1) {
            if (e.kind != kind)
                continue;
            CHECK(e.data_size < room);
            memcpy(text, e.data, e.data_size);
            text[e.data_size] = 0;
            return e;
        }
    }
    fprintf(stderr, "no event %u within 10 s\n", kind);
    exit(1);
}

int main(void)
{
    musubi_client host = make(), guest = make();
    char code[64], wrong[64], text[64];
    musubi_event e;

    CHECK_CODE(musubi_connect(guest), 0); /* there is no server: an event says so, and the client stays usable */
    CHECK(await(guest, MUSUBI_EVENT_SERVER_LOST, text, sizeof text).code == MUSUBI_ERR_ADDRESS);

    CHECK_CODE(musubi_lan_host(host, 2, "arena", 5), 0);
    CHECK_CODE(musubi_lan_host(host, 2, NULL, 0), MUSUBI_ERR_ALREADY);
    await(host, MUSUBI_EVENT_ROOM_JOINED, code, sizeof code);

    strcpy(wrong, code);
    wrong[7] = wrong[7] == '0' ? '1' : '0';
    CHECK_CODE(musubi_lan_join(guest, "127.0.0.1", wrong), 0);
    CHECK(await(guest, MUSUBI_EVENT_ROOM_LEFT, text, sizeof text).code == MUSUBI_ERR_BAD_CODE);
    await(guest, MUSUBI_EVENT_SERVER_LOST, text, sizeof text);
    CHECK_CODE(musubi_lan_join(guest, "127.0.0.1:1", code), 0);
    CHECK(await(guest, MUSUBI_EVENT_ROOM_LEFT, text, sizeof text).code == MUSUBI_ERR_SERVER_UNREACHABLE);
    await(guest, MUSUBI_EVENT_SERVER_LOST, text, sizeof text);

    CHECK_CODE(musubi_lan_join(guest, "127.0.0.1", code), 0);
    e = await(guest, MUSUBI_EVENT_PEER_CONNECTED, text, sizeof text);
    CHECK_CODE(musubi_send(guest, e.peer, MUSUBI_RELIABLE_ORDERED, 0, "ping", 4, 0, 0), 0);
    await(host, MUSUBI_EVENT_MESSAGE, text, sizeof text);
    CHECK(strcmp(text, "ping") == 0);
    CHECK_CODE(musubi_destroy(host), 0);
    CHECK_CODE(musubi_destroy(guest), 0);
    printf("LAN play: hosted, joined, talked, without a server\n");
    return 0;
}
