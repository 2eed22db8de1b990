/* Waiting on a word of memory. Linux in this version. */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
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

uint64_t musubi_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t musubi_now_ms(void) { return musubi_now_us() / 1000; }
