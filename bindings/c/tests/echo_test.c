/* Both rings of the real library under load: many threads send, one polls, and every message must come back once, whole,
 * and in its sender's order. Linked with the echo build (-tags musubi_test_echo), so what is tested is the C side of the
 * rings, the Go side and the two wakes, and no network.
 *
 *     echo_test [MESSAGES [load]]     messages per sender; load: nothing but the senders' load, for very many of them
 */
#include <musubi.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "test.h"

enum { SENDERS = 8, BATCH = 64, LARGEST = 70000 };

struct header {
    uint32_t sender;
    uint32_t number;
    uint32_t size;
    uint32_t sum;
};

static musubi_client client;
static musubi_peer peer;
static uint32_t messages = 20000;
static atomic_ulong refused, writables;

static uint32_t sum_of(const uint8_t *data, uint32_t size)
{
    uint32_t sum = 2166136261u, i;

    for (i = 0; i < size; i++)
        sum = (sum ^ data[i]) * 16777619u;
    return sum;
}

/* Sizes from header only to three cells, sometimes near the wrap limits, rarely an allocated block. */
static uint32_t size_of(uint32_t sender, uint32_t number)
{
    uint32_t r = (number * 2654435761u) ^ (sender * 40503u);

    if (r % 997 == 0)
        return LARGEST - r % 5000;
    if (r % 101 == 0)
        return 16384 - r % 200 + 100;
    return sizeof(struct header) + r % 150;
}

static void *sender(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg, i, k;
    static _Thread_local uint8_t data[LARGEST];

    for (i = 0; i < messages; i++) {
        struct header h = {me, i, size_of(me, i), 0};
        uint8_t *body = data + sizeof h;
        int32_t err;

        for (k = 0; k < h.size - sizeof h; k++)
            body[k] = (uint8_t)(i + k + me);
        h.sum = sum_of(body, h.size - (uint32_t)sizeof h);
        memcpy(data, &h, sizeof h);
        while ((err = musubi_send(client, peer, MUSUBI_RELIABLE_ORDERED, me, data, h.size,
                                  i % 3 == 0 ? MUSUBI_SEND_NO_WAKE : 0, i)) == MUSUBI_ERR_WOULD_BLOCK) {
            refused++;
            sched_yield();
        }
        CHECK_CODE(err, 0);
    }
    CHECK_CODE(musubi_flush(client), 0);
    return NULL;
}

static void connect_echo_with(uint32_t send_budget, uint32_t command_bytes)
{
    musubi_config config;
    musubi_event events[BATCH];
    int32_t n, i;

    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.server = NO_SERVER;
    config.command_bytes = command_bytes;
    config.event_bytes = 2 << 20;
    config.send_budget = send_budget;
    config.flags = MUSUBI_CONFIG_SCRIBBLE;
    CHECK_CODE(musubi_create(&config, &client), 0);
    CHECK_CODE(musubi_connect(client), 0);
    for (peer = 0; peer == 0;) {
        CHECK_CODE(musubi_wait(client, 5000), 1);
        n = musubi_poll(client, events, BATCH);
        for (i = 0; i < n; i++)
            if (events[i].kind == MUSUBI_EVENT_PEER_CONNECTED)
                peer = events[i].peer;
    }
}

static void connect_echo(void) { connect_echo_with(256 << 10, 64 << 10); }

static void check_message(const musubi_event *e, uint32_t *next)
{
    struct header h;

    CHECK(e->data_size >= sizeof h && e->peer == peer && e->mode == MUSUBI_RELIABLE_ORDERED);
    CHECK((uintptr_t)e->data % 16 == 0 && e->data[e->data_size] == 0 && e->text_size == 0);
    memcpy(&h, e->data, sizeof h);
    CHECK(h.sender < SENDERS && e->channel == h.sender && h.size == e->data_size);
    CHECK(h.number == next[h.sender]);
    CHECK(h.sum == sum_of(e->data + sizeof h, h.size - (uint32_t)sizeof h));
    next[h.sender]++;
}

