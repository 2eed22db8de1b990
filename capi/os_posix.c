//go:build !windows

/* What Linux, Android, macOS and iOS have in common: memory, threads, the clock. */
#define _GNU_SOURCE
#ifdef __APPLE__
#include <dlfcn.h>
#endif
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "internal.h"

static void after_fork(void) { atomic_store_explicit(&musubi_forked, 1, memory_order_relaxed); }

/* The child of a fork has the memory and none of the threads: its calls must answer without waiting for anybody. */
__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(NULL, NULL, after_fork); }

uint64_t musubi_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void musubi_yield(void) { sched_yield(); }

void *musubi_map(uint64_t size, uint64_t guard_at)
{
    uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    mprotect(memory + guard_at, size - guard_at, PROT_NONE);
    return memory;
}

void musubi_unmap(void *memory, uint64_t size) { munmap(memory, size); }

struct job {
    void (*run)(void *);
    void *arg;
};

static void *thread_main(void *arg)
{
    struct job *job = arg;

#ifdef __APPLE__
    pthread_setname_np("musubi-start");
#else
    pthread_setname_np(pthread_self(), "musubi-start");
#endif
    job->run(job->arg);
    return NULL;
}

int32_t musubi_on_own_thread(void (*run)(void *), void *arg)
{
    struct job job = {run, arg};
    sigset_t all, old;
    pthread_t thread;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    failed = pthread_create(&thread, NULL, thread_main, &job);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed)
        return MUSUBI_ERR_MEMORY;
    pthread_join(thread, NULL);
    return MUSUBI_OK;
}

void musubi_stay_loaded(void)
{
#ifdef __APPLE__ /* elsewhere Go has the linker say so in the file itself */
    Dl_info self;

    if (dladdr((void *)(uintptr_t)&musubi_stay_loaded, &self) != 0)
        dlopen(self.dli_fname, RTLD_NOLOAD | RTLD_NODELETE | RTLD_LAZY);
#endif
}
