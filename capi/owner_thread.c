/* The only way into Go: a thread of our own, which enters once, starts the owner goroutine and ends. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>

#include "internal.h"

/* musubiOwnerStart is Go (main.go): it copies what it needs of config, starts the owner of a slot and returns a code. */
extern int32_t musubiOwnerStart(struct musubi_slot *slot, musubi_config *config);

struct owner_start {
    struct musubi_slot *slot;
    musubi_config config;
    int32_t result;
};

static void *enter_go(void *arg)
{
    struct owner_start *start = arg;

    pthread_setname_np(pthread_self(), "musubi-start");
    start->result = musubiOwnerStart(start->slot, &start->config);
    return NULL;
}

/* A thread, not a call: the host's threads must never have been in Go (see signals.c). It is born with all signals blocked
 * and is gone when this returns, so nothing of ours stays behind in C. */
int32_t musubi_owner_begin(struct musubi_slot *slot, const musubi_config *config)
{
    struct owner_start start = {slot, *config, MUSUBI_ERR_MEMORY};
    sigset_t all, old;
    pthread_t thread;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    failed = pthread_create(&thread, NULL, enter_go, &start);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed)
        return MUSUBI_ERR_MEMORY;
    pthread_join(thread, NULL);
    return start.result;
}
