/* What hosts do while a library works, under traffic between two clients; each case in a process of its own:
 *
 *     signals   SIGUSR1, SIGPROF, SIGCHLD and SIGALRM sent to the whole process, to handlers that need 12 KiB of stack
 *     fork      children of fork() get errors and exit; the parent's traffic goes on
 *     quiet     nothing is ever written to stdout or stderr
 *     unload    dlclose leaves the library mapped and at work; dlopen finds the same one again
 *
 *     traffic_test LIBRARY MUSUBI [CASE...]
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "pair.h"

enum { ROUNDS = 400 };

static struct library lib;
static struct pair pair;
static const char *path, *address;
static atomic_ulong handled;

static void on_signal(int sig)
{
    volatile char room[12 << 10];
    int saved = errno;

    memset((void *)room, sig, sizeof room);
    handled += room[sizeof room - 1] == sig;
    errno = saved;
}

static void begin(void)
{
    lib = load(path);
    CHECK(pair_make(&pair, &lib, address));
}

static void end(void)
{
    pair_drain(&pair);
    CHECK(pair.received[0] > ROUNDS && pair.received[1] > ROUNDS);
    pair_destroy(&pair);
}

static const int signals_sent[] = {SIGUSR1, SIGPROF, SIGCHLD, SIGALRM};
enum { SIGNALS_SENT = sizeof signals_sent / sizeof *signals_sent };

static void signals(void)
{
    struct sigaction action;
    int i, k;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    for (k = 0; k < SIGNALS_SENT; k++)
        CHECK(sigaction(signals_sent[k], &action, NULL) == 0);
    begin();
    for (i = 0; i < ROUNDS; i++) {
        pair_round(&pair);
        for (k = 0; k < SIGNALS_SENT; k++)
            kill(getpid(), signals_sent[k]);
    }
    end();
    CHECK(handled > ROUNDS);
    printf("signals: %lu handled under traffic\n", atomic_load(&handled));
}

static void in_child(void)
{
    musubi_config config = {.struct_size = sizeof config, .server = NO_SERVER};
    musubi_client other;
    musubi_event e;

    CHECK_CODE(lib.create(&config, &other), MUSUBI_ERR_FORKED);
    CHECK_CODE(lib.poll(pair.client[0], &e, 1), MUSUBI_ERR_FORKED);
    CHECK_CODE(lib.send(pair.client[0], pair.peer[0], 0, 0, "x", 1, 0, 0), MUSUBI_ERR_FORKED);
    CHECK_CODE(lib.wait(pair.client[0], 10000), MUSUBI_ERR_FORKED);
    CHECK_CODE(lib.destroy(pair.client[0]), MUSUBI_ERR_FORKED);
    exit(7); /* with atexit handlers and destructors, as a careless program does */
}

static void forks(void)
{
    int i, k;

    begin();
    for (i = 0; i < 20; i++) {
        uint64_t start = now_ns();
        pid_t child = fork();
        int status = 0;

        CHECK(child >= 0);
        if (child == 0)
            in_child();
        for (k = 0; waitpid(child, &status, WNOHANG) == 0 || k < ROUNDS / 20; k++) {
            pair_round(&pair);
            CHECK(now_ns() - start < 10000000000u);
        }
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
    end();
    printf("fork: 20 children answered ERR_FORKED and exited, the traffic went on\n");
}

/* As much as can be noisy: a server that can't be found, one that isn't there, a wrong key, traffic, bad arguments, an end
 * under way. */
static void noise(void)
{
    const char *servers[] = {"musubi://no-such-name.invalid/#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NO_SERVER, "nonsense"};
    musubi_config config = {.struct_size = sizeof config};
    musubi_client c;
    musubi_event e;
    unsigned i;
    int k;

    begin();
    for (k = 0; k < ROUNDS; k++)
        pair_round(&pair);
    for (i = 0; i < 3; i++) {
        config.server = servers[i];
        if (lib.create(&config, &c) != 0)
            continue;
        CHECK_CODE(lib.connect(c), 0);
        for (k = 0; k < 5; k++)
            if (lib.wait(c, 50) == 1)
                lib.poll(c, &e, 1);
        lib.network_changed(c);
        CHECK_CODE(lib.destroy(c), 0);
    }
    CHECK_CODE(lib.poll(pair.client[0], NULL, 1), MUSUBI_ERR_NULL);
    end();
}

static void quiet(void)
{
    char name[] = "/tmp/musubi-test-XXXXXX";
    int file = mkstemp(name), out = dup(1), err = dup(2);
    struct stat written;

    CHECK(file >= 0 && unlink(name) == 0);
    fflush(stdout);
    dup2(file, 1);
    dup2(file, 2);
    noise();
    dup2(out, 1);
    dup2(err, 2);
    CHECK(fstat(file, &written) == 0);
    CHECK(written.st_size == 0);
    printf("quiet: not a byte on stdout or stderr\n");
}

static int mapped(void)
{
    char line[1000];
    FILE *f = fopen("/proc/self/maps", "r");
    int found = 0;

    CHECK(f != NULL);
    while (fgets(line, sizeof line, f) != NULL)
        found += strstr(line, "libmusubi") != NULL;
    fclose(f);
    return found;
}

static void unload(void)
{
    struct library again;
    int i;

    begin();
    for (i = 0; i < ROUNDS; i++) {
        pair_round(&pair);
        if (i == ROUNDS / 2)
            CHECK(dlclose(lib.so) == 0);
    }
    CHECK(mapped() > 0);
    end();
    dlclose(lib.so); /* once too often: an error or nothing */
    again = load(path);
    CHECK(again.create == lib.create);
    lib = again;
    CHECK(pair_make(&pair, &lib, address));
    pair_round(&pair);
    pair_drain(&pair);
    pair_destroy(&pair);
    printf("unload: dlclose changed nothing\n");
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {{"signals", signals}, {"fork", forks}, {"quiet", quiet}, {"unload", unload}};

int main(int argc, char **argv)
{
    struct server server;
    unsigned i;

    CHECK(argc >= 3);
    path = argv[1];
    server = server_start(argv[2]);
    address = server.address;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        pid_t child;
        int status;

        if (argc > 3 && strcmp(argv[3], cases[i].name) != 0)
            continue;
        fflush(stdout);
        child = fork(); /* nothing is loaded yet */
        if (child == 0) {
            cases[i].run();
            exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "%s: status %#x\n", cases[i].name, (unsigned)status);
            return 1;
        }
    }
    server_stop(&server);
    return 0;
}
