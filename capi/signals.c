//go:build linux

/* Keeps the host's signal handlers as the host installed them, and off Go's threads.
 *
 * When a Go shared library is loaded, its runtime adds SA_ONSTACK to every handler that the host has, so that a signal on
 * a Go thread would find a large enough stack. Among them are the handlers with which a garbage collector (Boehm's, inside
 * Unity's Mono and IL2CPP) suspends threads. Such a collector takes the interrupted stack pointer for the end of the
 * thread's stack: run on an alternate stack, that is wrong, and the next collection crashes the host
 * (Unity-Technologies/bdwgc#26, golang/go#78883). So:
 *
 *   first constructor   records all handlers; blocks all signals but SIGURG (Go's own, for preemption)
 *   Go's constructor    installs its handlers and adds the flags (runtime.libpreinit), then starts its first thread, all
 *                       before it returns; the thread, and every thread that it starts, inherits the mask. What is left
 *                       of the runtime's start goes on there, and touches no handler
 *   last constructor    restores the mask; takes the added flags off again
 *
 * With the mask, Go's threads never run the host's handlers, except for signals that Go unblocks or handles itself: those
 * keep their flag. This is safe only because the host's own threads never run Go code (all of musubi_* is C): without
 * that rule a handler without SA_ONSTACK could start on a goroutine's few kilobytes of stack. bindings/c/tests/gc_host.c
 * shows both halves to be needed.
 *
 * Linux and Android only. Elsewhere collectors stop threads without signals, by a call of the system: Mach's on macOS and
 * iOS, SuspendThread on Windows.
 *
 * The order is that of .init_array: priority 101 first; then the entries without priority in link order, where Go's
 * object stands before those of the C files (cmd/link puts go.o first). The signal test fails if it ever differs.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>

#include "internal.h"

#ifndef MUSUBI_TEST_NO_SIGNAL_GUARD /* the test of this file is built once without it, to show the crash */

#define SIGNALS 65

static struct sigaction before[SIGNALS];
static sigset_t mask_before;

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden"))); /* of the file that holds this code */

/* In a Go test binary this file is part of the program itself, Go starts in main and there is no host to protect. */
static int in_program(void)
{
    return getauxval(AT_PHDR) == (unsigned long)(uintptr_t)&__ehdr_start + __ehdr_start.e_phoff;
}

/* Signals that Go unblocks on its threads or handles itself (runtime/sigtab_linux_generic.go). Their handlers may run on a
 * goroutine's thread, so they need the alternate stack. 32 to 34 belong to libc, and glibc does not let us near the first
 * two. */
static int is_gos(int sig)
{
    switch (sig) {
    case SIGILL:
    case SIGTRAP:
    case SIGBUS:
    case SIGFPE:
    case SIGSEGV:
    case SIGSTKFLT:
    case SIGCHLD:
    case SIGPROF:
    case SIGSYS:
    case SIGURG:
    case 32:
    case 33:
    case 34:
        return 1;
    }
    return 0;
}

__attribute__((constructor(101))) static void guard_begin(void)
{
    sigset_t all;
    int sig;

    if (in_program())
        return;
    for (sig = 1; sig < SIGNALS; sig++)
        if (sigaction(sig, NULL, &before[sig]) != 0)
            memset(&before[sig], 0, sizeof before[sig]);
    sigfillset(&all);
    sigdelset(&all, SIGURG);
    pthread_sigmask(SIG_SETMASK, &all, &mask_before);
}

__attribute__((constructor)) static void guard_end(void)
{
    struct sigaction now;
    int sig;

    if (in_program())
        return;
    for (sig = 1; sig < SIGNALS; sig++) {
        if (is_gos(sig) || (before[sig].sa_flags & SA_ONSTACK) != 0 || sigaction(sig, NULL, &now) != 0)
            continue;
        if (now.sa_sigaction != before[sig].sa_sigaction || (now.sa_flags & SA_ONSTACK) == 0)
            continue; /* another handler now (Go's own for SIGPIPE), or nothing added */
        now.sa_flags &= ~SA_ONSTACK;
        sigaction(sig, &now, NULL);
    }
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
}

#endif
