/* bench_enet: the same benchmarks on ENet (libenet-dev), with the command line and the output of musubi_bench.
 *   bench_enet bulk|rate|ping|lossy --host [--bind ADDR:0] ...     prints "code ADDR:PORT,..."
 *   bench_enet bulk|rate|ping|lossy --join ADDR:PORT,... ...       prints the result
 * ENet encrypts nothing. Built for comparison only; nothing of Musubi links it. */
#include <enet/enet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

enum { BATCH = 64, MOST_WAITING = 8192, BUFFER = 4 << 20 }; /* packets handed to ENet and not yet gone; socket buffers, bytes */

struct flow {
    ENetHost *host;
    ENetPeer *peer;
};

static int fail(const char *what)
{
    fprintf(stderr, "bench_enet: %s\n", what);
    return 0;
}

static long waiting; /* of the one connection of bulk and rate */

static void gone(ENetPacket *p)
{
    (void)p;
    waiting--;
}

/* Queues a message; it leaves with the next flush or service. */
static int queue(struct flow *f, uint32_t flags, uint32_t kind, uint32_t number, void *data, size_t size, int count)
{
    struct header h = {now_ns(), number, kind};
    ENetPacket *p;

    memcpy(data, &h, sizeof h);
    p = enet_packet_create(data, size, flags);
    if (p == NULL)
        return 0;
    if (count) {
        p->freeCallback = gone;
        waiting++;
    }
    return enet_peer_send(f->peer, 0, p) == 0;
}

static struct header header_of(const ENetEvent *e)
{
    struct header h = {0, 0, 0};

    if (e->type == ENET_EVENT_TYPE_RECEIVE && e->packet->dataLength >= sizeof h)
        memcpy(&h, e->packet->data, sizeof h);
    return h;
}

static void done_with(ENetEvent *e)
{
    if (e->type == ENET_EVENT_TYPE_RECEIVE)
        enet_packet_destroy(e->packet);
}

static int make(struct flow *f, const ENetAddress *address)
{
    f->host = enet_host_create(address, 1, 1, 0, 0);
    if (f->host == NULL)
        return fail("no host");
    enet_socket_set_option(f->host->socket, ENET_SOCKOPT_RCVBUF, BUFFER);
    enet_socket_set_option(f->host->socket, ENET_SOCKOPT_SNDBUF, BUFFER);
    return 1;
}

/* Waits until all connections are there, and a second longer: ENet answers only while it is called, so that the last
 * acknowledgements of the handshakes may have to be said again. */
static int connected(const struct options *o, struct flow *flows)
{
    uint64_t limit = now_ns() + 20000000000u, settled = 0;
    uint32_t i, n = 0;
    ENetEvent e;

    while (settled == 0 || now_ns() < settled) {
        for (i = 0; i < o->flows; i++)
            if (enet_host_service(flows[i].host, &e, 1) > 0) {
                if (e.type != ENET_EVENT_TYPE_CONNECT)
                    return fail("disconnected");
                flows[i].peer = e.peer;
                n++;
            }
        if (n == o->flows && settled == 0)
            settled = now_ns() + (o->flows > 1 ? 1000000000u : 0);
        if (now_ns() > limit)
            return fail("no connection");
    }
    for (i = 0; i < o->flows; i++)
        enet_host_flush(flows[i].host);
    return 1;
}

static int meet_host(const struct options *o, struct flow *flows)
{
    char ip[64] = "127.0.0.1";
    ENetAddress a;
    uint32_t i;

    if (o->bind != NULL)
        snprintf(ip, sizeof ip, "%.*s", (int)strcspn(o->bind, ":"), o->bind);
    for (i = 0; i < o->flows; i++) {
        a.port = 0;
        if (enet_address_set_host(&a, ip) != 0 || !make(&flows[i], &a) || enet_socket_get_address(flows[i].host->socket, &a) != 0)
            return 0;
        printf("%s%s:%u", i == 0 ? "code " : ",", ip, a.port);
    }
    printf("\n");
    fflush(stdout);
    return connected(o, flows);
}

