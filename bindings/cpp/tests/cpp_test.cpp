// The C++ binding against the real library and a server on this machine: ownership, every call, messages both ways, no
// allocation. Built without exceptions and RTTI.   cpp_test MUSUBI
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <musubi.hpp>
#include <new>
#include <string>
#include <vector>

#include "../../c/tests/server.h"

// Everything that operator new hands out is counted. Not inlined: GCC would take the pair of malloc and delete for a mistake.
static std::atomic<unsigned long> allocations;

__attribute__((noinline)) void *operator new(std::size_t size)
{
    allocations++;
    void *p = std::malloc(size);
    if (p == nullptr)
        std::abort();
    return p;
}
__attribute__((noinline)) void operator delete(void *p) noexcept { std::free(p); }
__attribute__((noinline)) void operator delete(void *p, std::size_t) noexcept { std::free(p); }

using musubi::Client;
using musubi::Mode;
using musubi::Result;

static_assert(!std::is_copy_constructible_v<Client> && !std::is_copy_assignable_v<Client>, "clients don't copy");
static_assert(std::is_nothrow_move_constructible_v<Client> && std::is_nothrow_move_assignable_v<Client>, "they move");
static_assert(sizeof(musubi::Stats) == sizeof(musubi_stats) && sizeof(musubi::Config) == sizeof(musubi_config), "no members added");
static_assert(musubi::deadline(50) == 50u << 16, "deadline");

static Client make(const char *server, uint32_t flags = 0)
{
    musubi::Config config(server);
    Result why;
    config.app = "cpp-test";
    config.bind = "127.0.0.1:0";
    config.flags = flags | MUSUBI_CONFIG_NO_PORT_MAPPING;
    Client c = Client::create(config, why);
    CHECK(why && c);
    return c;
}

// What a test looks at of an event that has gone.
struct Kept {
    int32_t code;
    musubi_peer peer;
    uint64_t count;
    std::string data, text;
};

// Polls until an event of a kind comes. What comes before it is of no interest.
static Kept await(const Client &c, uint32_t kind)
{
    const uint64_t end = now_ns() + 20000000000u;
    while (now_ns() < end) {
        musubi_event e;
        while (c.poll(&e, 1).code() == 1)
            if (e.kind == kind) {
                const musubi::Event v(e);
                return {v.code(), v.peer(), v.count(), std::string(v.data().text()), std::string(v.text())};
            }
        CHECK(c.wait(100));
    }
    std::fprintf(stderr, "no event %u within 20 s\n", kind);
    std::exit(1);
}

static void views()
{
    const std::vector<uint16_t> numbers{1, 2, 3};
    const std::array<uint8_t, 4> bytes{9, 8, 7, 6};
    const musubi::View v = bytes;
    int sum = 0;
    for (uint8_t b : v)
        sum += b;
    CHECK(sum == 30 && v[1] == 8 && v.size() == 4 && !v.empty());
    CHECK(musubi::View(numbers).size() == 6 && musubi::View("abc").size() == 3 && musubi::View(std::string("abcd")).text() == "abcd");
    CHECK(musubi::View().empty() && musubi::View().data() == nullptr);
}

static void ownership()
{
    Client none;
    CHECK(!none && none.connect().code() == MUSUBI_ERR_HANDLE && none.simulate("wifi").code() == MUSUBI_ERR_HANDLE);
    for (musubi::Event e : none.poll())
        CHECK(e.kind() == MUSUBI_EVENT_NONE);

    Client a = make(NO_SERVER);
    const musubi_client handle = a.handle();
    Client b = std::move(a);
    CHECK(!a && b.handle() == handle && a.flush().code() == MUSUBI_ERR_HANDLE && b.flush());
    a = std::move(b);
    CHECK(a.handle() == handle && !b);
    Client &same = a;
    a = std::move(same);
    CHECK(a.handle() == handle);
    a.reset();
    a.reset();
    CHECK(!a && musubi_flush(handle) == MUSUBI_ERR_HANDLE);

    Result why;
    CHECK(!Client::create(musubi::Config("nonsense"), why) && why.code() == MUSUBI_ERR_ADDRESS && std::strlen(why.text()) > 5);
    CHECK(!Client::create(musubi::Config(NO_SERVER), why, nullptr) && why.code() == MUSUBI_ERR_VERSION);
    musubi_api old = *musubi::linked();
    old.event_size = 48;
    CHECK(!Client::create(musubi::Config(NO_SERVER), why, &old) && why.code() == MUSUBI_ERR_VERSION);
}

