/* The Go side of the rings (capi/host.go, commands.go, events.go, peers.go, echo.go) once more in C, so that the C side can
 * be run with it under ThreadSanitizer and AddressSanitizer, which do not see into Go. Same memory, same order of accesses,
 * all of them sequentially consistent as Go's are. It takes the place of capi/owner_thread.c: the owner is a C thread here.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../capi/internal.h"

struct event {
    uint8_t kind, mode, channel, route;
    int32_t code;
    uint64_t peer, count;
    const void *data;
    uint32_t size;
    const char *text;
};

struct host {
    struct musubi_slot *s;
    uint8_t *cells;
    musubi_a64 *seqs;
    uint64_t n, next, freed; /* cells of the ring; positions */
    void *block;
    struct musubi_entry *entries;
    uint8_t *payload;
    uint64_t size, put, write, start, start_entry, dropped;
    uint64_t ends[MUSUBI_ENTRIES];
    int closing, owed;
};

/* commands.go */

static int committed(struct host *h) { return atomic_load(&h->seqs[h->next & (h->n - 1)]) == h->next / h->n + 1; }

static void publish_head(struct host *h)
{
    if (h->freed != h->next) {
        h->freed = h->next;
        atomic_store(&h->s->head, h->next);
    }
}

static struct musubi_command *take(struct host *h)
{
    free(h->block);
    h->block = NULL;
    if (h->next - h->freed >= 64)
        publish_head(h);
    while (committed(h)) {
        struct musubi_command *c = (void *)(h->cells + (h->next & (h->n - 1)) * MUSUBI_CELL);

        h->next += c->cells;
        if (c->kind == MUSUBI_CMD_PAD)
            continue;
        if ((c->flags & MUSUBI_COMMAND_BLOCK) != 0)
            memcpy(&h->block, c + 1, sizeof h->block);
        return c;
    }
    return NULL;
}

/* events.go */

static uint64_t gap(const struct host *h, uint64_t need)
{
    uint64_t left = h->size - (h->write & (h->size - 1));

    return left < need ? left : 0;
}

static int room(struct host *h, uint64_t need, uint64_t keep_entries, uint64_t keep_bytes)
{
    uint64_t released = atomic_load(&h->s->event_released);

    if (h->put - released + keep_entries >= MUSUBI_ENTRIES)
        return 0;
    if (released == h->put) {
        h->write = (h->write + h->size - 1) & ~(h->size - 1);
        h->start = h->write;
    } else if (released > h->start_entry) {
        h->start = h->ends[(released - 1) % MUSUBI_ENTRIES];
    }
    h->start_entry = released;
    return h->write - h->start + gap(h, need) + need + keep_bytes <= h->size;
}

static int place(struct host *h, const struct event *e, int is_state)
{
    size_t text = e->text != NULL ? strlen(e->text) : 0, n = e->size + 1;
    uint64_t keep_entries = is_state ? 0 : MUSUBI_STATE_ENTRIES, keep_bytes = is_state ? 0 : MUSUBI_STATE_BYTES, at, need;
    struct musubi_entry *entry = &h->entries[h->put % MUSUBI_ENTRIES];
    uint8_t *p;

    if (e->kind != MUSUBI_EVENT_MESSAGE)
        n += sizeof(struct musubi_event_extra) + text + 1;
    need = (n + 15) & ~(uint64_t)15;
    if (!room(h, need, keep_entries, keep_bytes)) {
        atomic_store(&h->s->starved, 1);
        if (!room(h, need, keep_entries, keep_bytes))
            return 0;
    }
    h->write += gap(h, need);
    at = h->write & (h->size - 1);
    h->write += need;
    *entry = (struct musubi_entry){e->kind, e->mode, e->channel, e->route, e->code, e->peer, e->count, e->size, (uint32_t)at};
    p = h->payload + at;
    if (e->kind != MUSUBI_EVENT_MESSAGE) {
        struct musubi_event_extra extra = {0, (uint16_t)text, 0, 0};

        memcpy(p, &extra, sizeof extra);
        p += sizeof extra;
        memcpy(p + e->size + 1, e->text != NULL ? e->text : "", text + 1);
    }
    if (e->size != 0)
        memcpy(p, e->data, e->size);
    p[e->size] = 0;
    h->ends[h->put % MUSUBI_ENTRIES] = h->write;
    h->put++;
    atomic_store(&h->s->event_head, h->put);
    if (atomic_load(&h->s->waiters) != 0) {
        atomic_fetch_add(&h->s->signal, 1);
        musubi_futex_wake(&h->s->signal);
    }
    return 1;
}