static int meet_join(const struct options *o, struct flow *flows)
{
    const char *code = o->join;
    char ip[64];
    ENetAddress a;
    uint32_t i;

    for (i = 0; i < o->flows; i++) {
        snprintf(ip, sizeof ip, "%.*s", (int)strcspn(code, ":"), code);
        code += strcspn(code, ":");
        a.port = (enet_uint16)atoi(code + (*code == ':'));
        code += strcspn(code, ",");
        code += *code == ',';
        if (enet_address_set_host(&a, ip) != 0 || !make(&flows[i], NULL) || enet_host_connect(flows[i].host, &a, 1, 0) == NULL)
            return fail("can't connect");
    }
    return connected(o, flows);
}

static int give_result(struct flow *f, const char *members)
{
    char data[sizeof(struct header) + LINE_SIZE];
    size_t n = strlen(members) + 1;
    ENetEvent e;

    memcpy(data + sizeof(struct header), members, n);
    if (!queue(f, ENET_PACKET_FLAG_RELIABLE, RESULT, 0, data, sizeof(struct header) + n, 0))
        return 0;
    while (enet_host_service(f->host, &e, 3000) > 0) { /* the goodbye may be lost; who misses the result says so himself */
        if (e.type == ENET_EVENT_TYPE_DISCONNECT)
            break;
        done_with(&e);
    }
    return 1;
}

/* Takes the result out of an event, if it is there, and says goodbye. */
static int is_result(struct flow *f, ENetEvent *e, char line[LINE_SIZE])
{
    if (header_of(e).kind != RESULT)
        return 0;
    snprintf(line, LINE_SIZE, "%s", (const char *)e->packet->data + sizeof(struct header));
    enet_peer_disconnect_now(f->peer, 0);
    return 1;
}

static int stream_host(const struct options *o, struct flow *f)
{
    struct tally t = {.o = o};
    char line[LINE_SIZE];
    uint64_t now;
    ENetEvent e;
    int n, taken;

    do {
        for (taken = 0; taken < BATCH && (n = enet_host_service(f->host, &e, taken == 0 ? 100 : 0)) > 0; taken++) {
            struct header h = header_of(&e);

            if (e.type == ENET_EVENT_TYPE_DISCONNECT)
                return fail("disconnected");
            if (h.kind == DATA)
                tally_message(&t, &h, (uint32_t)e.packet->dataLength, now_ns());
            done_with(&e);
        }
        now = now_ns();
    } while (!tally_done(&t, now));
    tally_line(&t, line);
    return give_result(f, line);
}

static int stream_join(const struct options *o, struct flow *f)
{
    static char data[MOST_SIZE];
    uint32_t flags = strcmp(o->bench, "bulk") == 0 ? ENET_PACKET_FLAG_RELIABLE : 0, number = 0;
    uint64_t cpu = cpu_ns(), limit = now_ns() + (uint64_t)((o->warmup + o->seconds + 20) * 1e9);
    char line[LINE_SIZE] = "";
    ENetEvent e;
    int k;

    while (line[0] == 0 && now_ns() < limit) {
        for (k = 0; k < BATCH && waiting < MOST_WAITING; k++)
            if (!queue(f, flags, DATA, number++, data, o->size, 1))
                return fail("can't send");
        while (enet_host_service(f->host, &e, waiting < MOST_WAITING ? 0 : 1) > 0) {
            if (is_result(f, &e, line))
                break;
            done_with(&e);
        }
    }
    if (line[0] == 0)
        return fail("the other end did not finish");
    cpu = cpu_ns() - cpu;
    printf("{\"bench\":\"%s\",\"lib\":\"enet\",%s,\"sender_cpu_s_per_GB\":%.3f,\"sent\":%u,\"size\":%u}\n", o->bench, line,
           (double)cpu / ((double)number * o->size), number, o->size);
    return 1;
}

/* Waits for one event, in the way that was asked for. */
static int next(const struct options *o, struct flow *f, ENetEvent *e)
{
    int n;

    while ((n = enet_host_service(f->host, e, o->spin ? 0 : 1000)) == 0)
        if (o->spin)
            sched_yield();
    return n > 0;
}

static int ping_host(const struct options *o, struct flow *f)
{
    ENetEvent e;

    while (next(o, f, &e) && e.type != ENET_EVENT_TYPE_DISCONNECT) {
        ENetPacket *p = enet_packet_create(e.packet->data, e.packet->dataLength, ENET_PACKET_FLAG_RELIABLE);

        if (p == NULL || enet_peer_send(f->peer, 0, p) != 0)
            return fail("can't answer");
        enet_host_flush(f->host);
        done_with(&e);
    }
    return 1;
}