static void exactly_once_in_order(void)
{
    pthread_t threads[SENDERS];
    uint32_t next[SENDERS] = {0};
    uint64_t left = (uint64_t)SENDERS * messages, polls = 0;
    musubi_event events[BATCH];
    int32_t n, i;

    connect_echo();
    for (i = 0; i < SENDERS; i++)
        CHECK(pthread_create(&threads[i], NULL, sender, (void *)(uintptr_t)i) == 0);
    while (left > 0) {
        if (++polls % 7 == 0)
            musubi_wait(client, 2);
        n = musubi_poll(client, events, polls % 5 == 0 ? 1 : BATCH);
        CHECK(n >= 0);
        for (i = 0; i < n; i++) {
            if (events[i].kind == MUSUBI_EVENT_WRITABLE) {
                writables++;
                continue;
            }
            CHECK(events[i].kind == MUSUBI_EVENT_MESSAGE);
            check_message(&events[i], next);
            left--;
        }
    }
    for (i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_CODE(musubi_destroy(client), 0);
    printf("%d senders x %u messages: all back once and in order; refused %lu times, %lu WRITABLE\n", SENDERS, messages,
           atomic_load(&refused), atomic_load(&writables));
}

/* One thread that sends until it is refused and goes on when told WRITABLE, and polls `batch` events at a time. Nothing else
 * wakes anybody, so a wake or a WRITABLE that is forgotten ends in a time-out here. The smaller of budget and command
 * ring is what refuses; a budget larger than the event ring makes the owner wait for room at every poll, and the payload ring
 * wrap. */
static void nobody_is_forgotten(uint32_t budget, uint32_t commands, uint32_t batch, uint32_t count)
{
    static uint8_t data[16000];
    musubi_event events[BATCH];
    uint32_t sent = 0, back = 0, refusals = 0, k;
    int32_t n, i, err;
    int may_send = 1;

    connect_echo_with(budget, commands);
    while (back < count) {
        uint32_t before = sent;

        while (may_send && sent < count) {
            uint32_t size = 12000 + sent * 7 % 4000;

            memset(data, (int)(sent & 0xff), size);
            err = musubi_send(client, peer, MUSUBI_RELIABLE_ORDERED, 0, data, size, MUSUBI_SEND_NO_WAKE, 0);
            CHECK(err == 0 || err == MUSUBI_ERR_WOULD_BLOCK);
            sent += err == 0;
            may_send = err == 0;
            refusals += err != 0;
        }
        if (sent != before)
            CHECK_CODE(musubi_flush(client), 0);
        CHECK_CODE(musubi_wait(client, 10000), 1);
        n = musubi_poll(client, events, batch);
        for (i = 0; i < n; i++) {
            may_send |= events[i].kind == MUSUBI_EVENT_WRITABLE;
            if (events[i].kind != MUSUBI_EVENT_MESSAGE)
                continue;
            CHECK(events[i].data_size == 12000 + back * 7 % 4000);
            for (k = 0; k < events[i].data_size; k++)
                CHECK(events[i].data[k] == (back & 0xff));
            back++;
        }
    }
    CHECK_CODE(musubi_destroy(client), 0);
    printf("%u messages through a budget of %u KiB and a ring of %u KiB, %u at a time: %u refusals, none forgotten\n", count,
           budget >> 10, commands >> 10, batch, refusals);
}

/* One message at a time: the owner is going to sleep, or asleep, at every send. */
static void each_is_woken_for(void)
{
    musubi_event e;
    uint32_t i;

    connect_echo();
    for (i = 0; i < messages; i++) {
        volatile uint32_t pause = i * 37 % 600; /* to meet the owner at every step of falling asleep */

        while (pause > 0)
            pause--;
        CHECK_CODE(musubi_send(client, peer, MUSUBI_UNRELIABLE, 0, &i, sizeof i, 0, 0), 0);
        CHECK_CODE(musubi_wait(client, 10000), 1);
        CHECK_CODE(musubi_poll(client, &e, 1), 1);
        CHECK(e.kind == MUSUBI_EVENT_MESSAGE && memcmp(e.data, &i, sizeof i) == 0);
    }
    CHECK_CODE(musubi_destroy(client), 0);
    printf("%u single messages, each came back\n", messages);
}

static void *send_until_gone(void *arg)
{
    uint8_t data[2000] = {0};
    musubi_message batch[2] = {{.struct_size = sizeof *batch, .peer = peer, .data = data, .size = 10}};
    musubi_totals totals = {.struct_size = sizeof totals};
    char words[2048];
    int32_t err;

    (void)arg;
    batch[1] = batch[0];
    do {
        err = musubi_send(client, peer, MUSUBI_UNRELIABLE, 0, data, sizeof data, 0, 0);
        musubi_send_batch(client, batch, 2); /* these find out at any time too, and meet no freed memory */
        musubi_broadcast(client, MUSUBI_UNRELIABLE, 1, data, 20, 0, NULL, 0);
        musubi_client_stats(client, &totals);
        musubi_dump(client, words, sizeof words);
    } while (err == 0 || err == MUSUBI_ERR_WOULD_BLOCK);
    CHECK_CODE(err, MUSUBI_ERR_HANDLE);
    return NULL;
}

static void *poll_until_gone(void *arg)
{
    musubi_event events[BATCH];
    int32_t err;

    (void)arg;
    do {
        musubi_wait(client, 1000);
        err = musubi_poll(client, events, BATCH);
    } while (err >= 0);
    CHECK_CODE(err, MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_wait(client, 1000), MUSUBI_ERR_HANDLE);
    return NULL;
}

/* Nobody waits for anybody: threads in the middle of send, poll and wait find out by ERR_HANDLE. */
static void destroy_under_load(int rounds)
{
    pthread_t threads[4];
    int r, i;

    for (r = 0; r < rounds; r++) {
        struct timespec t = {0, 200000 * (r % 10)};

        connect_echo();
        for (i = 0; i < 3; i++)
            CHECK(pthread_create(&threads[i], NULL, send_until_gone, NULL) == 0);
        CHECK(pthread_create(&threads[3], NULL, poll_until_gone, NULL) == 0);
        nanosleep(&t, NULL);
        CHECK_CODE(musubi_destroy(client), 0);
        CHECK_CODE(musubi_destroy(client), MUSUBI_ERR_HANDLE);
        for (i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    printf("destroyed %d times under load\n", rounds);
}

/* A game that does not poll: unreliable messages are dropped and counted, state events and reliable ones are not. */
static void nobody_polls(void)
{
    uint8_t data[1000] = {0};
    musubi_event events[BATCH];
    uint64_t sent = 0, back = 0, dropped = 0;
    int32_t n, i, err;

    connect_echo();
    while (sent < 20000) {
        err = musubi_send(client, peer, MUSUBI_UNRELIABLE, 0, data, sizeof data, 0, 0);
        sent += err == 0;
        CHECK(err == 0 || err == MUSUBI_ERR_WOULD_BLOCK);
        if (err != 0)
            sched_yield();
    }
    while ((err = musubi_send(client, peer, MUSUBI_RELIABLE_ORDERED, 0, data, 7, 0, 0)) == MUSUBI_ERR_WOULD_BLOCK)
        sched_yield(); /* the ring is still full of the others */
    CHECK_CODE(err, 0);
    for (n = 1; n >= 0;) {
        CHECK_CODE(musubi_wait(client, 5000), 1);
        n = musubi_poll(client, events, BATCH);
        for (i = 0; i < n; i++) {
            if (events[i].kind == MUSUBI_EVENT_QUEUE_FULL)
                dropped += events[i].count;
            if (events[i].kind == MUSUBI_EVENT_MESSAGE && events[i].mode == MUSUBI_RELIABLE_ORDERED)
                n = -1;
            else
                back += events[i].kind == MUSUBI_EVENT_MESSAGE;
        }
    }
    CHECK(dropped > 0 && back + dropped == sent);
    CHECK_CODE(musubi_destroy(client), 0);
    printf("nobody polled: %lu of %lu dropped and counted\n", (unsigned long)dropped, (unsigned long)sent);
}

/* Two threads poll the same client, which they must not: each time one of them is told so, and no event is lost. */
static atomic_ulong polled, busy;

static void *rival(void *arg)
{
    musubi_event events[4];
    int32_t n, i;

    (void)arg;
    while (polled < messages) {
        n = musubi_poll(client, events, 4);
        CHECK(n >= 0 || n == MUSUBI_ERR_BUSY);
        for (i = 0; i < n; i++)
            polled += events[i].kind == MUSUBI_EVENT_MESSAGE;
        busy += n < 0;
    }
    return NULL;
}

static void two_pollers(void)
{
    pthread_t threads[2];
    uint32_t sent = 0, i;
    int32_t err;

    connect_echo();
    for (i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, rival, NULL) == 0);
    while (sent < messages) {
        err = musubi_send(client, peer, MUSUBI_RELIABLE_ORDERED, 0, "x", 1, 0, 0);
        CHECK(err == 0 || err == MUSUBI_ERR_WOULD_BLOCK);
        sent += err == 0;
        if (err != 0)
            sched_yield();
    }
    for (i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK(polled == messages);
    CHECK_CODE(musubi_destroy(client), 0);
    printf("two pollers: ERR_BUSY %lu times, nothing lost\n", atomic_load(&busy));
}

/* With MUSUBI_CONFIG_SCRIBBLE a pointer kept over the next poll shows. */
static void kept_pointers_show(void)
{
    musubi_event e;
    const uint8_t *kept;

    connect_echo();
    CHECK_CODE(musubi_send(client, peer, MUSUBI_RELIABLE_ORDERED, 0, "secret", 6, 0, 0), 0);
    CHECK_CODE(musubi_wait(client, 5000), 1);
    CHECK_CODE(musubi_poll(client, &e, 1), 1);
    kept = e.data;
    CHECK(memcmp(kept, "secret", 7) == 0);
    CHECK_CODE(musubi_poll(client, &e, 1), 0);
    CHECK(kept[0] == 0xdd && kept[5] == 0xdd);
    CHECK_CODE(musubi_destroy(client), 0);
    printf("kept pointers show\n");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        messages = (uint32_t)atoi(argv[1]);
    exactly_once_in_order();
    if (argc > 2 && strcmp(argv[2], "load") == 0)
        return 0;
    nobody_is_forgotten(8 << 20, 64 << 10, BATCH, 2000);
    nobody_is_forgotten(128 << 10, 4 << 20, BATCH, 2000);
    nobody_is_forgotten(8 << 20, 4 << 20, 1, 2000);
    each_is_woken_for();
    nobody_polls();
    two_pollers();
    kept_pointers_show();
    destroy_under_load(100);
    return 0;
}