static int drop(struct host *h, const struct event *e)
{
    if (e->kind == MUSUBI_EVENT_MESSAGE && e->mode >= MUSUBI_UNRELIABLE) {
        h->dropped++;
        return 1;
    }
    return e->kind == MUSUBI_EVENT_LOG;
}

static int tell_dropped(struct host *h, uint64_t next)
{
    struct event full = {.kind = MUSUBI_EVENT_QUEUE_FULL, .count = h->dropped};

    if (!room(h, next + 48, MUSUBI_STATE_ENTRIES, MUSUBI_STATE_BYTES)) {
        atomic_store(&h->s->starved, 1);
        if (!room(h, next + 48, MUSUBI_STATE_ENTRIES, MUSUBI_STATE_BYTES))
            return 0;
    }
    if (!place(h, &full, 0))
        return 0;
    h->dropped = 0;
    return 1;
}

static int put_event(struct host *h, const struct event *e)
{
    int is_state = e->kind != MUSUBI_EVENT_MESSAGE && e->kind != MUSUBI_EVENT_LOG;

    if (h->dropped > 0 && !is_state && !tell_dropped(h, e->size))
        return drop(h, e);
    return place(h, e, is_state) || drop(h, e);
}

/* peers.go */

static void writable(struct host *h, unsigned i)
{
    struct musubi_peer_slot *p = &h->s->peers[i];
    uint64_t key = atomic_load(&p->key);
    struct event e = {.kind = MUSUBI_EVENT_WRITABLE, .peer = (key >> 32 << 32) | i};

    if ((key & MUSUBI_PEER_CONNECTED) == 0 || (int64_t)atomic_load(&p->credits) < (int64_t)(atomic_load(&h->s->send_budget) / 2))
        return;
    atomic_store(&p->blocked, 0);
    if (!place(h, &e, 1)) {
        atomic_store(&p->blocked, 1);
        h->owed = 1;
    }
}

static void credit(struct host *h, uint64_t peer, uint64_t bytes)
{
    struct musubi_peer_slot *p = &h->s->peers[(uint32_t)peer];
    int64_t budget = (int64_t)atomic_load(&h->s->send_budget);
    uint64_t now = atomic_fetch_add(&p->credits, bytes) + bytes;

    while ((int64_t)now > budget && !atomic_compare_exchange_weak(&p->credits, &now, (uint64_t)budget))
        ;
    if (atomic_load(&p->blocked))
        writable(h, (uint32_t)peer);
}

static void unblock(struct host *h)
{
    if (h->dropped > 0 && atomic_load(&h->s->event_released) == h->put)
        tell_dropped(h, 0);
    if ((!atomic_load(&h->s->ring_blocked) && !h->owed) || h->closing)
        return;
    atomic_store(&h->s->ring_blocked, 0);
    h->owed = 0;
    if (atomic_load(&h->s->peers[0].blocked))
        writable(h, 0);
}

/* host.go */

static int closed(struct host *h) { return (atomic_load(&h->s->tail) & MUSUBI_CLOSED) != 0; }

/* Spends a little time now and then, so that the game's side meets the owner between any two steps. */
static void stretch(void)
{
    static _Thread_local unsigned calls;
    volatile unsigned turns = ++calls % 5 == 0 ? calls * 7 % 3000 : 0;

    while (turns > 0)
        turns--;
}