static int ping_join(const struct options *o, struct flow *f)
{
    static char data[MOST_SIZE];
    const size_t most = 10000000;
    double *us = malloc(most * sizeof *us);
    uint64_t begin = now_ns(), measured = begin + (uint64_t)(o->warmup * 1e9), end = measured + (uint64_t)(o->seconds * 1e9);
    uint64_t now, cpu = 0;
    uint32_t number = 0;
    size_t n = 0;
    ENetEvent e;

    while (us != NULL && ((now = now_ns()) < end || n == 0) && n < most) {
        if (!queue(f, ENET_PACKET_FLAG_RELIABLE, DATA, number++, data, o->size, 0))
            return fail("can't send");
        enet_host_flush(f->host);
        do {
            if (!next(o, f, &e))
                return fail("no answer");
            done_with(&e);
        } while (e.type != ENET_EVENT_TYPE_RECEIVE);
        if (now < measured)
            cpu = cpu_ns();
        else
            us[n++] = (double)(now_ns() - now) / 1e3;
    }
    if (us != NULL)
        ping_print(o, "enet", us, n, cpu_ns() - cpu);
    free(us);
    enet_peer_disconnect_now(f->peer, 0);
    return 1;
}

static void *receive(void *argument)
{
    struct lane *l = argument;
    struct flow *f = l->flow;
    ENetEvent e;

    while (!l->ok && enet_host_service(f->host, &e, 20000) > 0) {
        struct header h = header_of(&e);

        l->ok = h.kind == DATA && lane_message(l, &h);
        done_with(&e);
    }
    return NULL;
}

/* A game calls ENet once a frame; here it is called whenever something comes too, so that it learns of losses at once. */
static void *transmit(void *argument)
{
    struct lane *l = argument;
    struct flow *f = l->flow;
    char data[MOST_SMALL] = {0};
    uint32_t i, total = lane_total(l->o);
    uint64_t now;
    ENetEvent e;

    for (i = 0; i < total; i++) {
        while ((now = now_ns()) + 1000000 < lane_due(l, i))
            enet_host_service(f->host, &e, (enet_uint32)((lane_due(l, i) - now) / 1000000)); /* only acknowledgements come */
        sleep_until(lane_due(l, i));
        if (!queue(f, ENET_PACKET_FLAG_RELIABLE, DATA, i, data, l->o->size, 0))
            return NULL;
        enet_host_flush(f->host);
    }
    l->ok = 1;
    return NULL;
}

static int lossy_host(const struct options *o, struct flow *flows)
{
    static struct lane lanes[MOST_FLOWS];
    char line[LINE_SIZE];

    return lanes_run(o, lanes, flows, sizeof *flows, receive) && lanes_line(o, lanes, line) && give_result(&flows[0], line);
}

static int lossy_join(const struct options *o, struct flow *flows)
{
    static struct lane lanes[MOST_FLOWS];
    char line[LINE_SIZE] = "";
    uint64_t limit;
    ENetEvent e;
    uint32_t i;

    if (!lanes_run(o, lanes, flows, sizeof *flows, transmit))
        return fail("lossy did not finish");
    for (limit = now_ns() + 20000000000u; line[0] == 0 && now_ns() < limit;)
        for (i = 0; i < o->flows; i++) /* the last messages of each may need resending */
            if (enet_host_service(flows[i].host, &e, 1) > 0 && (i != 0 || !is_result(&flows[0], &e, line)))
                done_with(&e);
    if (line[0] == 0)
        return fail("no result");
    lanes_print(o, "enet", lanes, line, "");
    return 1;
}

static int run(const struct options *o, struct flow *flows)
{
    switch (o->bench[0]) {
    case 'p':
        return o->host ? ping_host(o, flows) : ping_join(o, flows);
    case 'l':
        return o->host ? lossy_host(o, flows) : lossy_join(o, flows);
    }
    return o->host ? stream_host(o, flows) : stream_join(o, flows);
}

int main(int argc, char **argv)
{
    static struct flow flows[MOST_FLOWS];
    struct options o;

    if (!options_read(&o, argc, argv))
        return 2;
    if (o.host == (o.join != NULL) || strstr(" bulk rate ping lossy ", o.bench) == NULL)
        return fail("bulk, rate, ping or lossy, with one of --host and --join") + 2;
    if (enet_initialize() != 0)
        return 1;
    return (o.host ? meet_host(&o, flows) : meet_join(&o, flows)) && run(&o, flows) ? 0 : 1;
}
