/* Several messages by one call. */
#include <stddef.h>

#include "internal.h"

int32_t musubi_send_batch(musubi_client client, const musubi_message *messages, uint32_t count)
{
    struct musubi_slot *slot;
    uint64_t tail;
    uint32_t n;
    int wake = 0;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (messages == NULL && count != 0)
        return MUSUBI_ERR_NULL;
    if (count > INT32_MAX)
        return MUSUBI_ERR_VALUE;
    for (n = 0; n < count; n++) {
        const musubi_message *m = &messages[n];

        err = m->struct_size == sizeof *m ? musubi_send(client, m->peer, m->mode, m->channel, m->data, m->size,
                                                        m->flags | MUSUBI_SEND_NO_WAKE, m->id)
                                          : MUSUBI_ERR_SIZE;
        if (err != MUSUBI_OK)
            break;
        wake |= (m->flags & MUSUBI_SEND_NO_WAKE) == 0;
    }
    if (wake)
        musubi_wake(slot);
    return n == 0 ? err : (int32_t)n;
}

/* Adds a peer to the array of those who did not take the message. */
static void refuse(musubi_peer peer, musubi_peer *refused, uint32_t max, uint32_t *n)
{
    if (*n < max)
        refused[(*n)++] = peer;
}

int32_t musubi_broadcast(musubi_client client, uint32_t mode, uint32_t channel, const void *data, uint32_t size, uint32_t flags,
                         musubi_peer *refused, uint32_t max_refused)
{
    struct musubi_slot *slot;
    uint64_t tail;
    uint32_t i, n = 0;
    int32_t accepted = 0, err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (refused == NULL && max_refused != 0)
        return MUSUBI_ERR_NULL;
    err = musubi_send(client, 0, mode, channel, data, size, flags, 0); /* nobody has this handle: it looks at the arguments only */
    if (err != MUSUBI_ERR_PEER)
        return err;
    for (i = 0; i < MUSUBI_MAX_PEERS; i++) {
        uint64_t key = atomic_load_explicit(&slot->peers[i].key, memory_order_acquire);
        musubi_peer peer = key >> 32 << 32 | i;

        if ((key & MUSUBI_PEER_CONNECTED) == 0)
            continue;
        err = musubi_send(client, peer, mode, channel, data, size, flags | MUSUBI_SEND_NO_WAKE, 0);
        if (err == MUSUBI_OK)
            accepted++;
        else if (err == MUSUBI_ERR_WOULD_BLOCK || err == MUSUBI_ERR_MEMORY)
            refuse(peer, refused, max_refused, &n);
        else if (err != MUSUBI_ERR_PEER && err != MUSUBI_ERR_NOT_CONNECTED) /* these two: it has just gone */
            return err;
    }
    if (n < max_refused)
        refused[n] = 0;
    if (accepted > 0 && (flags & MUSUBI_SEND_NO_WAKE) == 0)
        musubi_wake(slot);
    return accepted;
}
