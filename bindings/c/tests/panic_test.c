/* A bug in the library must not take the game down. With a build of the library that panics on demand (core/node/
 * trouble_panic.go), each case in a process of its own: the client tells FAILED with a sentence, every call goes on answering,
 * musubi_destroy works, another client can be made, and a SIGSEGV handler of the host that was there first is not called for
 * what happens inside Go.
 *
 *     panic_test LIBRARY MUSUBI
 */
#include "pair.h"

static volatile sig_atomic_t faults;

static void on_fault(int sig)
{
    (void)sig;
    faults++;
    _exit(9);
}

static const struct {
    const char *trouble; /* MUSUBI_TEST_PANIC: place, visit, kind */
    const char *text;    /* what FAILED must say; NULL: no event is possible */
    const char *names;   /* the function that it must name */
} cases[] = {
    {"owner 1 text", "trouble in owner", "node.Trouble"},
    {"owner 300 text", "trouble in owner", "node.Trouble"}, /* while connecting, or under traffic */
    {"owner 2000 nil", "nil pointer", "node.Trouble"},
    {"resolver 1 text", "trouble in resolver", "node.Trouble"},
    {"resolver 1 nil", "nil pointer", "node.Trouble"},
    {"start 1 text", NULL, NULL},
    {"start 1 nil", NULL, NULL},
    {"release 1 text", NULL, NULL},
    {"end 1 nil", NULL, NULL},
};

static void still_answers(const struct library *lib, musubi_client c)
{
    musubi_event e;

    CHECK_CODE(lib->connect(c), MUSUBI_ERR_FAILED);
    CHECK_CODE(lib->send(c, (uint64_t)1 << 32, 0, 0, "x", 1, 0, 0), MUSUBI_ERR_FAILED);
    CHECK_CODE(lib->network_changed(c), MUSUBI_ERR_FAILED);
    CHECK(lib->poll(c, &e, 1) >= 0 && lib->wait(c, 0) >= 0);
}

static void destroy_soon(const struct library *lib, musubi_client c)
{
    uint64_t start = now_ns();

    CHECK_CODE(lib->destroy(c), 0);
    CHECK(now_ns() - start < 3000000000u);
}

/* "start": the panic comes before there is a client. */
static void creation_fails(const struct library *lib)
{
    musubi_config config = {.struct_size = sizeof config, .server = NO_SERVER};
    musubi_client client = 1;

    CHECK_CODE(lib->create(&config, &client), MUSUBI_ERR_FAILED);
    CHECK(client == 0);
}

/* Two clients talk until one of them fails. */
static void fails_at_work(const struct library *lib, const char *address, const char *text, const char *names)
{
    uint64_t end = now_ns() + PAIR_PATIENCE_S * 1000000000ull;
    musubi_event e;
    struct pair p;
    int side;

    if (pair_make(&p, lib, address))
        while (p.failed[0] == 0 && now_ns() < end)
            pair_round(&p);
    printf("  FAILED: %s\n", p.failed);
    CHECK(strstr(p.failed, text) != NULL && strstr(p.failed, names) != NULL && strstr(p.failed, ".go:") != NULL);
    for (side = 0; side < 2; side++) {
        if (lib->network_changed(p.client[side]) == MUSUBI_ERR_FAILED)
            still_answers(lib, p.client[side]);
        else
            CHECK(lib->poll(p.client[side], &e, 1) >= 0);
        destroy_soon(lib, p.client[side]);
    }
}

/* The panic comes when the client ends: nobody is left to be told, but the end must come. */
static void fails_at_the_end(const struct library *lib)
{
    destroy_soon(lib, start_client(lib));
}

static void one_case(unsigned i, const char *path, const char *address)
{
    struct library lib;
    struct pair p;

    signal(SIGSEGV, on_fault);
    lib = load(path);
    if (strncmp(cases[i].trouble, "start", 5) == 0)
        creation_fails(&lib);
    else if (cases[i].text == NULL)
        fails_at_the_end(&lib);
    else
        fails_at_work(&lib, address, cases[i].text, cases[i].names);
    CHECK(pair_make(&p, &lib, address)); /* the next client knows nothing of it */
    pair_round(&p);
    pair_drain(&p);
    pair_destroy(&p);
    CHECK(faults == 0);
}

int main(int argc, char **argv)
{
    struct server server;
    char address[512], number[16], *hash;
    unsigned i;

    if (argc == 4) {
        one_case((unsigned)atoi(argv[3]), argv[1], argv[2]);
        return 0;
    }
    CHECK(argc == 3);
    server = server_start(argv[2]);
    hash = strrchr(server.address, ':');
    snprintf(address, sizeof address, "musubi://localhost%s", hash); /* a name, so that the resolver has work */
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        pid_t child = fork();
        int status;

        if (child == 0) {
            setenv("MUSUBI_TEST_PANIC", cases[i].trouble, 1);
            snprintf(number, sizeof number, "%u", i);
            execl(argv[0], argv[0], argv[1], address, number, (char *)NULL);
            _exit(127);
        }
        printf("%s\n", cases[i].trouble);
        fflush(stdout);
        CHECK(waitpid(child, &status, 0) == child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "%s: status %#x\n", cases[i].trouble, (unsigned)status);
            return 1;
        }
    }
    server_stop(&server);
    printf("%u panics: each client failed alone, with a sentence\n", i);
    return 0;
}
