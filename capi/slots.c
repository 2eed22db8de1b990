/* The table of clients: handles, generations, memory. */
#include <stddef.h>
#include <string.h>

#include "internal.h"

struct musubi_slot musubi_slots[MUSUBI_MAX_CLIENTS] __attribute__((aligned(64)));
musubi_a32 musubi_forked;

#define PAGE 65536 /* bytes: a multiple of the page size everywhere; event rings are multiples of it too */

/* One mapping holds everything: the kernel zeroes it, gives pages only as they are touched and takes them all back. What
 * lies behind the payload ring can't be touched, so that a mistake there is a crash at its cause. */
static int32_t map_rings(struct musubi_slot *s, uint32_t command_bytes, uint32_t event_bytes)
{
    uint64_t cells = command_bytes / MUSUBI_CELL, seqs_at = command_bytes;
    uint64_t entries_at = seqs_at + cells * sizeof(uint64_t);
    uint64_t payload_at = (entries_at + MUSUBI_ENTRIES * sizeof(struct musubi_entry) + PAGE - 1) / PAGE * PAGE;
    uint64_t guard_at = payload_at + event_bytes, size = guard_at + PAGE;
    uint8_t *memory = musubi_map(size, guard_at);

    if (memory == NULL)
        return MUSUBI_ERR_MEMORY;
    atomic_store(&s->memory, (uint64_t)(uintptr_t)memory);
    atomic_store(&s->memory_size, size);
    atomic_store(&s->cells, (uint64_t)(uintptr_t)memory);
    atomic_store(&s->cell_mask, cells - 1);
    atomic_store(&s->seqs, (uint64_t)(uintptr_t)(memory + seqs_at));
    atomic_store(&s->entries, (uint64_t)(uintptr_t)(memory + entries_at));
    atomic_store(&s->payload, (uint64_t)(uintptr_t)(memory + payload_at));
    atomic_store(&s->payload_size, event_bytes);
    return MUSUBI_OK;
}

/* The wake handle stays with the slot for ever: a late sender may use it at any time, and must not hit another file that got
 * the same number. */
static int32_t open_wake(struct musubi_slot *s)
{
    uint32_t handle;

    if (atomic_load(&s->wake_handle) != 0)
        return MUSUBI_OK;
    handle = musubi_wake_make();
    if (handle == 0)
        return MUSUBI_ERR_MEMORY;
    atomic_store(&s->wake_handle, handle);
    return MUSUBI_OK;
}

static void reset(struct musubi_slot *s)
{
    musubi_a32 *words[] = {&s->asleep, &s->ring_blocked, &s->starved, &s->retry, &s->scribble,
                           &s->ended,  &s->failed,       &s->link,    &s->room,  &s->nat_seq, &s->wait_habit,
                           &s->link_up, &s->link_code, &s->room_up};
    unsigned i;

    for (i = 0; i < sizeof words / sizeof *words; i++)
        atomic_store(words[i], 0);
    for (i = 0; i < MUSUBI_NAT_WORDS; i++)
        atomic_store(&s->nat[i], 0);
    for (i = 0; i < MUSUBI_MAX_PEERS; i++)
        atomic_store(&s->peers[i].key, 0);
    atomic_store(&s->head, 0);
    atomic_store(&s->event_head, 0);
    atomic_store(&s->event_read, 0);
    atomic_store(&s->event_released, 0);
}

int32_t musubi_slot_take(uint32_t command_bytes, uint32_t event_bytes, struct musubi_slot **slot, musubi_client *client)
{
    unsigned i;

    for (i = 0; i < MUSUBI_MAX_CLIENTS; i++) {
        struct musubi_slot *s = &musubi_slots[i];
        uint32_t want = MUSUBI_SLOT_FREE;
        uint64_t generation;
        int32_t err;

        if (!atomic_compare_exchange_strong(&s->life, &want, MUSUBI_SLOT_BUSY))
            continue;
        reset(s);
        err = open_wake(s);
        if (err == MUSUBI_OK)
            err = map_rings(s, command_bytes, event_bytes);
        if (err != MUSUBI_OK) {
            atomic_store(&s->life, MUSUBI_SLOT_FREE);
            return err;
        }
        generation = musubi_generation_of(atomic_load(&s->tail));
        generation += generation == 0; /* the first use of a slot; musubi_slot_close skips 0 afterwards */
        atomic_store(&s->tail, generation << MUSUBI_GENERATION_SHIFT);
        *slot = s;
        *client = generation << MUSUBI_HANDLE_SHIFT | (i + 1);
        return MUSUBI_OK;
    }
    return MUSUBI_ERR_LIMIT;
}

int32_t musubi_slot_close(musubi_client client, struct musubi_slot **slot)
{
    uint64_t tail, generation, next;
    int32_t err = musubi_slot_find(client, slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    do { /* senders move the position meanwhile */
        if (musubi_generation_of(tail) != client >> MUSUBI_HANDLE_SHIFT)
            return MUSUBI_ERR_HANDLE; /* another thread was first */
        generation = (musubi_generation_of(tail) + 1) & 0xffff;
        generation += generation == 0;
        next = generation << MUSUBI_GENERATION_SHIFT | MUSUBI_CLOSED | (tail & MUSUBI_POSITION);
    } while (!atomic_compare_exchange_weak(&(*slot)->tail, &tail, next));
    return MUSUBI_OK;
}

void musubi_slot_free(struct musubi_slot *s)
{
    musubi_unmap((void *)(uintptr_t)atomic_load(&s->memory), atomic_load(&s->memory_size));
    atomic_store(&s->life, MUSUBI_SLOT_FREE);
}