// An engine that loads the library by hand, with one symbol.
static void loaded_by_hand(const char *library)
{
    void *so = dlopen(library, RTLD_NOW);
    const musubi_api *(*get_api)(uint32_t);
    CHECK(so != nullptr);
    void *symbol = dlsym(so, "musubi_get_api");
    std::memcpy(&get_api, &symbol, sizeof get_api);
    Result why;
    const Client c = Client::create(musubi::Config(NO_SERVER), why, get_api(MUSUBI_ABI_VERSION));
    CHECK(c && c.connect());
}

static void refusals(const char *server)
{
    const Client c = make(server);
    musubi::Stats stats;
    musubi::Nat nat;
    CHECK(c.room_join("ABCD").code() == MUSUBI_ERR_NOT_CONNECTED);
    CHECK(std::strcmp(c.room_join("ABCD").text(), "not connected") == 0);
    CHECK(c.room_leave().code() == MUSUBI_ERR_NOT_IN_ROOM && c.room_set_data("x").code() == MUSUBI_ERR_NOT_IN_ROOM);
    CHECK(c.disconnect().code() == MUSUBI_ERR_NOT_CONNECTED);
    CHECK(c.room_create(musubi::RoomConfig(0, "x", "sesame")).code() == MUSUBI_ERR_NOT_CONNECTED);
    CHECK(c.room_join("EABC1234", musubi::JoinConfig("sesame")).code() == MUSUBI_ERR_NOT_CONNECTED);
    CHECK(c.room_list().code() == MUSUBI_ERR_NOT_CONNECTED && c.user_query("ann").code() == MUSUBI_ERR_NOT_CONNECTED);
    CHECK(c.room_configure(MUSUBI_ROOM_LOCKED).code() == MUSUBI_ERR_NOT_IN_ROOM && c.room_set_data_if(1, "x").code() == MUSUBI_ERR_NOT_IN_ROOM);
    CHECK(c.room_set_owner(5).code() == MUSUBI_ERR_PEER && c.room_kick(5).code() == MUSUBI_ERR_PEER);
    CHECK(c.room_admit(5).code() == MUSUBI_ERR_NOT_IN_ROOM && c.user_invite("ann").code() == MUSUBI_ERR_NOT_IN_ROOM);
    CHECK(c.peer_connect(5).code() == MUSUBI_ERR_PEER && c.peer_accept(5).code() == MUSUBI_ERR_PEER);
    CHECK(c.peer_reject(5).code() == MUSUBI_ERR_PEER && c.peer_close(5).code() == MUSUBI_ERR_PEER);
    CHECK(c.peer_punch(5).code() == MUSUBI_ERR_PEER && c.peer_stats(5, stats).code() == MUSUBI_ERR_PEER);
    CHECK(c.send(5, Mode::unreliable, 0, "x").code() == MUSUBI_ERR_PEER);
    CHECK(c.send(5, Mode::unreliable, 256, "x").code() == MUSUBI_ERR_VALUE);
    CHECK(c.send(5, Mode::unreliable, 0, {"x", std::size_t{1} << 33}).code() == MUSUBI_ERR_TOO_LARGE);
    CHECK(c.nat_info(nat) && c.network_changed() && c.suspend(0).code() == MUSUBI_ERR_VALUE && c.resume());
    CHECK(c.simulate("nowhere").code() == MUSUBI_ERR_VALUE && c.simulate("dsl") && c.simulate(nullptr, nullptr));
    CHECK(c.lan_browse() && c.lan_browse(false) && c.lan_join("", "").code() == MUSUBI_ERR_VALUE);
    CHECK(c.lan_host(1).code() == MUSUBI_ERR_VALUE);
}

