/* Another Go library in the same process, which nobody promises to work (golang/go#65050): two runtimes, each with signal
 * handlers for the same signals. The test documents what happens, in both orders of loading: both work side by side under
 * traffic, and a nil pointer in the other one is recovered there, whoever came first. Each order in a process of its own.
 *
 *     two_go_test LIBRARY MUSUBI OTHER
 */
#include <pthread.h>

#include "pair.h"

enum { ROUNDS = 400, WORK = 200 };

static int (*other_work)(int);
static int (*other_fault)(void);
static volatile int stop, worked;

static void *other(void *arg)
{
    (void)arg;
    while (!stop) {
        CHECK(other_work(WORK) == WORK * (WORK - 1) / 2);
        worked++;
    }
    return NULL;
}

static void load_other(const char *path)
{
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (so == NULL)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(so != NULL);
    *(void **)&other_work = symbol(so, "other_work");
    *(void **)&other_fault = symbol(so, "other_fault");
}

static void one_order(const char *path, const char *address, const char *others, int ours_first)
{
    struct library lib;
    struct pair p;
    pthread_t thread;
    int i;

    if (!ours_first)
        load_other(others);
    lib = load(path);
    if (ours_first)
        load_other(others);
    CHECK(pthread_create(&thread, NULL, other, NULL) == 0);
    CHECK(pair_make(&p, &lib, address));
    for (i = 0; i < ROUNDS; i++)
        pair_round(&p);
    pair_drain(&p);
    CHECK(other_fault() == 1);
    pair_destroy(&p);
    stop = 1;
    pthread_join(thread, NULL);
    CHECK(worked > 0);
}

int main(int argc, char **argv)
{
    struct server server;
    int ours_first;

    CHECK(argc == 4);
    server = server_start(argv[2]);
    for (ours_first = 0; ours_first < 2; ours_first++) {
        pid_t child;
        int status;

        fflush(stdout);
        child = fork();
        if (child == 0) {
            one_order(argv[1], server.address, argv[3], ours_first);
            exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        printf("%s first: %s\n", ours_first ? "ours" : "the other", status == 0 ? "both work" : "BROKEN");
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    server_stop(&server);
    return 0;
}
