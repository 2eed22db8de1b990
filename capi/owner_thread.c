/* The only way into Go: a thread of our own, which enters once, starts the owner goroutine and ends. */
#include "internal.h"

/* musubiOwnerStart is Go (main.go): it copies what it needs of config, starts the owner of a slot and returns a code. */
extern int32_t musubiOwnerStart(struct musubi_slot *slot, musubi_config *config);

struct owner_start {
    struct musubi_slot *slot;
    musubi_config config;
    int32_t result;
};

static void enter_go(void *arg)
{
    struct owner_start *start = arg;

    start->result = musubiOwnerStart(start->slot, &start->config);
}

/* A thread, not a call: the host's threads must never have been in Go (see signals.c). It is gone when this returns, so
 * nothing of ours stays behind in C. */
int32_t musubi_owner_begin(struct musubi_slot *slot, const musubi_config *config)
{
    struct owner_start start = {slot, *config, MUSUBI_ERR_MEMORY};
    int32_t err;

    musubi_stay_loaded();
    err = musubi_on_own_thread(enter_go, &start);
    return err != MUSUBI_OK ? err : start.result;
}