static void reset_inside_the_loop(const char *server)
{
    Client c = make(server);
    int n = 0;
    CHECK(c.connect() && c.wait(10000).code() == 1);
    for (musubi::Event e : c.poll()) {
        n += e.kind() != MUSUBI_EVENT_NONE;
        c.reset();
    }
    CHECK(n == 1);
}

// Both ways, every mode, sizes up to the largest; then many small ones, which must not allocate.
static void messages(const char *server)
{
    const Client a = make(server), b = make(server);
    CHECK(a.connect() && a.room_create(2, "map 1"));
    const std::string code = await(a, MUSUBI_EVENT_ROOM_JOINED).data;
    CHECK(b.connect() && b.room_join(code.c_str()));
    CHECK(await(b, MUSUBI_EVENT_ROOM_DATA).data == "map 1");
    const musubi_peer to_b = await(a, MUSUBI_EVENT_PEER_CONNECTED).peer, to_a = await(b, MUSUBI_EVENT_PEER_CONNECTED).peer;

    for (std::size_t size : {std::size_t{1}, std::size_t{1200}, std::size_t{20000}, std::size_t{MUSUBI_MAX_RELIABLE}})
        for (Mode mode : {Mode::reliable_ordered, Mode::reliable_unordered}) {
            std::string data(size, 'm');
            data[size / 2] = 'x';
            CHECK(a.send(to_b, mode, 7, data, MUSUBI_SEND_HIGH, 99) && b.send(to_a, mode, 8, data));
            CHECK(await(b, MUSUBI_EVENT_MESSAGE).data == data && await(a, MUSUBI_EVENT_MESSAGE).data == data);
        }
    for (Mode mode : {Mode::unreliable, Mode::unreliable_sequenced}) {
        CHECK(b.send(to_a, mode, 0, "state", MUSUBI_SEND_URGENT | musubi::deadline(5000)));
        CHECK(await(a, MUSUBI_EVENT_MESSAGE).data == "state");
    }

    const unsigned long before = allocations;
    uint32_t sent = 0, got = 0, received = 0;
    while (got < 20000) {
        for (; sent < 20000 && sent < got + 500; sent++)
            if (!a.send(to_b, Mode::reliable_ordered, 0, {&sent, sizeof sent}, MUSUBI_SEND_NO_WAKE))
                break;
        CHECK(a.flush() && b.wait(1000));
        for (musubi::Event e : b.poll())
            if (e.kind() == MUSUBI_EVENT_MESSAGE) {
                std::memcpy(&received, e.data().data(), sizeof received);
                CHECK(received == got++ && e.peer() == to_a && e.mode() == Mode::reliable_ordered && e.channel() == 0);
            }
        for (musubi::Event e : a.poll())
            CHECK(e.kind() != MUSUBI_EVENT_PEER_CLOSED);
    }
    std::printf("20000 messages, %lu allocations\n", allocations - before);
    CHECK(allocations == before);

    const musubi::Message batch[] = {{to_b, Mode::reliable_ordered, 1, "one"}, {to_b, Mode::reliable_ordered, 1, "two"}, {77, Mode::unreliable, 0, "x"}};
    CHECK(a.send_batch(batch, 3).code() == 2 && a.send_batch(batch + 2, 1).code() == MUSUBI_ERR_PEER);
    CHECK(await(b, MUSUBI_EVENT_MESSAGE).data == "one" && await(b, MUSUBI_EVENT_MESSAGE).data == "two");
    CHECK(a.broadcast(Mode::reliable_unordered, 2, "all").code() == 1 && await(b, MUSUBI_EVENT_MESSAGE).data == "all");

    musubi::Totals totals;
    uint8_t mine[MUSUBI_IDENTITY_SIZE], theirs[MUSUBI_IDENTITY_SIZE];
    char words[4096];
    CHECK(a.stats(totals) && totals.server == MUSUBI_SERVER_CONNECTED && totals.peers == 1 && totals.members == 2);
    CHECK(a.identity(mine) && b.identity(theirs) && std::memcmp(mine, theirs, sizeof mine) != 0);
    CHECK(a.dump(words, sizeof words) && std::strstr(words, "1 peers connected") != nullptr);

    musubi::Stats stats;
    CHECK(a.peer_stats(to_b, stats) && stats.packets_sent > 0);
    CHECK(a.peer_close(to_b, 42, "over"));
    const Kept closed = await(b, MUSUBI_EVENT_PEER_CLOSED);
    CHECK(closed.code == 42 && closed.text.find("over") != std::string::npos);
}

