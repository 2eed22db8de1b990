/* Waiting on a word of memory, and waking the owner, on Linux and Android. */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

void musubi_futex_wait(musubi_a32 *word, uint32_t value, uint32_t timeout_ms)
{
    struct timespec t = {(time_t)(timeout_ms / 1000), (long)(timeout_ms % 1000) * 1000000};

    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ms == UINT32_MAX ? NULL : &t, NULL, 0);
}

void musubi_futex_wake(musubi_a32 *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }

uint32_t musubi_wake_make(void) { return (uint32_t)(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) + 1); }

void musubi_wake_signal(uint32_t handle)
{
    uint64_t one = 1;

    /* EAGAIN means that the counter is at its limit: the owner has more than enough to wake for. */
    if (write((int)handle - 1, &one, sizeof one) < 0)
        return;
}
