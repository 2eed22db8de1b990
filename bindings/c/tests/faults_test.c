/* A host with a handler of its own for faults (Mono's NullReferenceException, a crash reporter): it gets the faults of the
 * host's threads, with their addresses, whether it was installed before the library was loaded or after, with SA_ONSTACK or
 * without, while the library has traffic; and the library works on. Each case in a process of its own.
 *
 *     faults_test LIBRARY MUSUBI
 */
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>

#include "pair.h"

enum { FAULTS = 200, TRAFFIC = 1000, ALTSTACK = 64 << 10 };

static sigjmp_buf back;
static uint8_t alternate[ALTSTACK];
static volatile sig_atomic_t on_alternate, got[65];
static void *volatile fault_at;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    uint8_t here;
    uintptr_t offset = (uintptr_t)&here - (uintptr_t)alternate;

    (void)context;
    got[sig]++;
    fault_at = info->si_addr;
    on_alternate = offset < ALTSTACK;
    siglongjmp(back, 1);
}

static void install(int flags)
{
    struct sigaction action;
    const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    unsigned i;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | flags;
    for (i = 0; i < sizeof faults / sizeof *faults; i++)
        CHECK(sigaction(faults[i], &action, NULL) == 0);
}

/* Faults again and again in this thread, in each way, and comes back from each. */
static void fault(void)
{
    const long page = sysconf(_SC_PAGESIZE);
    uint8_t *forbidden = mmap(NULL, (size_t)page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile int i;

    CHECK(forbidden != MAP_FAILED);
    memset((void *)got, 0, sizeof got);
    for (i = 0; i < FAULTS; i++) {
        volatile uint8_t *volatile at = i % 2 == 0 ? forbidden + i : (uint8_t *)(uintptr_t)(i % 100); /* NULL dereferences too */

        if (sigsetjmp(back, 1) == 0) {
            *at = 1;
            CHECK(!"a fault that nobody noticed");
        }
        CHECK(fault_at == at && got[SIGSEGV] == i + 1);
    }
    for (i = 0; i < 20; i++) {
        if (sigsetjmp(back, 1) == 0)
            __builtin_trap();
        CHECK(got[SIGILL] == i + 1);
    }
    munmap(forbidden, (size_t)page);
}

static struct pair pair;
static volatile sig_atomic_t stop, messages;

static void *traffic(void *arg)
{
    (void)arg;
    while (!stop) {
        pair_round(&pair);
        messages = (sig_atomic_t)pair.received[0];
    }
    return NULL;
}

static void one_case(const char *path, const char *address, int after, int flags)
{
    const stack_t stack = {.ss_sp = alternate, .ss_size = ALTSTACK};
    struct library lib;
    pthread_t thread;

    CHECK(sigaltstack(&stack, NULL) == 0);
    if (!after)
        install(flags);
    lib = load(path);
    if (after)
        install(flags);
    CHECK(pair_make(&pair, &lib, address));
    CHECK(pthread_create(&thread, NULL, traffic, NULL) == 0);
    do
        fault();
    while (messages < TRAFFIC);
    /* Go's handlers, which pass on to those that were there before, ask for the alternate stack. One that is installed later
     * runs where it wants. */
    CHECK(on_alternate == (!after || flags != 0));
    stop = 1;
    pthread_join(thread, NULL);
    pair_drain(&pair);
    pair_destroy(&pair);
    fault();
}

int main(int argc, char **argv)
{
    struct server server;
    int after, flags;

    CHECK(argc == 3);
    server = server_start(argv[2]);
    for (after = 0; after < 2; after++) {
        for (flags = 0; flags < 2; flags++) {
            pid_t child;
            int status;

            fflush(stdout);
            child = fork(); /* nothing is loaded yet */
            if (child == 0) {
                one_case(argv[1], server.address, after, flags ? SA_ONSTACK : 0);
                exit(0);
            }
            CHECK(waitpid(child, &status, 0) == child);
            printf("handler installed %s the library, %s SA_ONSTACK: %s\n", after ? "after" : "before", flags ? "with" : "without",
                   status == 0 ? "got every fault" : "BROKEN");
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
    }
    server_stop(&server);
    return 0;
}
