#include "lines.h"

#include <stdio.h>
#include <string.h>
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <time.h>
#endif

double now_seconds(void)
{
#ifdef _WIN32
    LARGE_INTEGER count, hertz;

    QueryPerformanceFrequency(&hertz);
    QueryPerformanceCounter(&count);
    return (double)count.QuadPart / (double)hertz.QuadPart;
#else
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
#endif
}

static const char *route_name(uint32_t route)
{
    static const char *const names[] = {"none", "relay", "lan", "direct4", "direct6"};

    return route < sizeof names / sizeof *names ? names[route] : "unknown";
}

static const char *nat_name(uint32_t behaviour)
{
    static const char *const names[] = {"unknown",           "none",
                                        "endpoint-independent", "address-dependent",
                                        "address-and-port-dependent", "udp-blocked"};

    return behaviour < sizeof names / sizeof *names ? names[behaviour] : "unknown";
}

static const char *ports_name(uint32_t ports)
{
    static const char *const names[] = {"unknown", "preserved", "sequential", "block", "random"};

    return ports < sizeof names / sizeof *names ? names[ports] : "unknown";
}

/* A value in quotes, with what would break the line replaced. */
static void quoted(const char *key, const char *text)
{
    printf(" %s=\"", key);
    for (; *text != 0; text++)
        putchar(*text == '"' ? '\'' : (unsigned char)*text < ' ' ? ' ' : *text);
    putchar('"');
}

static void word(const char *key, const char *text)
{
    if (text[0] == 0 || strpbrk(text, " \"\t\n") != NULL)
        quoted(key, text);
    else
        printf(" %s=%s", key, text);
}

static void begin(double now, const char *name) { printf("t=%.6f %s", now, name); }

static void about_peer(double now, const char *name, unsigned peer)
{
    begin(now, name);
    printf(" peer=%u", peer);
}

static void end(void)
{
    putchar('\n');
    fflush(stdout);
}

static void punch(double now, const musubi_event *e, unsigned peer)
{
    about_peer(now, "punch", peer);
    printf(" ok=%d", e->code == 0);
    if (e->code == 0)
        printf(" rtt_ms=%.3f", e->rtt_us / 1e3);
    else
        quoted("text", e->text);
    end();
}

static void profiled(double now, musubi_client client, const musubi_event *e)
{
    static const char *const answers[] = {"unknown", "no", "yes"};
    musubi_nat nat = {.struct_size = sizeof nat};

    begin(now, "nat_profiled");
    printf(" mapping=%s filtering=%s ports=%s poisonable=%s", nat_name(e->nat_mapping), nat_name(e->nat_filtering),
           ports_name(e->nat_ports), answers[e->nat_poisonable]);
    if (musubi_nat_info(client, &nat) == 0) {
        printf(" ttl=%u certain=%u range=%u-%u step=%d", nat.opener_ttl, nat.certain, nat.port_low, nat.port_high, nat.port_step);
        word("public", nat.public_address);
    }
    end();
}

static void reason(double now, const char *name, const musubi_event *e)
{
    begin(now, name);
    printf(" code=%d", e->code);
    quoted("text", e->text);
    end();
}

/* Events of the room and the server. Returns 0 if it is none. */
static int room_event(double now, musubi_client client, const musubi_event *e, unsigned peer)
{
    switch (e->kind) {
    case MUSUBI_EVENT_SERVER_CONNECTED:
        begin(now, "server_connected");
        word("user", e->text);
        break;
    case MUSUBI_EVENT_SERVER_LOST:
        reason(now, "server_lost", e);
        return 1;
    case MUSUBI_EVENT_NAT_PROFILED:
        profiled(now, client, e);
        return 1;
    case MUSUBI_EVENT_ROOM_JOINED:
        begin(now, "room_joined");
        word("code", (const char *)e->data);
        printf(" members=%u", (unsigned)e->count);
        break;
    case MUSUBI_EVENT_ROOM_LEFT:
        reason(now, "room_left", e);
        return 1;
    case MUSUBI_EVENT_ROOM_OPTIONS:
        begin(now, "room_options");
        printf(" flags=%u most=%d", (unsigned)e->count, e->code);
        break;
    case MUSUBI_EVENT_ROOM_LISTED:
        begin(now, "room_listed");
        word("code", e->text);
        printf(" members=%u most=%d flags=%u", (unsigned)(uint32_t)e->count, e->code, (unsigned)(e->count >> 32));
        break;
    case MUSUBI_EVENT_ROOM_LIST_END:
        begin(now, "room_list_end");
        printf(" rooms=%u", (unsigned)e->count);
        break;
    case MUSUBI_EVENT_JOIN_REQUEST:
        begin(now, "join_request");
        word("user", e->text);
        break;
    case MUSUBI_EVENT_JOIN_WITHDRAWN:
        begin(now, "join_withdrawn");
        break;
    case MUSUBI_EVENT_REQUEST_FAILED:
        reason(now, "request_failed", e);
        return 1;
    case MUSUBI_EVENT_ROOM_DATA:
        begin(now, "room_data");
        printf(" size=%u", e->data_size);
        break;
    case MUSUBI_EVENT_MEMBER_JOINED:
        about_peer(now, "member_joined", peer);
        word("user", (const char *)e->data);
        break;
    case MUSUBI_EVENT_MEMBER_LEFT:
        about_peer(now, "member_left", peer);
        break;
    case MUSUBI_EVENT_OWNER_CHANGED:
        about_peer(now, "owner_changed", peer);
        break;
    default:
        return 0;
    }
    end();
    return 1;
}

