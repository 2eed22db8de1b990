/* api: what the calls of a frame cost, on a connection that is in use: ns per send, per empty poll, per message polled. */
#include <stdio.h>
#include <time.h>

#include "bench.h"

enum { ROUNDS = 301, BURST_SIZE = 64, EMPTY = 1000 };

static void pause_ms(unsigned ms) { sleep_until(now_ns() + ms * 1000000u); }

int api_host(const struct options *o, struct flow *f)
{
    char data[MOST_SMALL] = {0};
    musubi_event e;
    int k;

    for (;;) {
        if (musubi_poll(f->client, &e, 1) <= 0) {
            musubi_wait(f->client, 1000);
            continue;
        }
        if (e.kind == MUSUBI_EVENT_PEER_CLOSED)
            return 1;
        if (header_of(&e).kind != BURST)
            continue;
        for (k = 0; k < BURST_SIZE; k++)
            send_message(f, MUSUBI_RELIABLE_ORDERED, DATA, (uint32_t)k, data, o->size);
        musubi_flush(f->client);
    }
}

/* ns of each send of a burst: quiet leaves the waking to the flush, otherwise the first send of the burst has woken. */
static double sends(const struct options *o, struct flow *f, uint32_t flags)
{
    char data[MOST_SMALL] = {0};
    uint64_t begin;
    int k;

    if (flags == 0)
        musubi_send(f->client, f->peer, MUSUBI_UNRELIABLE, 0, data, o->size, 0, 0);
    begin = now_ns();
    for (k = 0; k < BURST_SIZE; k++)
        musubi_send(f->client, f->peer, MUSUBI_UNRELIABLE, 0, data, o->size, flags, 0);
    begin = now_ns() - begin;
    musubi_flush(f->client);
    return (double)begin / BURST_SIZE;
}

/* Asks for a burst of messages, lets it arrive, and times the polls that take it. Returns ns per message, 0 if it did not
 * arrive whole. */
static double polled(const struct options *o, struct flow *f)
{
    char data[MOST_SMALL] = {0};
    musubi_event ev[BURST_SIZE];
    uint64_t begin;
    int32_t n;

    if (send_message(f, MUSUBI_RELIABLE_ORDERED, BURST, 0, data, o->size) != MUSUBI_OK)
        return 0;
    musubi_flush(f->client);
    pause_ms(5);
    begin = now_ns();
    n = musubi_poll(f->client, ev, BURST_SIZE);
    begin = now_ns() - begin;
    return n == BURST_SIZE ? (double)begin / BURST_SIZE : 0;
}

static double empty(struct flow *f)
{
    musubi_event ev[BURST_SIZE];
    uint64_t begin;
    int k;

    while (musubi_poll(f->client, ev, BURST_SIZE) > 0)
        ;
    begin = now_ns();
    for (k = 0; k < EMPTY; k++)
        musubi_poll(f->client, ev, BURST_SIZE);
    return (double)(now_ns() - begin) / EMPTY;
}

int api_join(const struct options *o, struct flow *f)
{
    static double quiet[ROUNDS], awake[ROUNDS], none[ROUNDS], some[ROUNDS];
    size_t i, whole = 0;

    for (i = 0; i < ROUNDS; i++) {
        pause_ms(1); /* the library sleeps now */
        quiet[i] = sends(o, f, MUSUBI_SEND_NO_WAKE);
        pause_ms(1);
        awake[i] = sends(o, f, 0);
        pause_ms(1);
        none[i] = empty(f);
        some[whole] = polled(o, f);
        whole += some[whole] > 0;
    }
    sort_values(quiet, ROUNDS);
    sort_values(awake, ROUNDS);
    sort_values(none, ROUNDS);
    sort_values(some, whole);
    printf("{\"bench\":\"api\",\"lib\":\"musubi\",\"send_ns\":%.1f,\"send_wake_ns\":%.1f,\"poll_empty_ns\":%.1f,\"poll_msg_ns\":%.1f,"
           "\"size\":%u}\n",
           quantile(quiet, ROUNDS, 0.5), quantile(awake, ROUNDS, 0.5), quantile(none, ROUNDS, 0.5), quantile(some, whole, 0.5), o->size);
    musubi_peer_close(f->client, f->peer, 0, NULL);
    return whole > ROUNDS / 2 ? 1 : complain("bursts did not arrive", MUSUBI_ERR_TIMEOUT);
}
