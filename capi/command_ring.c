/* Commands on their way from any thread to the owner: a bounded ring of 64-byte cells with many producers and one consumer.
 *
 *   reserve   compare-and-swap the tail word forward by the cells needed; fails on a stale generation, after the close, and
 *             when the ring is full
 *   copy      head and payload into the reserved cells, which nobody else touches
 *   commit    seq[first cell] = lap + 1, a release
 *
 * The wake protocol. Both sides change `asleep` by swapping it, and swaps of one word have an order. If the sender's comes
 * second, it finds the 1 and wakes; if the owner's does, it has acquired what the sender released before, and so sees the
 * committed command. No fence is needed (ThreadSanitizer models none), and a send with NO_WAKE commits by a plain store:
 *
 *   sender: seq[cell] = lap + 1                          owner: swap(asleep, 1)
 *           if swap(asleep, 0) == 1: signal its handle          if seq[head] is committed, or the tail is closed:
 *                                                                   asleep = 0, go on working
 *                                                               wait for sockets, wake handle, deadline; asleep = 0
 *
 * A similar pair of flag and recheck guards the other two waits: a sender that finds the ring or its budget exhausted
 * (ring_blocked, blocked; the owner answers with WRITABLE) and an owner that finds the event ring full (starved, retry).
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void musubi_wake_always(struct musubi_slot *slot)
{
    atomic_store(&slot->asleep, 0);
    musubi_wake_signal(atomic_load_explicit(&slot->wake_handle, memory_order_relaxed));
}

void musubi_wake(struct musubi_slot *slot)
{
    if (atomic_exchange(&slot->asleep, 0) == 1)
        musubi_wake_always(slot);
}

/* Whether `need` more cells fit behind position. */
static int has_room(struct musubi_slot *slot, uint64_t position, uint64_t need, uint64_t cells)
{
    return position + need - atomic_load(&slot->head) <= cells;
}

/* Reserves need cells in one piece, and the padding before them if the ring's end is too near. On success *at is the
 * position of the first and *pad the number of padding cells before it. */
static int32_t reserve(struct musubi_slot *slot, uint64_t tail, uint64_t need, uint64_t *at, uint64_t *pad)
{
    uint64_t generation = tail >> MUSUBI_GENERATION_SHIFT;
    uint64_t cells = atomic_load_explicit(&slot->cell_mask, memory_order_relaxed) + 1;

    for (;;) {
        uint64_t position = tail & MUSUBI_POSITION, left = cells - (position & (cells - 1));

        if (tail >> MUSUBI_GENERATION_SHIFT != generation || (tail & MUSUBI_CLOSED) != 0)
            return MUSUBI_ERR_HANDLE;
        *pad = left < need ? left : 0;
        *at = position + *pad;
        if (!has_room(slot, position, *pad + need, cells))
            return MUSUBI_ERR_WOULD_BLOCK;
        if (atomic_compare_exchange_weak(&slot->tail, &tail, tail + *pad + need))
            return MUSUBI_OK;
    }
}

/* Marks the command at a position as complete: from here on it is the owner's. */
static void commit(struct musubi_slot *slot, uint64_t position)
{
    musubi_a64 *seqs = (musubi_a64 *)(uintptr_t)atomic_load_explicit(&slot->seqs, memory_order_relaxed);
    uint64_t mask = atomic_load_explicit(&slot->cell_mask, memory_order_relaxed);

    atomic_store_explicit(&seqs[position & mask], position / (mask + 1) + 1, memory_order_release);
}

static struct musubi_command *command_at(struct musubi_slot *slot, uint64_t position)
{
    uint8_t *cells = (uint8_t *)(uintptr_t)atomic_load_explicit(&slot->cells, memory_order_relaxed);
    uint64_t mask = atomic_load_explicit(&slot->cell_mask, memory_order_relaxed);

    return (struct musubi_command *)(cells + (position & mask) * MUSUBI_CELL);
}

/* Cells have been the owner's since they were last written here, and after a rest the page is a stranger too: a sender
 * that waited for them would spend more on that than on everything else. So it asks for those of the messages after next
 * in time; two cells are a message of up to 96 bytes, what games mostly send. */
enum { AHEAD = 16 }; /* cells; sixteen were as good as eight or 32 */

static void expect(struct musubi_slot *slot, uint64_t position)
{
    musubi_a64 *seqs = (musubi_a64 *)(uintptr_t)atomic_load_explicit(&slot->seqs, memory_order_relaxed);
    uint64_t mask = atomic_load_explicit(&slot->cell_mask, memory_order_relaxed);

    __builtin_prefetch(command_at(slot, position), 1);
    __builtin_prefetch(command_at(slot, position + 1), 1);
    __builtin_prefetch((void *)&seqs[position & mask], 1);
}

static void put_pad(struct musubi_slot *slot, uint64_t position, uint64_t pad)
{
    struct musubi_command *c = command_at(slot, position);

    c->kind = MUSUBI_CMD_PAD;
    c->flags = 0;
    c->cells = (uint32_t)pad;
    c->size = 0;
    commit(slot, position);
}

__attribute__((hot)) int32_t musubi_command_put(struct musubi_slot *slot, uint64_t tail, const struct musubi_request *request, int wake)
{
    const void *payload = request->data;
    size_t inside = request->size; /* bytes that go into the cells */
    uint64_t at, pad, need;
    struct musubi_command *c;
    void *block = NULL;
    int32_t err;

    if (request->size > MUSUBI_INLINE_MAX) {
        block = malloc(request->size);
        if (block == NULL)
            return MUSUBI_ERR_MEMORY;
        memcpy(block, request->data, request->size);
        payload = &block;
        inside = sizeof block;
    }
    need = (sizeof *c + inside + MUSUBI_CELL - 1) / MUSUBI_CELL;
    err = reserve(slot, tail, need, &at, &pad);
    if (err != MUSUBI_OK) {
        free(block);
        if (err == MUSUBI_ERR_WOULD_BLOCK)
            musubi_wake(slot); /* what fills the ring may have been sent with NO_WAKE */
        return err;
    }
    if (pad != 0)
        put_pad(slot, at - pad, pad);
    c = command_at(slot, at);
    c->kind = request->kind;
    c->mode = request->mode;
    c->channel = request->channel;
    c->flags = block != NULL ? MUSUBI_COMMAND_BLOCK : 0;
    c->cells = (uint32_t)need;
    c->size = request->size;
    c->code = request->code;
    c->peer = request->peer;
    c->value = request->value;
    if (inside != 0)
        memcpy(c + 1, payload, inside);
    expect(slot, at + need + AHEAD);
    commit(slot, at);
    if (wake)
        musubi_wake(slot);
    return MUSUBI_OK;
}
