/* The state of a whole client, put together from what the slot shows. */
#include <stddef.h>
#include <string.h>

#include "grow.h"
#include "internal.h"

static uint32_t link_of(struct musubi_slot *slot)
{
    if (atomic_load(&slot->link) == MUSUBI_LINK_NONE)
        return MUSUBI_SERVER_NONE;
    return atomic_load(&slot->link_up) ? MUSUBI_SERVER_CONNECTED : MUSUBI_SERVER_CONNECTING;
}

static void add_peer(musubi_client client, musubi_peer peer, musubi_totals *t)
{
    musubi_stats s = {.struct_size = sizeof s};

    t->peers++;
    if (musubi_peer_stats(client, peer, &s) != MUSUBI_OK)
        return; /* gone, or its first snapshot is still to come */
    t->direct += s.route > MUSUBI_ROUTE_RELAY;
    t->packets_sent += s.packets_sent;
    t->packets_received += s.packets_received;
    t->packets_lost += s.packets_lost;
    t->bytes_sent += s.bytes_sent;
    t->bytes_received += s.bytes_received;
    t->queued_bytes += s.queued_bytes;
    t->send_rate += s.send_rate;
    t->receive_rate += s.receive_rate;
    t->resent += s.resent;
}

int32_t musubi_client_stats(musubi_client client, musubi_totals *totals)
{
    struct musubi_slot *slot;
    uint64_t tail;
    musubi_totals t;
    uint32_t i, members = 0;
    int32_t err = musubi_slot_find(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (totals == NULL)
        return MUSUBI_ERR_NULL;
    if (!musubi_size_fits(totals->struct_size, MUSUBI_FIRST_TOTALS))
        return MUSUBI_ERR_SIZE;
    t = (musubi_totals){.struct_size = sizeof t, .server = link_of(slot)};
    t.server_code = (int32_t)atomic_load(&slot->link_code);
    for (i = 0; i < MUSUBI_MAX_PEERS; i++) {
        uint64_t key = atomic_load_explicit(&slot->peers[i].key, memory_order_acquire);

        members += (key & MUSUBI_PEER_MEMBER) != 0;
        if ((key & MUSUBI_PEER_CONNECTED) != 0)
            add_peer(client, key >> 32 << 32 | i, &t);
    }
    t.members = atomic_load(&slot->room_up) ? members + 1 : 0;
    t.events = (uint32_t)(atomic_load(&slot->event_head) - atomic_load(&slot->event_read));
    t.command_bytes = (uint32_t)((atomic_load(&slot->cell_mask) + 1) * MUSUBI_CELL);
    t.command_used = (uint32_t)(((tail & MUSUBI_POSITION) - atomic_load(&slot->head)) * MUSUBI_CELL);
    if (t.command_used > t.command_bytes)
        t.command_used = 0; /* the owner has taken commands since tail was read */
    musubi_grow_out(totals, &t, sizeof t);
    return MUSUBI_OK;
}

int32_t musubi_identity(musubi_client client, uint8_t *key, uint32_t size)
{
    struct musubi_slot *slot;
    uint64_t tail, word;
    uint32_t i;
    int32_t err = musubi_slot_find(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (key == NULL)
        return MUSUBI_ERR_NULL;
    if (size < MUSUBI_IDENTITY_SIZE)
        return MUSUBI_ERR_SIZE;
    for (i = 0; i < MUSUBI_IDENTITY_SIZE / sizeof word; i++) {
        word = atomic_load_explicit(&slot->identity[i], memory_order_relaxed);
        memcpy(key + i * sizeof word, &word, sizeof word); /* little-endian, as every platform of ours is */
    }
    return MUSUBI_OK;
}
