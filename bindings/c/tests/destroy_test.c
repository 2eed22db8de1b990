/* musubi_destroy while three threads send, one polls and one waits, on a connected client with real traffic: every thread
 * finds out by ERR_HANDLE, and the call takes no longer than delivering what was accepted.
 *
 *     destroy_test LIBRARY MUSUBI [ROUNDS]
 */
#include <pthread.h>
#include <stdatomic.h>

#include "pair.h"

enum { SENDERS = 3, MOST = 1000, LIMIT_MS = 2500 }; /* a destroy delivers for at most 1 s; the rest is for a busy machine */

static struct library lib;
static struct pair pair;
static atomic_int stop;
static atomic_ulong accepted;

static void *send_until_gone(void *arg)
{
    uint8_t data[1200] = {0};
    int32_t err;

    (void)arg;
    do {
        err = lib.send(pair.client[1], pair.peer[1], MUSUBI_UNRELIABLE, 0, data, sizeof data, 0, 0);
        accepted += err == 0;
    } while (err == 0 || err == MUSUBI_ERR_WOULD_BLOCK);
    CHECK_CODE(err, MUSUBI_ERR_HANDLE);
    return NULL;
}

static void *send_reliable_until_gone(void *arg)
{
    uint8_t data[300] = {0};
    int32_t err;

    (void)arg;
    while ((err = lib.send(pair.client[1], pair.peer[1], MUSUBI_RELIABLE_UNORDERED, 1, data, sizeof data, 0, 0)) != MUSUBI_ERR_HANDLE)
        if (err == MUSUBI_ERR_WOULD_BLOCK)
            usleep(100);
    return NULL;
}

static void *poll_until_gone(void *arg)
{
    musubi_event events[64];
    int32_t err;

    (void)arg;
    do
        err = lib.poll(pair.client[1], events, 64);
    while (err >= 0);
    CHECK_CODE(err, MUSUBI_ERR_HANDLE);
    return NULL;
}

static void *wait_until_gone(void *arg)
{
    int32_t err;

    (void)arg;
    do
        err = lib.wait(pair.client[1], UINT32_MAX);
    while (err == 1);
    CHECK_CODE(err, MUSUBI_ERR_HANDLE);
    return NULL;
}

/* The other side: takes what comes. */
static void *partner(void *arg)
{
    musubi_event events[64];

    (void)arg;
    while (!stop) {
        lib.wait(pair.client[0], 5);
        while (lib.poll(pair.client[0], events, 64) > 0)
            ;
    }
    return NULL;
}

static uint64_t one_round(const char *address, int round)
{
    void *(*const work[])(void *) = {send_until_gone, send_until_gone, send_reliable_until_gone, poll_until_gone, wait_until_gone};
    enum { WORK = sizeof work / sizeof *work };
    pthread_t threads[WORK], other;
    uint64_t start, took;
    int i;

    CHECK(pair_make(&pair, &lib, address));
    stop = 0;
    CHECK(pthread_create(&other, NULL, partner, NULL) == 0);
    for (i = 0; i < WORK; i++)
        CHECK(pthread_create(&threads[i], NULL, work[i], NULL) == 0);
    usleep((useconds_t)(round % 10) * 500);
    start = now_ns();
    CHECK_CODE(lib.destroy(pair.client[1]), 0);
    took = now_ns() - start;
    for (i = 0; i < WORK; i++)
        pthread_join(threads[i], NULL);
    stop = 1;
    pthread_join(other, NULL);
    CHECK_CODE(lib.destroy(pair.client[0]), 0);
    return took;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static uint64_t took[MOST];
    struct server server;
    int rounds, i, slow = 0;

    CHECK(argc >= 3);
    rounds = argc > 3 ? atoi(argv[3]) : 20;
    CHECK(rounds > 0 && rounds <= MOST);
    server = server_start(argv[2]);
    lib = load(argv[1]);
    for (i = 0; i < rounds; i++) {
        took[i] = one_round(server.address, i);
        slow += took[i] > 50000000;
    }
    qsort(took, (size_t)rounds, sizeof *took, by_size);
    printf("%d destroys under fire (%lu unreliable messages accepted): median %.1f ms, p95 %.1f ms, most %.1f ms, %d over 50 ms\n", rounds,
           atomic_load(&accepted), (double)took[rounds / 2] / 1e6, (double)took[rounds * 95 / 100] / 1e6, (double)took[rounds - 1] / 1e6,
           slow);
    CHECK(took[rounds - 1] < LIMIT_MS * 1000000ull);
    server_stop(&server);
    return 0;
}
