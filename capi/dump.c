/* musubi_dump: everything that the slot shows, in words, and what the owner has to tell. Written with snprintf into the caller's memory; what does not fit is
 * counted only. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "internal.h"

struct out {
    char *text;
    uint32_t size; /* bytes of text */
    uint32_t used; /* bytes that the whole text takes so far */
};

static void put(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct out *o, const char *format, ...)
{
    uint32_t left = o->used < o->size ? o->size - o->used : 0;
    va_list list;
    int n;

    va_start(list, format);
    n = vsnprintf(left > 0 ? o->text + o->used : NULL, left, format, list);
    va_end(list);
    o->used += n > 0 ? (uint32_t)n : 0;
}

/* The word for a number; tables are indexed by the header's constants. */
#define WORD(table, number) ((number) < sizeof(table) / sizeof *(table) ? (table)[number] : "?")

static const char *const links[] = {"not connected", "connecting", "connected"};
static const char *const routes[] = {"no route", "relayed", "direct in the LAN", "direct over IPv4", "direct over IPv6"};
static const char *const kinds[] = {"unknown", "no translation", "endpoint-independent", "address-dependent",
                                    "address-and-port-dependent", "UDP blocked"};
static const char *const ports[] = {"unknown", "preserved", "sequential", "of a block", "random"};
static const char *const answers[] = {"unknown", "no", "yes"};

static void put_nat(struct out *o, musubi_client client)
{
    musubi_nat n = {.struct_size = sizeof n};

    if (musubi_nat_info(client, &n) != MUSUBI_OK || n.mapping == MUSUBI_NAT_UNKNOWN) {
        put(o, "NAT: not known yet\n");
        return;
    }
    put(o, "NAT: mapping %s%s, filtering %s, ports %s (step %d, %u to %u), poisonable %s, seen as %s\n", WORD(kinds, n.mapping),
        n.certain ? "" : " (or address-dependent: only one address of the server was asked)", WORD(kinds, n.filtering),
        WORD(ports, n.ports), (int)n.port_step, n.port_low, n.port_high, WORD(answers, n.poisonable), n.public_address);
}

static unsigned long long ull(uint64_t n) { return n; }

static void put_peer(struct out *o, musubi_client client, musubi_peer peer, uint32_t bits)
{
    musubi_stats s = {.struct_size = sizeof s};

    put(o, "peer %llx: %s", ull(peer), (bits & MUSUBI_PEER_MEMBER) != 0 ? "in the room" : "not in the room");
    if ((bits & MUSUBI_PEER_CONNECTED) == 0 || musubi_peer_stats(client, peer, &s) != MUSUBI_OK) {
        put(o, ", not connected\n");
        return;
    }
    put(o, ", %s, RTT %u us (least %u, jitter %u), lost %u ppm out, %u ppm in\n", WORD(routes, s.route), s.rtt_us, s.min_rtt_us,
        s.jitter_us, s.loss_out_ppm, s.loss_in_ppm);
    put(o, "  sent %llu packets, %llu bytes (%llu/s); received %llu, %llu bytes (%llu/s); lost %llu, resent %llu, repaired %llu, "
           "expired %llu\n",
        ull(s.packets_sent), ull(s.bytes_sent), ull(s.send_rate), ull(s.packets_received), ull(s.bytes_received),
        ull(s.receive_rate), ull(s.packets_lost), ull(s.resent), ull(s.repaired), ull(s.expired));
    put(o, "  queued %llu bytes for %u us; window %u, in flight %u, MTU %u, %u changes of route, %llu not authentic, %llu replayed\n",
        ull(s.queued_bytes), s.queue_us, s.window, s.in_flight, s.mtu, s.route_changes, ull(s.auth_failures), ull(s.replays));
}

/* One sentence for the likeliest trouble, the gravest first. */
static const char *advice(struct musubi_slot *slot, const musubi_totals *t, const musubi_nat *n)
{
    if (atomic_load(&slot->failed))
        return "the client stopped itself: see its FAILED event, destroy it, make another";
    if (t->events > MUSUBI_ENTRIES / 4)
        return "many events are waiting: the game does not poll, or stops before the queue is empty";
    if (n->mapping == MUSUBI_NAT_UDP_BLOCKED)
        return "nothing comes back over UDP: a firewall blocks it";
    if (t->server == MUSUBI_SERVER_NONE && t->server_code != 0)
        return "the link to the server ended for the reason above: fix that, then call musubi_connect again";
    if (t->server == MUSUBI_SERVER_NONE)
        return "musubi_connect was not called";
    if (t->server == MUSUBI_SERVER_CONNECTING)
        return "the server has not answered yet: if that lasts, check its address and UDP port with `musubi doctor`";
    if (t->members == 0)
        return "in no room: create or join one to meet peers";
    if (t->peers == 0)
        return t->members == 1 ? "alone in the room" : "no member is connected: call musubi_peer_connect, or see PEER_CLOSED";
    if (t->direct < t->peers)
        return n->mapping >= MUSUBI_NAT_ADDRESS_DEPENDENT ? "some peers are relayed, and this NAT gives each destination another port: that may be why"
                                                          : "some peers are relayed: this NAT is not the reason, theirs may be";
    return "all is well";
}