// A lobby: a public room with a password and a door, found by its list; presence, an invitation, hand-over, kick.
static void rooms(const char *server)
{
    const Client a = make(server), b = make(server);
    CHECK(a.connect() && a.room_create(musubi::RoomConfig(MUSUBI_ROOM_PUBLIC | MUSUBI_ROOM_ASK, "cpp lobby", "sesame")));
    const std::string code = await(a, MUSUBI_EVENT_ROOM_JOINED).data;
    CHECK(await(a, MUSUBI_EVENT_ROOM_OPTIONS).count == (MUSUBI_ROOM_PUBLIC | MUSUBI_ROOM_ASK | MUSUBI_ROOM_PASSWORD));
    CHECK(b.connect());
    const std::string name = await(b, MUSUBI_EVENT_SERVER_CONNECTED).text;
    CHECK(b.room_list("cpp"));
    const Kept listed = await(b, MUSUBI_EVENT_ROOM_LISTED);
    CHECK(listed.text == code && listed.data == "cpp lobby" && static_cast<uint32_t>(listed.count) == 1);
    CHECK(await(b, MUSUBI_EVENT_ROOM_LIST_END).data.empty());
    CHECK(a.user_query(name.c_str()) && await(a, MUSUBI_EVENT_USER).count == MUSUBI_USER_ONLINE);
    CHECK(a.user_invite(name.c_str(), "come") && await(a, MUSUBI_EVENT_INVITE_RESULT).code == 0);
    CHECK(await(b, MUSUBI_EVENT_INVITED).text == code);
    CHECK(b.room_join(code.c_str(), musubi::JoinConfig("sesame", "it is me")));
    const Kept knock = await(a, MUSUBI_EVENT_JOIN_REQUEST);
    CHECK(knock.data == "it is me" && knock.text == name && a.room_admit(knock.count));
    CHECK(await(b, MUSUBI_EVENT_ROOM_JOINED).count == 2);
    const musubi_peer to_b = await(a, MUSUBI_EVENT_PEER_CONNECTED).peer, to_a = await(b, MUSUBI_EVENT_PEER_CONNECTED).peer;
    CHECK(a.room_set_data_if(7, "x") && await(a, MUSUBI_EVENT_ROOM_DATA).code == MUSUBI_ERR_CONFLICT);
    CHECK(a.room_configure(MUSUBI_ROOM_LOCKED, MUSUBI_ROOM_PUBLIC, 2) && await(b, MUSUBI_EVENT_ROOM_OPTIONS).code == 2);
    CHECK(a.room_set_owner(to_b) && await(b, MUSUBI_EVENT_OWNER_CHANGED).peer == 0);
    CHECK(a.room_kick(to_b) && await(a, MUSUBI_EVENT_REQUEST_FAILED).code == MUSUBI_ERR_NOT_OWNER);
    CHECK(b.room_kick(to_a, MUSUBI_KICK_BAN, "thanks") && await(a, MUSUBI_EVENT_ROOM_LEFT).text == "thanks");
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    server s = server_start(argv[1]);
    views();
    ownership();
    loaded_by_hand(argv[2]);
    refusals(s.address);
    reset_inside_the_loop(s.address);
    messages(s.address);
    rooms(s.address);
    server_stop(&s);
    return 0;
}
