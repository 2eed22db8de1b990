/* ping: one reliable message there and back, then the next. Both ends wait in the same way: in musubi_wait, or (--wait
 * spin) by polling, giving the processor to whoever wants it in between. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static void rest(const struct options *o, musubi_client client)
{
    if (o->spin)
        sched_yield();
    else
        musubi_wait(client, 1000);
}

int ping_host(const struct options *o, struct flow *f)
{
    musubi_event e;
    int32_t err;

    for (;;) {
        if (musubi_poll(f->client, &e, 1) <= 0) {
            rest(o, f->client);
            continue;
        }
        if (e.kind == MUSUBI_EVENT_PEER_CLOSED)
            return 1;
        if (header_of(&e).kind != DATA)
            continue;
        err = musubi_send(f->client, f->peer, MUSUBI_RELIABLE_ORDERED, 0, e.data, e.data_size, 0, 0);
        if (err != MUSUBI_OK)
            return complain("answer", err);
    }
}

/* One message there and back; returns nanoseconds, 0 if it failed. */
static uint64_t trip(const struct options *o, struct flow *f, uint32_t number)
{
    static char data[MUSUBI_MAX_UNRELIABLE];
    musubi_event e;
    uint64_t begin = now_ns();
    int32_t err = send_message(f, MUSUBI_RELIABLE_ORDERED, DATA, number, data, o->size);

    if (err != MUSUBI_OK)
        return (uint64_t)complain("send", err);
    musubi_flush(f->client);
    for (;;) {
        if (musubi_poll(f->client, &e, 1) <= 0)
            rest(o, f->client);
        else if (e.kind == MUSUBI_EVENT_PEER_CLOSED)
            return (uint64_t)complain("wait for the answer", e.code);
        else if (header_of(&e).kind == DATA && header_of(&e).number == number)
            return now_ns() - begin;
    }
}

int ping_join(const struct options *o, struct flow *f)
{
    const size_t most = 10000000;
    double *us = malloc(most * sizeof *us);
    uint64_t begin = now_ns(), measured = begin + (uint64_t)(o->warmup * 1e9), end = measured + (uint64_t)(o->seconds * 1e9);
    uint64_t now, took, cpu = 0;
    uint32_t number = 0;
    size_t n = 0;

    if (us == NULL)
        return complain("ping", MUSUBI_ERR_MEMORY);
    while (((now = now_ns()) < end || n == 0) && n < most) {
        took = trip(o, f, number++);
        if (took == 0)
            return 0;
        if (now < measured)
            cpu = cpu_ns();
        else
            us[n++] = (double)took / 1e3;
    }
    cpu = cpu_ns() - cpu;
    ping_print(o, "musubi", us, n, cpu);
    free(us);
    musubi_peer_close(f->client, f->peer, 0, NULL);
    return 1;
}
