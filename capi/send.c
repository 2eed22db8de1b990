/* Messages on their way out. A peer's credits are its send budget in bytes, of which a message takes its
 * musubi_cost: taken here, given back by the owner when the message was acknowledged or dropped, so that musubi_send can
 * answer WOULD_BLOCK at once. RUDP counts in the same way. */
#include <stddef.h>

#include "internal.h"

static int take_credits(struct musubi_peer_slot *p, uint32_t cost)
{
    if ((int64_t)(atomic_fetch_sub(&p->credits, cost) - cost) >= 0)
        return 1;
    atomic_fetch_add(&p->credits, cost);
    return 0;
}

/* The owner adds credits and then looks at blocked; we set blocked and then look at the credits again: one of the two
 * sees the other, so a WRITABLE that is owed is never forgotten. */
static int take_credits_or_block(struct musubi_peer_slot *p, uint32_t cost)
{
    if (take_credits(p, cost))
        return 1;
    atomic_store(&p->blocked, 1);
    return take_credits(p, cost);
}

/* Flags that travel with the message: priority, and the deadline of unreliable modes. */
#define DEADLINE ((uint32_t)0xffff << MUSUBI_SEND_DEADLINE_SHIFT)
#define TRAVEL (DEADLINE | MUSUBI_SEND_URGENT)

static int32_t check(uint32_t mode, uint32_t channel, const void *data, uint32_t size, uint32_t flags)
{
    const uint32_t known = mode <= MUSUBI_RELIABLE_UNORDERED ? TRAVEL & ~DEADLINE : TRAVEL;

    if (mode > MUSUBI_UNRELIABLE_SEQUENCED || channel >= MUSUBI_MAX_CHANNELS || (flags & ~(known | MUSUBI_SEND_NO_WAKE)) != 0)
        return MUSUBI_ERR_VALUE;
    if (data == NULL && size != 0)
        return MUSUBI_ERR_NULL;
    if (size > (mode <= MUSUBI_RELIABLE_UNORDERED ? (uint32_t)MUSUBI_MAX_RELIABLE : (uint32_t)MUSUBI_MAX_UNRELIABLE))
        return MUSUBI_ERR_TOO_LARGE;
    return MUSUBI_OK;
}

/* Asks at once for what the first send of a frame finds cold; one after the other, each would be waited for. */
static void expect(struct musubi_slot *slot, musubi_peer peer)
{
    __builtin_prefetch(&slot->head);
    __builtin_prefetch(&slot->cells);
    __builtin_prefetch(&slot->peers[peer % MUSUBI_MAX_PEERS], 1);
}

/* hot: keeps the two functions of a send next to each other, on one page. */
__attribute__((hot)) int32_t musubi_send(musubi_client client, musubi_peer peer, uint32_t mode, uint32_t channel, const void *data, uint32_t size,
                    uint32_t flags, uint64_t id)
{
    struct musubi_request request;
    struct musubi_slot *slot;
    struct musubi_peer_slot *p;
    uint64_t tail;
    uint32_t bits, cost;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err == MUSUBI_OK) {
        expect(slot, peer);
        err = check(mode, channel, data, size, flags);
    }
    if (err == MUSUBI_OK)
        err = musubi_peer_find(slot, peer, &p, &bits);
    if (err != MUSUBI_OK)
        return err;
    if ((bits & MUSUBI_PEER_CONNECTED) == 0)
        return MUSUBI_ERR_NOT_CONNECTED;
    cost = musubi_cost(size);
    if (cost > atomic_load_explicit(&slot->send_budget, memory_order_relaxed))
        return MUSUBI_ERR_TOO_LARGE;
    if (!take_credits_or_block(p, cost)) {
        musubi_wake(slot); /* what used the budget up may have been sent with NO_WAKE */
        return MUSUBI_ERR_WOULD_BLOCK;
    }
    request = (struct musubi_request){MUSUBI_CMD_SEND, (uint8_t)mode, (uint8_t)channel, (int32_t)(flags & TRAVEL), peer, id, data, size};
    err = musubi_command_put(slot, tail, &request, (flags & MUSUBI_SEND_NO_WAKE) == 0);
    if (err != MUSUBI_OK) {
        atomic_fetch_add(&p->credits, cost);
        if (err == MUSUBI_ERR_WOULD_BLOCK) { /* the owner looks at all peers when it has made room, before it sleeps */
            atomic_store(&p->blocked, 1);
            atomic_store(&slot->ring_blocked, 1);
            musubi_wake(slot);
        }
    }
    return err;
}

int32_t musubi_flush(musubi_client client)
{
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err == MUSUBI_OK)
        musubi_wake(slot);
    return err;
}
