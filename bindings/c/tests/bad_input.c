/* Everything a game can do wrong with the API: each call must answer with a code, or an event with a sentence must follow,
 * and nothing may crash. Every function of the header is called at least once.
 *
 *     bad_input            what needs no server
 *     bad_input MUSUBI     also with a server, which it starts: MUSUBI is the path of the musubi program
 */
#include <limits.h>
#include <stddef.h>
#include <musubi.h>

#include "server.h"
#include "test.h"

static const musubi_client no_client = 0, odd_client = 0xdeadbeefcafe, far_client = UINT64_MAX;

static musubi_config config_for(const char *server)
{
    musubi_config config;

    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.server = server;
    return config;
}

static musubi_client client_for(const char *server)
{
    musubi_config config = config_for(server);
    musubi_client client = 0;

    CHECK_CODE(musubi_create(&config, &client), 0);
    CHECK(client != 0);
    return client;
}

/* Waits for an event of a kind and checks its code and that it says something. */
static void expect(musubi_client client, uint32_t kind, int32_t code)
{
    uint64_t end = now_ns() + 20000000000u;
    musubi_event e;

    while (now_ns() < end) {
        musubi_wait(client, 100);
        while (musubi_poll(client, &e, 1) == 1) {
            CHECK(e.data != NULL && e.text != NULL && e.data[e.data_size] == 0 && e.text[e.text_size] == 0);
            if (e.kind != kind)
                continue;
            printf("  event %u code %d: %s\n", e.kind, e.code, e.text);
            CHECK(e.code == code && (code == 0 || strlen(e.text) > 10));
            return;
        }
    }
    fprintf(stderr, "no event %u with code %d in 20 s\n", kind, code);
    exit(1);
}

static void bad_handles(musubi_client c)
{
    const char data[4] = "abc";
    musubi_stats stats = {.struct_size = sizeof stats};
    musubi_nat nat = {.struct_size = sizeof nat};
    musubi_event e[2];

    CHECK_CODE(musubi_destroy(c), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_connect(c), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_disconnect(c), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_create(c, 4, data, 4), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_join(c, "EABC1234"), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_leave(c), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_room_set_data(c, data, 4), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_peer_connect(c, 1, data, 4), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_peer_accept(c, 1), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_peer_reject(c, 1, "no"), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_peer_close(c, 1, 0, "bye"), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_peer_punch(c, 1), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_send(c, 1, 0, 0, data, 4, 0, 0), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_flush(c), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_poll(c, e, 2), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_wait(c, 1000), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_peer_stats(c, 1, &stats), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_nat_info(c, &nat), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_network_changed(c), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_suspend(c, 1000), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_resume(c), MUSUBI_ERR_HANDLE);
}

static void bad_configs(void)
{
    static char longer[4096];
    const char *addresses[] = {"", "musubi", "http://example.com", "musubi://", "musubi://host", "musubi://127.0.0.1:99999/#x",
                               "musubi://127.0.0.1:3478/#short", "musubi://[::1/#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    musubi_config good = config_for(NO_SERVER), c;
    musubi_client client = 7;
    unsigned i;

    memset(longer, 'x', sizeof longer - 1);
    CHECK_CODE(musubi_create(NULL, &client), MUSUBI_ERR_NULL);
    CHECK(client == 0);
    CHECK_CODE(musubi_create(&good, NULL), MUSUBI_ERR_NULL);
    c = good, c.struct_size = 0;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_SIZE);
    c = good, c.struct_size = offsetof(musubi_config, app_key) - 1; /* the first release's, less one */
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_SIZE);
    c = good, c.struct_size = UINT_MAX;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_SIZE);
    c = good, c.token = NULL, c.token_size = 1;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_NULL);
    c = good, c.token_size = 4;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_NULL);
    c = good, c.token = (const uint8_t *)longer, c.token_size = MUSUBI_MAX_TOKEN + 1;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_TOO_LARGE);
    c = good, c.server = longer;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_TOO_LARGE);
    c = good, c.app = longer;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_TOO_LARGE);
    c = good, c.user = longer;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_TOO_LARGE);
    c = good, c.flags = 1u << 31;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    c = good, c.flags = MUSUBI_CONFIG_NO_PQ | MUSUBI_CONFIG_REQUIRE_PQ;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    c = good, c.send_budget = 1;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    c = good, c.command_bytes = UINT_MAX;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    c = good, c.event_bytes = 4096;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    c = good, c.max_threads = 65;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    c = good, c.memory_mib = 1;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    c = good, c.idle_timeout_ms = 999;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    c = good, c.idle_timeout_ms = 600001;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    c = good, c.privacy = MUSUBI_PRIVACY_RELAY_ONLY + 1;
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    c = good, c.bind = "not an address";
    CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_VALUE);
    for (i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        c = good, c.server = addresses[i];
        CHECK_CODE(musubi_create(&c, &client), MUSUBI_ERR_ADDRESS);
    }
    CHECK(client == 0);
}