enum { REPORT_WAIT_MS = 50, REPORT_LOOK_MS = 5 };

/* Asks the owner for its part and waits until it has answered; 0: it did not, or is gone. Owners answer between two rounds of
 * work. */
static int ask(musubi_client client, struct musubi_slot *slot)
{
    uint32_t ticket = atomic_fetch_add(&slot->report_asked, 1) + 1, done;
    uint64_t now = musubi_now_ms(), end = now + REPORT_WAIT_MS, tail;

    musubi_wake_always(slot);
    while (done = atomic_load(&slot->report_done), (int32_t)(done - ticket) < 0) {
        now = musubi_now_ms();
        if (now >= end || musubi_slot_find(client, &slot, &tail) != MUSUBI_OK)
            return 0;
        musubi_futex_wait(&slot->report_done, done, REPORT_LOOK_MS);
    }
    return 1;
}

/* Copies the report into o: whole, since another dump may have it written anew meanwhile. */
static void put_report(struct out *o, struct musubi_slot *slot)
{
    union {
        uint64_t words[MUSUBI_REPORT_WORDS];
        char text[8 * MUSUBI_REPORT_WORDS];
    } copy;
    uint32_t seq, size, i;
    int tries;

    for (tries = 0; tries < 1000; tries++) {
        seq = atomic_load(&slot->report_seq);
        size = atomic_load(&slot->report_size);
        for (i = 0; i < MUSUBI_REPORT_WORDS && 8 * i < size; i++)
            copy.words[i] = atomic_load(&slot->report[i]);
        if ((seq & 1) == 0 && atomic_load(&slot->report_seq) == seq) {
            put(o, "%.*s", (int)(size < sizeof copy ? size : sizeof copy), copy.text);
            if (size > sizeof copy)
                put(o, "(%u bytes more)\n", size - (uint32_t)sizeof copy);
            return;
        }
        musubi_yield();
    }
    put(o, "details: too many dumps at once\n");
}

int32_t musubi_dump(musubi_client client, char *text, uint32_t size)
{
    struct out o = {text, size, 0};
    musubi_totals t = {.struct_size = sizeof t};
    musubi_nat n = {.struct_size = sizeof n};
    struct musubi_slot *slot;
    uint64_t tail;
    uint32_t i;
    int32_t err = musubi_slot_find(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (text == NULL && size != 0)
        return MUSUBI_ERR_NULL;
    err = musubi_client_stats(client, &t);
    if (err == MUSUBI_OK)
        err = musubi_nat_info(client, &n);
    if (err != MUSUBI_OK)
        return err;
    put(&o, "musubi %s, ABI %d, client %llx\n", MUSUBI_VERSION, MUSUBI_ABI_VERSION, ull(client));
    put(&o, "server: %s", WORD(links, t.server));
    if (t.server_code != 0)
        put(&o, "; the last link ended by %d, %s", (int)t.server_code, musubi_strerror(t.server_code));
    put(&o, "\n");
    put_nat(&o, client);
    put(&o, "room: %u members; %u peers connected, %u of them directly\n", t.members, t.peers, t.direct);
    for (i = 0; i < MUSUBI_MAX_PEERS; i++) {
        uint64_t key = atomic_load_explicit(&slot->peers[i].key, memory_order_acquire);

        if ((uint32_t)key != 0)
            put_peer(&o, client, key >> 32 << 32 | i, (uint32_t)key);
    }
    put(&o, "waiting: %u events to be polled, %u of %u bytes of commands\n", t.events, t.command_used, t.command_bytes);
    if (!atomic_load(&slot->failed)) {
        put(&o, "details, from the library's own thread:\n");
        if (ask(client, slot))
            put_report(&o, slot);
        else
            put(&o, "it did not answer within %d ms\n", REPORT_WAIT_MS);
    }
    put(&o, "advice: %s\n", advice(slot, &t, &n));
    err = musubi_slot_find(client, &slot, &tail); /* destroyed meanwhile: the details may be of another client in its slot */
    if (err != MUSUBI_OK)
        return err;
    return (int32_t)o.used;
}
