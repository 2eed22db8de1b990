/* What the calls of a frame cost: ns per send, per empty poll, per message polled. Linked with the echo build of the
 * library (-tags musubi_test_echo), whose owner sends every message back and has no network. Prints one JSON line. */
#include <musubi.h>

#include "test.h"

enum { ROUNDS = 301, BATCH = 64, SIZE = 64 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_value);
    return values[n / 2];
}

/* Polls until count messages came back, and returns the ns of the polls that returned something. */
static double take(musubi_client client, int count)
{
    musubi_event events[BATCH];
    uint64_t start, spent = 0;
    int32_t n;

    while (count > 0) {
        start = now_ns();
        n = musubi_poll(client, events, BATCH);
        if (n > 0)
            spent += now_ns() - start;
        CHECK(n >= 0);
        count -= n;
    }
    return (double)spent;
}

int main(void)
{
    static double send_wake[ROUNDS], send_quiet[ROUNDS], empty[ROUNDS], polled[ROUNDS], ping[ROUNDS];
    musubi_config config;
    musubi_client client;
    musubi_event events[BATCH];
    musubi_peer peer = 0;
    uint8_t data[SIZE] = {1};
    uint64_t start;
    int32_t n;
    int i, k;

    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.server = NO_SERVER;
    CHECK_CODE(musubi_create(&config, &client), 0);
    CHECK_CODE(musubi_connect(client), 0);
    while (peer == 0) {
        CHECK(musubi_wait(client, 1000) == 1);
        n = musubi_poll(client, events, BATCH);
        for (i = 0; i < n; i++)
            if (events[i].kind == MUSUBI_EVENT_PEER_CONNECTED)
                peer = events[i].peer;
    }
    for (i = 0; i < ROUNDS; i++) {
        struct timespec rest = {0, 300000};

        nanosleep(&rest, NULL); /* the owner sleeps now */
        start = now_ns();
        for (k = 0; k < BATCH; k++)
            CHECK_CODE(musubi_send(client, peer, MUSUBI_UNRELIABLE, 0, data, SIZE, MUSUBI_SEND_NO_WAKE, 0), 0);
        send_quiet[i] = (double)(now_ns() - start) / BATCH;
        musubi_flush(client);
        nanosleep(&rest, NULL); /* all echoes are in the ring: one poll of 64 */
        polled[i] = take(client, BATCH) / BATCH;
        musubi_poll(client, events, 1); /* releases */
        start = now_ns();
        for (k = 0; k < 1000; k++)
            musubi_poll(client, events, BATCH);
        empty[i] = (double)(now_ns() - start) / 1000;
        CHECK_CODE(musubi_send(client, peer, MUSUBI_UNRELIABLE, 0, data, SIZE, 0, 0), 0); /* wakes the owner */
        start = now_ns();
        for (k = 0; k < BATCH; k++)
            musubi_send(client, peer, MUSUBI_UNRELIABLE, 0, data, SIZE, 0, 0);
        send_wake[i] = (double)(now_ns() - start) / BATCH;
        take(client, BATCH + 1);
        nanosleep(&rest, NULL);
        start = now_ns();
        musubi_send(client, peer, MUSUBI_UNRELIABLE, 0, data, SIZE, 0, 0);
        while ((n = musubi_poll(client, events, BATCH)) == 0)
            musubi_wait(client, 1000);
        ping[i] = (double)(now_ns() - start) / 1000;
    }
    printf("{\"bench\":\"api\",\"lib\":\"musubi\",\"send_ns\":%.1f,\"send_wake_ns\":%.1f,\"poll_empty_ns\":%.1f,"
           "\"poll_msg_ns\":%.1f,\"ring_ping_us\":%.1f}\n",
           median(send_quiet, ROUNDS), median(send_wake, ROUNDS), median(empty, ROUNDS), median(polled, ROUNDS),
           median(ping, ROUNDS));
    CHECK_CODE(musubi_destroy(client), 0);
    return 0;
}
