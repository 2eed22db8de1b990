/* Making and destroying clients. */
#include <string.h>

#include "grow.h"
#include "internal.h"

#define DESTROY_LIMIT_MS 5000

/* Whether a text is missing (allowed) or at most max bytes long. */
static int short_enough(const char *text, size_t max) { return text == NULL || strnlen(text, max + 1) <= max; }

static int in_range(uint32_t value, uint32_t least, uint32_t most) { return value == 0 || (value >= least && value <= most); }

static int32_t check(const musubi_config *c)
{
    const uint32_t flags = MUSUBI_CONFIG_MANUAL_ACCEPT | MUSUBI_CONFIG_MANUAL_CONNECT | MUSUBI_CONFIG_SCRIBBLE |
                           MUSUBI_CONFIG_NO_PORT_MAPPING | MUSUBI_CONFIG_NO_INVITES | MUSUBI_CONFIG_NO_PQ | MUSUBI_CONFIG_REQUIRE_PQ;
    const uint32_t contrary = MUSUBI_CONFIG_NO_PQ | MUSUBI_CONFIG_REQUIRE_PQ;

    if (c->token == NULL && c->token_size != 0)
        return MUSUBI_ERR_NULL;
    if (!short_enough(c->server, 2048) || !short_enough(c->app, 64) || !short_enough(c->user, MUSUBI_MAX_USER_ID) ||
        !short_enough(c->bind, 64) || c->token_size > MUSUBI_MAX_TOKEN)
        return MUSUBI_ERR_TOO_LARGE;
    if ((c->flags & ~flags) != 0 || (c->flags & contrary) == contrary || !in_range(c->send_budget, 64 << 10, 64 << 20) ||
        !in_range(c->command_bytes, 64 << 10, 64 << 20) || !in_range(c->event_bytes, 2 << 20, 64 << 20) ||
        !in_range(c->max_threads, 1, 64) || !in_range(c->memory_mib, 16, 1 << 20) ||
        !in_range(c->idle_timeout_ms, 1000, 600000) || c->privacy > MUSUBI_PRIVACY_RELAY_ONLY ||
        c->punch > MUSUBI_PUNCH_MAX || !in_range(c->punch_rate, 50, 2000))
        return MUSUBI_ERR_VALUE;
    return MUSUBI_OK;
}

static uint32_t power_of_2(uint32_t value)
{
    uint32_t p = 1;

    while (p < value)
        p *= 2;
    return p;
}

int32_t musubi_create(const musubi_config *config, musubi_client *client)
{
    musubi_config c;
    struct musubi_slot *slot;
    musubi_client made;
    int32_t err;

    if (atomic_load_explicit(&musubi_forked, memory_order_relaxed))
        return MUSUBI_ERR_FORKED;
    if (client == NULL)
        return MUSUBI_ERR_NULL;
    *client = 0;
    if (config == NULL)
        return MUSUBI_ERR_NULL;
    if (!musubi_grow_in(&c, sizeof c, config, MUSUBI_FIRST_CONFIG))
        return MUSUBI_ERR_SIZE;
    err = check(&c);
    if (err != MUSUBI_OK)
        return err;
    c.send_budget = c.send_budget != 0 ? c.send_budget : 4 << 20;
    err = musubi_slot_take(power_of_2(c.command_bytes != 0 ? c.command_bytes : 512 << 10),
                           power_of_2(c.event_bytes != 0 ? c.event_bytes : 4 << 20), &slot, &made);
    if (err != MUSUBI_OK)
        return err;
    atomic_store(&slot->send_budget, c.send_budget);
    atomic_store(&slot->scribble, (c.flags & MUSUBI_CONFIG_SCRIBBLE) != 0);
    err = musubi_owner_begin(slot, &c);
    if (err != MUSUBI_OK) {
        musubi_slot_close(made, &slot);
        musubi_slot_free(slot);
        return err;
    }
    *client = made;
    return MUSUBI_OK;
}

/* Waits until the owner has ended and nobody polls; the poll flag is then ours. */
static int quiet(struct musubi_slot *slot)
{
    uint64_t now = musubi_now_ms(), end = now + DESTROY_LIMIT_MS;

    for (; !atomic_load(&slot->ended); now = musubi_now_ms()) {
        if (now >= end)
            return 0;
        musubi_futex_wait(&slot->ended, 0, (uint32_t)(end - now));
    }
    while (atomic_exchange(&slot->poll_busy, 1)) {
        if (musubi_now_ms() >= end)
            return 0;
        musubi_yield(); /* a poll under way takes microseconds */
    }
    return 1;
}

int32_t musubi_destroy(musubi_client client)
{
    struct musubi_slot *slot;
    int32_t err = musubi_slot_close(client, &slot);

    if (err != MUSUBI_OK)
        return err;
    musubi_wake_always(slot); /* a bit in the tail, not a command: the ring may be full */
    musubi_release_waiters(slot);
    if (!quiet(slot)) {
        atomic_store(&slot->life, MUSUBI_SLOT_LOST);
        return MUSUBI_ERR_TIMEOUT;
    }
    atomic_store(&slot->poll_busy, 0); /* late pollers find the handle closed before they touch a ring */
    musubi_slot_free(slot);
    return MUSUBI_OK;
}
