/* The library inside a program with Boehm's collector, the family inside Unity's Mono and IL2CPP. The collector stops
 * threads with signals and scans their stacks; capi/signals.c tells what a Go library can do to that. One case a process:
 *
 *     gc_host LIBRARY called    threads that have called the library and now do something else
 *     gc_host LIBRARY inside    threads that are inside a musubi call when the collection comes
 *     gc_host LIBRARY altstack  threads that merely have an alternate signal stack of their own
 *     gc_host LIBRARY signals   SIGUSR1, SIGPROF and SIGCHLD sent to the whole process while the library works
 *
 * Exit 0: survived, and no live object was collected. The collector starts first, as in an engine, so its handlers are in
 * place when the library is loaded.
 */
#define GC_THREADS
#include <gc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "load.h"

enum { WORKERS = 3, COLLECTIONS = 150, OBJECTS = 64, ALTSTACK = 64 << 10 };

static struct library lib;
static musubi_client client;
static atomic_int stop, ready;
static atomic_ulong handled, calls;
static int calls_before, calls_during, alternate;

struct object {
    struct object *self;
    unsigned value;
};

static void call_library(void)
{
    musubi_event events[8];

    CHECK(lib.poll(client, events, 8) >= MUSUBI_ERR_BUSY);
    calls++;
    if (calls % 64 == 0)
        lib.network_changed(client);
}

static void *worker(void *arg)
{
    struct object *held[OBJECTS]; /* nowhere but on this stack */
    unsigned i;

    if (alternate) {
        stack_t s = {.ss_sp = malloc(ALTSTACK), .ss_size = ALTSTACK};

        CHECK(s.ss_sp != NULL && sigaltstack(&s, NULL) == 0);
    }
    for (i = 0; i < OBJECTS; i++) {
        held[i] = GC_MALLOC(sizeof *held[i]);
        held[i]->self = held[i];
        held[i]->value = i * 7 + (unsigned)(uintptr_t)arg;
    }
    if (calls_before)
        for (i = 0; i < 200; i++)
            call_library();
    ready++;
    while (!stop) {
        if (calls_during)
            call_library();
        else
            usleep(500);
        for (i = 0; i < OBJECTS; i++)
            CHECK(held[i]->self == held[i] && held[i]->value == i * 7 + (unsigned)(uintptr_t)arg);
    }
    return NULL;
}

/* Needs more stack than a new goroutine has. */
static void on_signal(int sig)
{
    volatile char room[12 << 10];

    memset((void *)room, sig, sizeof room);
    handled += room[sizeof room - 1] == sig;
}

static void install_handlers(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(sigaction(SIGPROF, &action, NULL) == 0);
    CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
}

static void make_garbage(void)
{
    unsigned i;

    for (i = 0; i < 2000; i++) { /* reuses whatever was collected by mistake */
        struct object *o = GC_MALLOC(sizeof *o);

        o->self = NULL;
        o->value = 0xdead;
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[WORKERS];
    int signals, i;

    if (argc != 3) {
        fprintf(stderr, "usage: gc_host LIBRARY called|inside|altstack|signals\n");
        return 2;
    }
    signals = strcmp(argv[2], "signals") == 0;
    calls_before = strcmp(argv[2], "called") == 0;
    calls_during = strcmp(argv[2], "inside") == 0 || signals;
    alternate = strcmp(argv[2], "altstack") == 0;
    CHECK(signals || calls_before || calls_during || alternate);
    GC_INIT();
    GC_allow_register_threads();
    install_handlers();
    lib = load(argv[1]);
    client = start_client(&lib);
    for (i = 0; i < WORKERS; i++)
        CHECK(pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)i) == 0);
    while (ready < WORKERS)
        usleep(1000);
    for (i = 0; i < COLLECTIONS; i++) {
        make_garbage();
        GC_gcollect();
        if (signals) {
            kill(getpid(), SIGUSR1);
            kill(getpid(), SIGPROF);
            kill(getpid(), SIGCHLD);
        }
        usleep(200);
    }
    stop = 1;
    for (i = 0; i < WORKERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_CODE(lib.destroy(client), 0);
    CHECK(!signals || handled > COLLECTIONS);
    printf("%s: %d collections, %lu calls, %lu signals handled\n", argv[2], COLLECTIONS, atomic_load(&calls),
           atomic_load(&handled));
    return 0;
}
