/* Events on their way from the owner to the thread that polls: 32-byte entries and, beside them, a ring of payload bytes.
 *
 *      event_released         event_read            event_head
 *   ────────┬──────────────────────┬─────────────────────┬─────────▶ entries
 *    free    handed out by the last  published, not yet    written by the owner
 *            poll, still the game's  polled
 *
 * A poll first releases what the poll before handed out, then hands out more; the owner places new payloads by what is
 * released. It never waits for the game: if there is no room it keeps the event, says so in `starved`, and the next
 * release wakes it (`retry`, by the wake protocol of command_ring.c).
 */
#include <string.h>

#include "internal.h"

#ifdef MUSUBI_TEST_CALL_GO
extern void musubiTestEnter(void);
#endif

static const char empty[16] __attribute__((aligned(16)));

static const struct musubi_entry *entry_at(struct musubi_slot *slot, uint64_t position)
{
    const struct musubi_entry *entries = (void *)(uintptr_t)atomic_load_explicit(&slot->entries, memory_order_relaxed);

    return &entries[position & (MUSUBI_ENTRIES - 1)];
}

static uint8_t *payload_of(struct musubi_slot *slot, const struct musubi_entry *e)
{
    return (uint8_t *)(uintptr_t)atomic_load_explicit(&slot->payload, memory_order_relaxed) + e->offset;
}

static void fill(struct musubi_slot *slot, const struct musubi_entry *e, musubi_event *out)
{
    uint8_t *payload = payload_of(slot, e);

    memset(out, 0, sizeof *out);
    out->kind = e->kind;
    out->code = e->code;
    out->peer = e->peer;
    out->count = e->count;
    out->mode = e->mode;
    out->channel = e->channel;
    out->route = e->route;
    out->data_size = e->data_size;
    out->text = empty;
    if (e->kind == MUSUBI_EVENT_MESSAGE) {
        out->data = payload;
    } else {
        struct musubi_event_extra extra;

        memcpy(&extra, payload, sizeof extra);
        out->data = payload + sizeof extra;
        out->text = (const char *)out->data + e->data_size + 1;
        out->text_size = extra.text_size;
        out->rtt_us = extra.rtt_us;
        out->nat_mapping = extra.nat_mapping & 15;
        out->nat_ports = extra.nat_mapping >> 4;
        out->nat_filtering = extra.nat_filtering & 15;
        out->nat_poisonable = extra.nat_filtering >> 4;
    }
}

/* Overwrites what the last poll handed out, so that a pointer kept too long shows at once. */
static void scribble(struct musubi_slot *slot, uint64_t from, uint64_t to)
{
    for (; from != to; from++) {
        const struct musubi_entry *e = entry_at(slot, from);

        if (e->kind == MUSUBI_EVENT_MESSAGE)
            memset(payload_of(slot, e), 0xdd, e->data_size);
        else
            memset(payload_of(slot, e) + sizeof(struct musubi_event_extra), 0xdd, e->data_size);
    }
}

/* Gives the payloads before `read` back to the owner. */
static void release(struct musubi_slot *slot, uint64_t read)
{
    uint64_t released = atomic_load_explicit(&slot->event_released, memory_order_relaxed);

    if (released == read)
        return;
    if (atomic_load_explicit(&slot->scribble, memory_order_relaxed))
        scribble(slot, released, read);
    atomic_store(&slot->event_released, read);
    if (atomic_load(&slot->starved) && atomic_exchange(&slot->starved, 0)) {
        atomic_store(&slot->retry, 1);
        musubi_wake(slot);
    }
}

int32_t musubi_poll(musubi_client client, musubi_event *events, uint32_t max)
{
    struct musubi_slot *slot;
    uint64_t tail, head, read, n, i;
    int32_t err = musubi_slot_find(client, &slot, &tail);

#ifdef MUSUBI_TEST_CALL_GO
    musubiTestEnter();
#endif
    if (err != MUSUBI_OK)
        return err;
    if (events == NULL)
        return MUSUBI_ERR_NULL;
    if (max == 0)
        return MUSUBI_ERR_VALUE;
    head = atomic_load_explicit(&slot->event_head, memory_order_acquire);
    read = atomic_load_explicit(&slot->event_read, memory_order_relaxed);
    if (head == read && read == atomic_load_explicit(&slot->event_released, memory_order_relaxed))
        return 0; /* nothing new, nothing to release: most frames end here */

    if (atomic_exchange(&slot->poll_busy, 1))
        return MUSUBI_ERR_BUSY;
    err = musubi_slot_find(client, &slot, &tail); /* musubi_destroy closes first and takes the flag afterwards */
    if (err != MUSUBI_OK) {
        atomic_store(&slot->poll_busy, 0);
        return err;
    }
    read = atomic_load_explicit(&slot->event_read, memory_order_relaxed);
    release(slot, read);
    n = atomic_load_explicit(&slot->event_head, memory_order_acquire) - read;
    if (n > max)
        n = max;
    for (i = 0; i < n; i++)
        fill(slot, entry_at(slot, read + i), &events[i]);
    atomic_store_explicit(&slot->event_read, read + n, memory_order_release);
    atomic_store_explicit(&slot->poll_busy, 0, memory_order_release);
    return (int32_t)n;
}