void line_event(double now, musubi_client client, const musubi_event *e, unsigned peer)
{
    if (room_event(now, client, e, peer))
        return;
    switch (e->kind) {
    case MUSUBI_EVENT_PEER_REQUEST:
        about_peer(now, "peer_request", peer);
        break;
    case MUSUBI_EVENT_PEER_CONNECTED:
        about_peer(now, "peer_connected", peer);
        printf(" route=%s", route_name(e->route));
        break;
    case MUSUBI_EVENT_ROUTE_CHANGED:
        about_peer(now, "route_changed", peer);
        printf(" route=%s rtt_ms=%.3f", route_name(e->route), e->rtt_us / 1e3);
        quoted("text", e->text);
        break;
    case MUSUBI_EVENT_PEER_INTERRUPTED:
        about_peer(now, "peer_interrupted", peer);
        break;
    case MUSUBI_EVENT_PEER_RECOVERED:
        about_peer(now, "peer_recovered", peer);
        break;
    case MUSUBI_EVENT_PEER_CLOSED:
        about_peer(now, "peer_closed", peer);
        printf(" code=%d", e->code);
        quoted("text", e->text);
        break;
    case MUSUBI_EVENT_PUNCH:
        punch(now, e, peer);
        return;
    case MUSUBI_EVENT_QUEUE_FULL:
        begin(now, "queue_full");
        printf(" count=%u", (unsigned)e->count);
        break;
    case MUSUBI_EVENT_LOG:
        begin(now, "log");
        printf(" level=%d", e->code);
        quoted("text", e->text);
        break;
    case MUSUBI_EVENT_FAILED:
        reason(now, "failed", e);
        return;
    default: /* messages, WRITABLE: too many */
        return;
    }
    end();
}

void line_first_message(double now, unsigned peer, double after_seconds)
{
    about_peer(now, "first_message", peer);
    printf(" after_ms=%.3f", after_seconds * 1e3);
    end();
}

void line_max_gap(double now, unsigned peer, double seconds)
{
    about_peer(now, "max_gap", peer);
    printf(" ms=%.3f", seconds * 1e3);
    end();
}

void line_phase(double now, unsigned peer, double gap_seconds, uint32_t received)
{
    about_peer(now, "phase", peer);
    printf(" gap_ms=%.3f received=%u", gap_seconds * 1e3, received);
    end();
}

void line_stats(double now, unsigned peer, musubi_client client, musubi_peer handle)
{
    musubi_stats s = {.struct_size = sizeof s};

    if (musubi_peer_stats(client, handle, &s) != MUSUBI_OK)
        return;
    about_peer(now, "stats", peer);
    printf(" rtt_ms=%.3f min_rtt_ms=%.3f jitter_ms=%.3f mtu=%u window=%u queue_ms=%.3f", s.rtt_us / 1e3, s.min_rtt_us / 1e3,
           s.jitter_us / 1e3, s.mtu, s.window, s.queue_us / 1e3);
    printf(" loss_out=%.4f loss_in=%.4f redundancy=%.4f resent=%llu repaired=%llu", s.loss_out_ppm / 1e6, s.loss_in_ppm / 1e6,
           s.redundancy_ppm / 1e6, (unsigned long long)s.resent, (unsigned long long)s.repaired);
    printf(" bytes_sent=%llu bytes_received=%llu", (unsigned long long)s.bytes_sent, (unsigned long long)s.bytes_received);
    end();
}

void line_receipts(double now, unsigned peer, const struct traffic *t)
{
    about_peer(now, "receipts", peer);
    printf(" delivered=%u unknown=%u expired=%u", t->delivered, t->unknown, t->expired);
    end();
}

void line_result(double now, unsigned peer, const struct traffic *t, uint32_t route)
{
    about_peer(now, "result", peer);
    printf(" sent=%u received=%u lost=%u dup=%u reordered=%u corrupt=%u", t->sent, t->received, traffic_lost(t), t->dup,
           t->reordered, t->corrupt);
    printf(" unreliable_sent=%u unreliable_received=%u unreliable_dup=%u route=%s", t->unreliable_sent,
           t->unreliable_received, t->unreliable_dup, route_name(route));
    end();
}

void line_end(double now, const char *text)
{
    begin(now, "end");
    quoted("text", text);
    end();
}