static int sleep_allowed(struct host *h)
{
    unblock(h);
    stretch();
    atomic_exchange(&h->s->asleep, 1);
    stretch();
    if (committed(h) || atomic_load(&h->s->retry) || atomic_load(&h->s->ring_blocked) || (closed(h) && !h->closing)) {
        atomic_store(&h->s->retry, 0);
        atomic_store(&h->s->asleep, 0);
        return 0;
    }
    return 1;
}

static void wait_for_wake(struct host *h)
{
    struct pollfd fd = {(int)atomic_load(&h->s->wake_handle) - 1, POLLIN, 0};
    uint64_t count;

    if (poll(&fd, 1, -1) == 1 && read(fd.fd, &count, sizeof count) < 0 && errno != EAGAIN)
        abort();
    atomic_store(&h->s->asleep, 0);
    atomic_store(&h->s->retry, 0);
}

static void end(struct host *h)
{
    do {
        if (h->next == (atomic_load(&h->s->tail) & MUSUBI_POSITION))
            break;
        if (!committed(h))
            usleep(1000);
        while (take(h) != NULL)
            ;
        publish_head(h);
    } while (1);
    free(h->block);
    atomic_store(&h->s->ended, 1);
    musubi_futex_wake(&h->s->ended);
    free(h);
}

/* echo.go */

static void connect_peer(struct host *h)
{
    const uint64_t peer = (uint64_t)1 << 32;
    struct musubi_peer_slot *p = &h->s->peers[0];
    struct event joined = {.kind = MUSUBI_EVENT_MEMBER_JOINED, .peer = peer, .data = "echo", .size = 4, .text = ""};
    struct event connected = {.kind = MUSUBI_EVENT_PEER_CONNECTED, .peer = peer, .text = "echo"};

    put_event(h, &joined);
    atomic_store(&p->credits, atomic_load(&h->s->send_budget));
    atomic_store(&p->blocked, 0);
    atomic_store(&p->key, peer | MUSUBI_PEER_MEMBER | MUSUBI_PEER_CONNECTED);
    put_event(h, &connected);
}

static void *owner(void *arg)
{
    struct host *h = arg;
    struct musubi_command *c = NULL;

    while (!(h->closing = h->closing || closed(h))) {
        int busy = 0, waiting = c != NULL;

        while (c != NULL || (c = take(h)) != NULL) {
            struct event e = {.kind = MUSUBI_EVENT_MESSAGE, .mode = c->mode, .channel = c->channel, .peer = c->peer,
                              .data = h->block != NULL ? h->block : c + 1, .size = c->size};

            waiting = 0;
            busy = 1;
            if (c->kind == MUSUBI_CMD_CONNECT)
                connect_peer(h);
            else if (c->kind == MUSUBI_CMD_SEND && !put_event(h, &e)) {
                waiting = 1;
                break;
            } else if (c->kind == MUSUBI_CMD_SEND)
                credit(h, c->peer, musubi_cost(c->size));
            c = NULL;
        }
        if (c == NULL) {
            publish_head(h);
            unblock(h);
        }
        if ((busy && !waiting) || !sleep_allowed(h))
            continue;
        wait_for_wake(h);
    }
    end(h);
    return NULL;
}

int32_t musubi_owner_begin(struct musubi_slot *slot, const musubi_config *config)
{
    struct host *h = calloc(1, sizeof *h);
    pthread_t thread;

    (void)config;
    h->s = slot;
    h->n = atomic_load(&slot->cell_mask) + 1;
    h->cells = (uint8_t *)(uintptr_t)atomic_load(&slot->cells);
    h->seqs = (musubi_a64 *)(uintptr_t)atomic_load(&slot->seqs);
    h->entries = (struct musubi_entry *)(uintptr_t)atomic_load(&slot->entries);
    h->payload = (uint8_t *)(uintptr_t)atomic_load(&slot->payload);
    h->size = atomic_load(&slot->payload_size);
    if (pthread_create(&thread, NULL, owner, h) != 0)
        abort();
    pthread_detach(thread);
    return MUSUBI_OK;
}