void musubi_release_waiters(struct musubi_slot *slot)
{
    atomic_fetch_add(&slot->signal, 1);
    musubi_futex_wake(&slot->signal);
}

/* Putting a thread to sleep and waking it takes 5 to 50 us. Where events tend to come sooner than that, musubi_wait looks
 * for a moment before it sleeps, and lets other threads run between two looks. The habit goes up by one for each wait
 * that would have been short and down by two for each other; the looking is done from LINGER_FROM on. Where every
 * processor is taken, looking costs our turn: one that took much longer than asked for ends it for LINGER_BAN waits. */
enum { LINGER_US = 60, LINGER_FROM = 3, LINGER_MOST = 6, LINGER_MISS = 2, LINGER_LATE_US = 200, LINGER_BAN = -2000 };

static int32_t habit_of(struct musubi_slot *slot)
{
    return (int32_t)atomic_load_explicit(&slot->wait_habit, memory_order_relaxed);
}

static void learn(struct musubi_slot *slot, int soon)
{
    int32_t habit = habit_of(slot);

    if (soon)
        habit += habit < LINGER_MOST;
    else if (habit > 0)
        habit = habit < LINGER_MISS ? 0 : habit - LINGER_MISS;
    atomic_store_explicit(&slot->wait_habit, (uint32_t)habit, memory_order_relaxed);
}

/* One turn of waiting. The owner stores event_head and then loads waiters; we count ourselves a waiter and then load
 * event_head (all sequentially consistent), so one of the two sees the other, and the value of signal read in between
 * makes a wake that comes before the futex call count. */
static void wait_once(struct musubi_slot *slot, musubi_client client, uint32_t timeout_ms)
{
    uint64_t tail, asleep = musubi_now_us();
    uint32_t signal;

    atomic_fetch_add(&slot->waiters, 1);
    signal = atomic_load(&slot->signal);
    if (musubi_slot_find(client, &slot, &tail) == MUSUBI_OK && atomic_load(&slot->event_head) == atomic_load(&slot->event_read))
        musubi_futex_wait(&slot->signal, signal, timeout_ms);
    atomic_fetch_sub(&slot->waiters, 1);
    learn(slot, musubi_now_us() - asleep < LINGER_US);
}

static int has_events(struct musubi_slot *slot)
{
    return atomic_load(&slot->event_head) != atomic_load_explicit(&slot->event_read, memory_order_relaxed);
}

/* Looks for events for a moment, if that pays. Returns whether there are some. */
static int linger(struct musubi_slot *slot)
{
    uint64_t now = musubi_now_us(), end = now + LINGER_US;
    int found = 0;

    if (habit_of(slot) < LINGER_FROM)
        return 0;
    for (; now < end && !found; now = musubi_now_us()) {
        found = has_events(slot);
        if (!found)
            musubi_yield();
    }
    learn(slot, found);
    if (now > end + LINGER_LATE_US)
        atomic_store_explicit(&slot->wait_habit, (uint32_t)LINGER_BAN, memory_order_relaxed);
    return found;
}

int32_t musubi_wait(musubi_client client, uint32_t timeout_ms)
{
    uint64_t start = musubi_now_ms();

    for (;;) {
        struct musubi_slot *slot;
        uint64_t tail, passed;
        int32_t err = musubi_slot_find(client, &slot, &tail);

        if (err != MUSUBI_OK)
            return err;
        if (has_events(slot) || (timeout_ms != 0 && linger(slot)))
            return 1;
        passed = musubi_now_ms() - start;
        if (timeout_ms != UINT32_MAX && passed >= timeout_ms)
            return 0;
        wait_once(slot, client, timeout_ms == UINT32_MAX ? UINT32_MAX : timeout_ms - (uint32_t)passed);
    }
}
