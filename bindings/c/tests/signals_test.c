/* What loading the library does to the host's signals: every handler, flag and mask before dlopen and after it, and the
 * signal masks of the threads that came with it. Allowed are only the changes that Go needs and capi/signals.c names.
 *
 *     signals_test LIBRARY
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

enum { SIGNALS = 65 };

static void host_handler(int sig) { (void)sig; }

static int is_libcs(int sig) { return sig == 32 || sig == 33; }

/* Signals on which Go leaves its flag (or its own handler, for the synchronous ones, SIGPIPE and SIGURG). */
static int may_change(int sig)
{
    static const int gos[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSTKFLT, SIGCHLD, SIGPROF, SIGSYS, SIGURG, SIGPIPE, 34};
    unsigned i;

    for (i = 0; i < sizeof gos / sizeof *gos; i++)
        if (gos[i] == sig)
            return 1;
    return 0;
}

static void install(int flags)
{
    struct sigaction action;
    int sig;

    memset(&action, 0, sizeof action);
    action.sa_handler = host_handler;
    action.sa_flags = flags;
    for (sig = 1; sig < SIGNALS; sig++)
        if (sig != SIGKILL && sig != SIGSTOP && !is_libcs(sig))
            CHECK(sigaction(sig, &action, NULL) == 0);
}

static void dump(struct sigaction *actions)
{
    int sig;

    for (sig = 1; sig < SIGNALS; sig++)
        if (!is_libcs(sig))
            CHECK(sigaction(sig, NULL, &actions[sig]) == 0);
}

static void compare(const struct sigaction *before, const struct sigaction *after)
{
    int sig;

    for (sig = 1; sig < SIGNALS; sig++) {
        if (is_libcs(sig) || may_change(sig))
            continue;
        if (before[sig].sa_handler != after[sig].sa_handler || before[sig].sa_flags != after[sig].sa_flags ||
            memcmp(&before[sig].sa_mask, &after[sig].sa_mask, 8) != 0) {
            fprintf(stderr, "signal %d changed: flags %#x -> %#x\n", sig, (unsigned)before[sig].sa_flags,
                    (unsigned)after[sig].sa_flags);
            exit(1);
        }
    }
    CHECK(after[SIGSEGV].sa_handler != host_handler); /* Go was there: its constructor ran between our two */
}

/* Every thread but ours blocks what is neither Go's nor libc's. */
static int foreign_threads_are_masked(void)
{
    char path[300], line[256];
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    int threads = 0, sig;

    CHECK(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        unsigned long long blocked = 0;
        FILE *f;

        if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        if ((f = fopen(path, "r")) == NULL)
            continue; /* it has ended */
        while (fgets(line, sizeof line, f) != NULL)
            sscanf(line, "SigBlk: %llx", &blocked);
        fclose(f);
        for (sig = 1; sig < SIGNALS; sig++) {
            if (sig == SIGKILL || sig == SIGSTOP || is_libcs(sig) || (may_change(sig) && sig != SIGPIPE))
                continue;
            if ((blocked >> (sig - 1) & 1) == 0) {
                fprintf(stderr, "thread %s does not block signal %d (mask %llx)\n", entry->d_name, sig, blocked);
                exit(1);
            }
        }
        CHECK((blocked >> (SIGURG - 1) & 1) == 0); /* Go preempts with it */
        threads++;
    }
    closedir(dir);
    return threads;
}

/* One load in a process of its own, with handlers of these flags. */
static void one_load(const char *path, int flags, int block)
{
    struct sigaction before[SIGNALS], after[SIGNALS];
    sigset_t mask_before, mask_after, some;
    struct library lib;
    musubi_client client;
    int threads, i;

    install(flags);
    sigemptyset(&some);
    if (block)
        sigaddset(&some, SIGUSR2);
    CHECK(pthread_sigmask(SIG_SETMASK, &some, NULL) == 0);
    dump(before);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_before);
    lib = load(path);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    dump(after);
    compare(before, after);
    CHECK(memcmp(&mask_before, &mask_after, 8) == 0);
    client = start_client(&lib);
    for (i = 0; i < 20; i++)
        lib.wait(client, 5);
    threads = foreign_threads_are_masked();
    CHECK(threads >= 2);
    dump(after);
    compare(before, after);
    CHECK_CODE(lib.destroy(client), 0);
}

int main(int argc, char **argv)
{
    int flags[] = {0, SA_RESTART, SA_SIGINFO | SA_NODEFER, SA_ONSTACK}, i;

    CHECK(argc == 2);
    for (i = 0; i < 20; i++) {
        int status;
        pid_t child = fork(); /* nothing is loaded yet, so a child may do as it likes */

        if (child == 0) {
            one_load(argv[1], flags[i % 4], i % 2);
            return 0;
        }
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    printf("20 loads left the host's handlers and mask alone\n");
    return 0;
}
