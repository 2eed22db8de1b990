/* What every call begins with: from handles to memory. Inline, because a frame's first send meets cold code and cold data,
 * and each line of either that it need not touch is a tenth of a microsecond. */
#ifndef MUSUBI_FIND_H
#define MUSUBI_FIND_H

#include "layout.h"

/* A handle is the generation (16 bits, never 0) and, below it, the slot's number plus one. */
#define MUSUBI_HANDLE_SHIFT 32

/* Set in a child of fork(): the owner and its threads did not come along. */
extern musubi_a32 musubi_forked;

static inline uint64_t musubi_generation_of(uint64_t tail) { return tail >> MUSUBI_GENERATION_SHIFT; }

/* Finds the slot of a living client. Returns 0 and the slot and its tail, or the code to answer with. Static memory and
 * loads only. */
static inline int32_t musubi_slot_find(musubi_client client, struct musubi_slot **slot, uint64_t *tail)
{
    uint64_t number = (client & UINT32_MAX) - 1; /* wraps to a number out of range for 0 */

    if (atomic_load_explicit(&musubi_forked, memory_order_relaxed))
        return MUSUBI_ERR_FORKED;
    if (number >= MUSUBI_MAX_CLIENTS || client <= UINT32_MAX) /* generation 0 is that of slots never used, which have no rings */
        return MUSUBI_ERR_HANDLE;
    *slot = &musubi_slots[number];
    *tail = atomic_load_explicit(&(*slot)->tail, memory_order_seq_cst); /* the rings' addresses are read after it */
    if (musubi_generation_of(*tail) != client >> MUSUBI_HANDLE_SHIFT || (*tail & MUSUBI_CLOSED) != 0)
        return MUSUBI_ERR_HANDLE;
    return MUSUBI_OK;
}

/* As musubi_slot_find, and refuses a client that has failed. */
static inline int32_t musubi_slot_use(musubi_client client, struct musubi_slot **slot, uint64_t *tail)
{
    int32_t err = musubi_slot_find(client, slot, tail);

    if (err == MUSUBI_OK && atomic_load_explicit(&(*slot)->failed, memory_order_relaxed))
        return MUSUBI_ERR_FAILED;
    return err;
}

/* Reads a peer's key. Returns 0 if the handle is of this generation and its peer is still there, else ERR_PEER. */
static inline int32_t musubi_peer_find(struct musubi_slot *slot, musubi_peer peer, struct musubi_peer_slot **found, uint32_t *bits)
{
    uint32_t number = (uint32_t)peer;
    uint64_t key;

    if (number >= MUSUBI_MAX_PEERS)
        return MUSUBI_ERR_PEER;
    *found = &slot->peers[number];
    key = atomic_load_explicit(&(*found)->key, memory_order_acquire);
    *bits = (uint32_t)key;
    if (key >> 32 != peer >> 32 || *bits == 0)
        return MUSUBI_ERR_PEER;
    return MUSUBI_OK;
}

#endif