static void bad_arguments(void)
{
    static uint8_t large[MUSUBI_MAX_RELIABLE + 1];
    char text[MUSUBI_MAX_CLOSE_TEXT + 2];
    musubi_client c = client_for(NO_SERVER);
    musubi_stats stats = {.struct_size = sizeof stats};
    musubi_nat nat = {.struct_size = sizeof nat};
    const musubi_peer peers[] = {0, 1, UINT64_MAX, (uint64_t)1 << 32, 255, 256};
    musubi_event e;
    unsigned i;

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    CHECK_CODE(musubi_poll(c, NULL, 1), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_poll(c, &e, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_wait(c, 0), 0);
    CHECK_CODE(musubi_room_create(c, 4, NULL, 0), MUSUBI_ERR_NOT_CONNECTED);
    CHECK_CODE(musubi_room_join(c, "EABC1234"), MUSUBI_ERR_NOT_CONNECTED);
    CHECK_CODE(musubi_room_leave(c), MUSUBI_ERR_NOT_IN_ROOM);
    CHECK_CODE(musubi_room_set_data(c, "x", 1), MUSUBI_ERR_NOT_IN_ROOM);
    CHECK_CODE(musubi_disconnect(c), MUSUBI_ERR_NOT_CONNECTED);
    CHECK_CODE(musubi_lan_host(c, 1, NULL, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_lan_host(c, 65, NULL, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_lan_host(c, 4, NULL, 5), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_lan_host(c, 4, large, MUSUBI_MAX_LAN_DATA + 1), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_set_token(c, NULL, 1), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_set_token(c, large, MUSUBI_MAX_TOKEN + 1), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_set_token(c, NULL, 0), 0);
    CHECK_CODE(musubi_set_token(c, large, 3), 0);
    CHECK_CODE(musubi_set_certificate(c, NULL, 1), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_set_certificate(c, large, MUSUBI_MAX_CERTIFICATE + 1), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_set_certificate(c, large, MUSUBI_MAX_CERTIFICATE), 0);
    CHECK_CODE(musubi_set_token(c + 1, large, 3), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_set_certificate(c + 1, large, 3), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_lan_browse(c, 2), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_lan_browse(c, 0), 0);
    CHECK_CODE(musubi_lan_join(c, NULL, "L1234567"), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_lan_join(c, "192.168.1.5", NULL), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_lan_join(c, "", "L1234567"), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_lan_join(c, text, "L1234567"), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_lan_join(c, "192.168.1.5", ""), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_lan_join(c, "192.168.1.5", text), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_connect(c), 0);
    CHECK_CODE(musubi_lan_host(c, 4, NULL, 0), MUSUBI_ERR_ALREADY);
    CHECK_CODE(musubi_lan_join(c, "192.168.1.5", "L1234567"), MUSUBI_ERR_ALREADY);
    CHECK_CODE(musubi_connect(c), MUSUBI_ERR_ALREADY);
    CHECK_CODE(musubi_room_create(c, 1, NULL, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_create(c, 65, NULL, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_create(c, 4, NULL, 5), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_room_create(c, 4, large, MUSUBI_MAX_ROOM_DATA + 1), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_room_join(c, NULL), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_room_join(c, ""), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_join(c, text), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_room_set_data(c, NULL, 5), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_room_set_data(c, large, MUSUBI_MAX_ROOM_DATA + 1), MUSUBI_ERR_TOO_LARGE);
    for (i = 0; i < sizeof peers / sizeof *peers; i++) {
        CHECK_CODE(musubi_peer_connect(c, peers[i], "x", 1), MUSUBI_ERR_PEER);
        CHECK_CODE(musubi_peer_accept(c, peers[i]), MUSUBI_ERR_PEER);
        CHECK_CODE(musubi_peer_reject(c, peers[i], text), MUSUBI_ERR_PEER);
        CHECK_CODE(musubi_peer_close(c, peers[i], -1, text), MUSUBI_ERR_PEER);
        CHECK_CODE(musubi_peer_punch(c, peers[i]), MUSUBI_ERR_PEER);
        CHECK_CODE(musubi_send(c, peers[i], 0, 0, "x", 1, 0, 0), MUSUBI_ERR_PEER);
        CHECK_CODE(musubi_peer_stats(c, peers[i], &stats), MUSUBI_ERR_PEER);
    }
    CHECK_CODE(musubi_send(c, 1, 4, 0, "x", 1, 0, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_send(c, 1, 0, 256, "x", 1, 0, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_send(c, 1, 0, 0, "x", 1, 0x80, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_send(c, 1, 0, 0, "x", 1, 8, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_send(c, 1, 0, 0, "x", 1, 0x8000, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_send(c, 1, MUSUBI_RELIABLE_ORDERED, 0, "x", 1, 1u << MUSUBI_SEND_DEADLINE_SHIFT, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_send(c, 1, MUSUBI_RELIABLE_UNORDERED, 0, "x", 1, UINT_MAX, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_send(c, 1, MUSUBI_UNRELIABLE, 0, "x", 1, UINT_MAX, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_send(c, 1, MUSUBI_UNRELIABLE, 0, "x", 1, 0xffffu << MUSUBI_SEND_DEADLINE_SHIFT | MUSUBI_SEND_URGENT, 0),
               MUSUBI_ERR_PEER); /* the flags are good */
    CHECK_CODE(musubi_send(c, 1, MUSUBI_RELIABLE_ORDERED, 0, "x", 1, MUSUBI_SEND_LOW | MUSUBI_SEND_NO_WAKE, 0), MUSUBI_ERR_PEER);
    CHECK_CODE(musubi_send(c, 1, 0, 0, NULL, 1, 0, 0), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_send(c, 1, MUSUBI_RELIABLE_ORDERED, 0, large, MUSUBI_MAX_RELIABLE + 1, 0, 0), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_send(c, 1, MUSUBI_UNRELIABLE, 0, large, MUSUBI_MAX_UNRELIABLE + 1, 0, 0), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_send(c, 1, MUSUBI_UNRELIABLE, 0, large, UINT_MAX, 0, 0), MUSUBI_ERR_TOO_LARGE);
    CHECK_CODE(musubi_peer_stats(c, 1, NULL), MUSUBI_ERR_NULL);
    stats.struct_size = 3;
    CHECK_CODE(musubi_peer_stats(c, 1, &stats), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_nat_info(c, NULL), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_nat_info(c, &nat), 0);
    CHECK(nat.mapping == MUSUBI_NAT_UNKNOWN && nat.public_address[0] == 0);
    nat.struct_size = 4;
    CHECK_CODE(musubi_nat_info(c, &nat), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_network_changed(c), 0);
    CHECK_CODE(musubi_suspend(c, 0), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_suspend(c, MUSUBI_MAX_SUSPEND + 1), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_suspend(c, MUSUBI_MAX_SUSPEND), 0);
    CHECK_CODE(musubi_resume(c), 0);
    CHECK_CODE(musubi_resume(c), 0);
    CHECK_CODE(musubi_flush(c), 0);
    CHECK_CODE(musubi_disconnect(c), 0);
    CHECK_CODE(musubi_destroy(c), 0);
    bad_handles(c);
}

/* Every field of a simulation beyond its limit, and the limits themselves. */
static void bad_simulations(void)
{
    const musubi_simulation good = {.struct_size = sizeof good}, all = {
        sizeof all, MUSUBI_SIMULATE_KEEP_ORDER | MUSUBI_SIMULATE_DIRECT_ONLY, 1000000, 1000000, 60000000, 60000000, 1000000, 60000000, 1000000, 60000000, UINT_MAX, 1,
        1000000000000};
    musubi_client c = client_for(NO_SERVER);
    musubi_simulation s, t;
    unsigned i;

    CHECK_CODE(musubi_simulate(c, NULL, NULL), 0);
    CHECK_CODE(musubi_simulate(c, &good, &all), 0);
    s = good, s.struct_size = 8;
    CHECK_CODE(musubi_simulate(c, &s, NULL), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_simulate(c, NULL, &s), MUSUBI_ERR_SIZE);
    for (i = 0; i < 10; i++) {
        uint32_t *const fields[] = {&s.flags,       &s.loss_ppm,     &s.loss_burst,    &s.latency_us, &s.jitter_us,
                                    &s.reorder_ppm, &s.hold_back_us, &s.duplicate_ppm, &s.queue_us,   NULL};

        s = all;
        if (fields[i] != NULL)
            (*fields[i])++;
        else
            s.rate++;
        CHECK_CODE(musubi_simulate(c, &s, &good), MUSUBI_ERR_VALUE);
        CHECK_CODE(musubi_simulate(c, &good, &s), MUSUBI_ERR_VALUE);
    }
    s = good, s.loss_burst = 5, s.loss_ppm = 833333;
    CHECK_CODE(musubi_simulate(c, &s, NULL), 0);
    s.loss_ppm++;
    CHECK_CODE(musubi_simulate(c, &s, NULL), MUSUBI_ERR_VALUE);
    s = good, t = good;
    CHECK_CODE(musubi_simulation_preset(NULL, &s, &t), MUSUBI_ERR_NULL);
    CHECK_CODE(musubi_simulation_preset("marble", &s, &t), MUSUBI_ERR_VALUE);
    CHECK_CODE(musubi_simulation_preset("4g", NULL, NULL), 0);
    CHECK_CODE(musubi_simulation_preset("4g", &s, &t), 0);
    CHECK(s.latency_us == 25000 && s.rate == 8000000 && t.rate == 20000000 && s.struct_size == sizeof s && t.struct_size == sizeof t);
    CHECK_CODE(musubi_simulate(c, &s, &t), 0);
    s.struct_size = 0;
    CHECK_CODE(musubi_simulation_preset("4g", &s, &t), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_simulation_preset("4g", &t, &s), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_destroy(c), 0);
    CHECK_CODE(musubi_simulate(c, NULL, NULL), MUSUBI_ERR_HANDLE);
}

/* A program compiled with a later header, whose structs are longer: what it doesn't use of them must not matter, what it
 * uses and this library doesn't know must be refused, and what it wants to know stays as it was. */
static void later_headers(void)
{
    struct {
        musubi_config known;
        uint64_t later;
    } config = {config_for(NO_SERVER), 0};
    struct {
        musubi_simulation known;
        uint64_t later;
    } network = {{.struct_size = sizeof network}, 0};
    struct {
        musubi_nat known;
        uint64_t later;
    } nat = {{.struct_size = sizeof nat, .mapping = 99}, 7};
    struct {
        musubi_totals known;
        uint64_t later;
    } totals = {{.struct_size = sizeof totals, .command_bytes = 0}, 7};
    musubi_client c = 0;

    config.known.struct_size = sizeof config;
    config.later = 1;
    CHECK_CODE(musubi_create(&config.known, &c), MUSUBI_ERR_SIZE);
    config.later = 0;
    CHECK_CODE(musubi_create(&config.known, &c), 0);
    CHECK_CODE(musubi_simulate(c, &network.known, NULL), 0);
    network.later = (uint64_t)1 << 63;
    CHECK_CODE(musubi_simulate(c, &network.known, NULL), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_simulate(c, NULL, &network.known), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_simulation_preset("4g", &network.known, NULL), 0);
    CHECK(network.known.latency_us == 25000 && network.known.struct_size == sizeof network && network.later == (uint64_t)1 << 63);
    CHECK_CODE(musubi_nat_info(c, &nat.known), 0);
    CHECK(nat.known.mapping == MUSUBI_NAT_UNKNOWN && nat.known.struct_size == sizeof nat && nat.later == 7);
    CHECK_CODE(musubi_client_stats(c, &totals.known), 0);
    CHECK(totals.known.command_bytes != 0 && totals.known.struct_size == sizeof totals && totals.later == 7);
    CHECK_CODE(musubi_destroy(c), 0);
}

static void too_many_clients(void)
{
    musubi_client clients[MUSUBI_MAX_CLIENTS], one_more;
    musubi_config config = config_for(NO_SERVER);
    int i;

    for (i = 0; i < MUSUBI_MAX_CLIENTS; i++)
        clients[i] = client_for(NO_SERVER);
    CHECK_CODE(musubi_create(&config, &one_more), MUSUBI_ERR_LIMIT);
    for (i = 0; i < MUSUBI_MAX_CLIENTS; i++)
        CHECK_CODE(musubi_destroy(clients[i]), 0);
    one_more = client_for(NO_SERVER);
    CHECK(one_more != clients[0]); /* the same slot, another generation */
    bad_handles(clients[0]);
    CHECK_CODE(musubi_destroy(one_more), 0);
}

static void address_in_use(void)
{
    musubi_config config = config_for(NO_SERVER);
    musubi_client c;

    config.bind = "203.0.113.99:1"; /* not ours */
    CHECK_CODE(musubi_create(&config, &c), 0);
    expect(c, MUSUBI_EVENT_FAILED, MUSUBI_ERR_FAILED);
    CHECK_CODE(musubi_connect(c), MUSUBI_ERR_FAILED);
    CHECK_CODE(musubi_destroy(c), 0);
}

static void server_down(void)
{
    musubi_client c = client_for(NO_SERVER);

    CHECK_CODE(musubi_connect(c), 0);
    CHECK_CODE(musubi_room_join(c, "EABC1234"), 0);
    CHECK_CODE(musubi_room_join(c, "EABC1234"), MUSUBI_ERR_ALREADY);
    expect(c, MUSUBI_EVENT_SERVER_LOST, MUSUBI_ERR_SERVER_UNREACHABLE);
    CHECK_CODE(musubi_room_join(c, "EABC1234"), MUSUBI_ERR_NOT_CONNECTED);
    CHECK_CODE(musubi_connect(c), 0); /* it may be tried again */
    CHECK_CODE(musubi_destroy(c), 0);
}

static void wrong_key(const char *address)
{
    char wrong[512], *key;
    musubi_client c;

    snprintf(wrong, sizeof wrong, "%s", address);
    key = strchr(wrong, '#');
    CHECK(key != NULL);
    key[1] = key[1] == 'Q' ? 'R' : 'Q';
    c = client_for(wrong);
    CHECK_CODE(musubi_connect(c), 0);
    expect(c, MUSUBI_EVENT_SERVER_LOST, MUSUBI_ERR_SERVER_KEY);
    CHECK_CODE(musubi_destroy(c), 0);
}

static void wrong_code_then_two_rooms(const char *address)
{
    musubi_client c = client_for(address);

    CHECK_CODE(musubi_connect(c), 0);
    expect(c, MUSUBI_EVENT_SERVER_CONNECTED, 0);
    CHECK_CODE(musubi_room_join(c, "EZZZZZZZ"), 0);
    expect(c, MUSUBI_EVENT_ROOM_LEFT, MUSUBI_ERR_BAD_CODE);
    CHECK_CODE(musubi_room_join(c, "!?"), 0);
    expect(c, MUSUBI_EVENT_ROOM_LEFT, MUSUBI_ERR_BAD_CODE);
    CHECK_CODE(musubi_room_create(c, 4, "data", 4), 0);
    CHECK_CODE(musubi_room_create(c, 4, "data", 4), MUSUBI_ERR_ALREADY);
    expect(c, MUSUBI_EVENT_ROOM_JOINED, 0);
    CHECK_CODE(musubi_room_join(c, "EABC1234"), MUSUBI_ERR_ALREADY);
    CHECK_CODE(musubi_connect(c), MUSUBI_ERR_ALREADY);
    CHECK_CODE(musubi_room_leave(c), 0);
    expect(c, MUSUBI_EVENT_ROOM_LEFT, MUSUBI_ERR_CLOSED);
    CHECK_CODE(musubi_room_leave(c), MUSUBI_ERR_NOT_IN_ROOM);
    CHECK_CODE(musubi_disconnect(c), 0);
    CHECK_CODE(musubi_disconnect(c), MUSUBI_ERR_NOT_CONNECTED);
    CHECK_CODE(musubi_destroy(c), 0);
}

int main(int argc, char **argv)
{
    CHECK(musubi_abi_version() == MUSUBI_ABI_VERSION);
    CHECK(strcmp(musubi_version(), MUSUBI_VERSION) == 0);
    CHECK(strcmp(musubi_strerror(0), "ok") == 0);
    CHECK(strcmp(musubi_strerror(12345), "unknown code") == 0);
    bad_handles(no_client);
    bad_handles(odd_client);
    bad_handles(far_client);
    bad_handles((uint64_t)1 << 32 | 1);
    bad_handles(1); /* of slots that were never used */
    bad_handles(MUSUBI_MAX_CLIENTS);
    bad_configs();
    bad_arguments();
    bad_simulations();
    later_headers();
    too_many_clients();
    address_in_use();
    server_down();
    if (argc > 1) {
        struct server server = server_start(argv[1]);

        wrong_key(server.address);
        wrong_code_then_two_rooms(server.address);
        server_stop(&server);
    }
    printf("bad input: an answer to everything%s\n", argc > 1 ? "" : " (without a server)");
    return 0;
}
