/* The network simulator: checked here, so that the owner never meets a value that it would have to refuse. */
#include <string.h>

#include "grow.h"
#include "internal.h"

#define MILLION 1000000u
#define LONGEST_US (60u * MILLION)                /* impair.MaxTime */
#define FASTEST ((uint64_t)MILLION * MILLION)     /* bit/s, impair.MaxRate */

/* Takes what the game filled, if anything, into s, which is zero. */
static int32_t take(musubi_simulation *s, const musubi_simulation *filled)
{
    if (filled == NULL)
        return MUSUBI_OK;
    if (!musubi_grow_in(s, sizeof *s, filled, MUSUBI_FIRST_SIMULATION))
        return MUSUBI_ERR_SIZE;
    if ((s->flags & ~(uint32_t)(MUSUBI_SIMULATE_KEEP_ORDER | MUSUBI_SIMULATE_DIRECT_ONLY)) != 0 || s->loss_ppm > MILLION || s->reorder_ppm > MILLION ||
        s->duplicate_ppm > MILLION || s->loss_burst > MILLION || s->latency_us > LONGEST_US || s->jitter_us > LONGEST_US ||
        s->hold_back_us > LONGEST_US || s->queue_us > LONGEST_US || s->rate > FASTEST)
        return MUSUBI_ERR_VALUE;
    /* Between two runs at least one datagram arrives: the share is at most burst / (burst + 1), unless all are lost. */
    if (s->loss_burst > 1 && s->loss_ppm < MILLION && (uint64_t)s->loss_ppm * (s->loss_burst + 1) > (uint64_t)MILLION * s->loss_burst)
        return MUSUBI_ERR_VALUE;
    return MUSUBI_OK;
}

int32_t musubi_simulate(musubi_client client, const musubi_simulation *outgoing, const musubi_simulation *incoming)
{
    musubi_simulation both[2];
    struct musubi_request request = {.kind = MUSUBI_CMD_SIMULATE, .data = both, .size = sizeof both};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    memset(both, 0, sizeof both);
    if (err == MUSUBI_OK)
        err = take(&both[0], outgoing);
    if (err == MUSUBI_OK)
        err = take(&both[1], incoming);
    if (err != MUSUBI_OK)
        return err;
    return musubi_command_put(slot, tail, &request, 1);
}

/* A network in both directions; only the rate differs. As core/impair's Presets: a test compares. */
struct preset {
    const char *name;
    musubi_simulation s;
    uint64_t out, in; /* bit/s */
};

#define ORDER MUSUBI_SIMULATE_KEEP_ORDER

static const struct preset presets[] = {
    {"wifi", {.flags = ORDER, .latency_us = 2000, .jitter_us = 3000, .loss_ppm = 1000}, 0, 0},
    {"bad-wifi",
     {.flags = ORDER, .latency_us = 5000, .jitter_us = 30000, .loss_ppm = 30000, .loss_burst = 3, .queue_us = 200000},
     8 * MILLION,
     8 * MILLION},
    {"dsl", {.flags = ORDER, .latency_us = 10000, .jitter_us = 1000, .queue_us = 250000}, MILLION, 10 * MILLION},
    {"4g",
     {.flags = ORDER, .latency_us = 25000, .jitter_us = 15000, .loss_ppm = 5000, .loss_burst = 2, .queue_us = 300000},
     8 * MILLION,
     20 * MILLION},
    {"3g",
     {.flags = ORDER, .latency_us = 75000, .jitter_us = 40000, .loss_ppm = 10000, .loss_burst = 2, .queue_us = MILLION},
     768000,
     1600000},
    {"lossy", {.latency_us = 25000, .loss_ppm = 50000}, 0, 0},
    {"rough", {.latency_us = 25000, .jitter_us = 10000, .loss_ppm = 100000}, 0, 0},
    {"transatlantic", {.flags = ORDER, .latency_us = 38000, .jitter_us = 2000, .loss_ppm = 1000}, 0, 0},
    {"satellite",
     {.flags = ORDER, .latency_us = 280000, .jitter_us = 20000, .loss_ppm = 5000, .loss_burst = 2, .queue_us = 500000},
     3 * MILLION,
     20 * MILLION},
};

static int fits(const musubi_simulation *s) { return s == NULL || musubi_size_fits(s->struct_size, MUSUBI_FIRST_SIMULATION); }

static void fill(musubi_simulation *to, const struct preset *p, uint64_t rate)
{
    musubi_simulation s = p->s;

    if (to == NULL)
        return;
    s.rate = rate;
    musubi_grow_out(to, &s, sizeof s);
}

int32_t musubi_simulation_preset(const char *name, musubi_simulation *outgoing, musubi_simulation *incoming)
{
    unsigned i;

    if (name == NULL)
        return MUSUBI_ERR_NULL;
    if (!fits(outgoing) || !fits(incoming))
        return MUSUBI_ERR_SIZE;
    for (i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (strcmp(name, presets[i].name) != 0)
            continue;
        fill(outgoing, &presets[i], presets[i].out);
        fill(incoming, &presets[i], presets[i].in);
        return MUSUBI_OK;
    }
    return MUSUBI_ERR_VALUE;
}
