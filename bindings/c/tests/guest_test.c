/* The library as a guest of a process, in C that every system takes: it runs where the other tests here can't, under Wine and
 * under an emulated processor.
 *   guest_test [CYCLES]     clients to make and destroy (default 100) */
#include <musubi.h>

#include "test.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <winternl.h>
typedef HANDLE thread;
#define THREAD_MAIN DWORD WINAPI
#else
#include <dirent.h>
#include <pthread.h>
#include <unistd.h>
typedef pthread_t thread;
#define THREAD_MAIN void *
#endif

/* Handles or descriptors that this process has. */
#ifdef _WIN32
static int handles(void)
{
    static struct { /* SYSTEM_HANDLE_INFORMATION, which lists the whole system's; Wine 8 has no GetProcessHandleCount */
        ULONG count;
        struct {
            ULONG process;
            UCHAR type, flags;
            USHORT value;
            void *object;
            ULONG access;
        } handle[200000];
    } all;
    const SYSTEM_INFORMATION_CLASS which = (SYSTEM_INFORMATION_CLASS)16; /* SystemHandleInformation */
    ULONG i, size, n = 0;

    CHECK(NtQuerySystemInformation(which, &all, sizeof all, &size) == 0);
    for (i = 0; i < all.count; i++)
        n += all.handle[i].process == GetCurrentProcessId();
    return (int)n;
}
#else
static int handles(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    CHECK(dir != NULL);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}
#endif

static thread start(THREAD_MAIN (*run)(void *), void *arg)
{
    thread t;

#ifdef _WIN32
    t = CreateThread(NULL, 0, run, arg, 0, NULL);
    CHECK(t != NULL);
#else
    CHECK(pthread_create(&t, NULL, run, arg) == 0);
#endif
    return t;
}

static void join(thread t)
{
#ifdef _WIN32
    CHECK(WaitForSingleObject(t, 20000) == WAIT_OBJECT_0);
    CloseHandle(t);
#else
    CHECK(pthread_join(t, NULL) == 0);
#endif
}

static musubi_client make(void)
{
    musubi_config config;
    musubi_client c;

    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.server = NO_SERVER;
    config.bind = "127.0.0.1:0";
    CHECK_CODE(musubi_create(&config, &c), MUSUBI_OK);
    CHECK_CODE(musubi_connect(c), MUSUBI_OK);
    return c;
}

static void answers(void)
{
    musubi_config config;
    musubi_client c = 5;
    musubi_event e;
    const musubi_api *api = musubi_get_api(MUSUBI_ABI_VERSION);

    CHECK(musubi_abi_version() == MUSUBI_ABI_VERSION && strcmp(musubi_version(), MUSUBI_VERSION) == 0);
    CHECK(api != NULL && api->create == musubi_create && api->poll == musubi_poll);
    CHECK(strlen(musubi_strerror(MUSUBI_ERR_NULL)) > 0);
    CHECK_CODE(musubi_create(NULL, &c), MUSUBI_ERR_NULL);
    memset(&config, 0, sizeof config);
    CHECK_CODE(musubi_create(&config, &c), MUSUBI_ERR_SIZE);
    CHECK_CODE(musubi_poll(12345, &e, 1), MUSUBI_ERR_HANDLE);
    CHECK_CODE(musubi_destroy(0), MUSUBI_ERR_HANDLE);
}

/* A client after its destruction is an error, a full table is one too. */
static void ends(void)
{
    musubi_client c[MUSUBI_MAX_CLIENTS], more;
    musubi_config config;
    int i;

    for (i = 0; i < MUSUBI_MAX_CLIENTS; i++)
        c[i] = make();
    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    CHECK_CODE(musubi_create(&config, &more), MUSUBI_ERR_LIMIT);
    for (i = 0; i < MUSUBI_MAX_CLIENTS; i++) {
        CHECK_CODE(musubi_destroy(c[i]), MUSUBI_OK);
        CHECK_CODE(musubi_flush(c[i]), MUSUBI_ERR_HANDLE);
    }
}

static THREAD_MAIN waiter(void *arg)
{
    musubi_client c = *(musubi_client *)arg;
    musubi_event e[16];
    int32_t n;

    while ((n = musubi_wait(c, UINT32_MAX)) == 1 && (n = musubi_poll(c, e, 16)) >= 0)
        continue;
    CHECK_CODE(n, MUSUBI_ERR_HANDLE);
    return 0;
}

/* A thread that waits for ever is let go by destroy. */
static void waiting(void)
{
    musubi_client c = make();
    thread t = start(waiter, &c);

    CHECK_CODE(musubi_wait(c, 30), 0); /* let it fall asleep; nothing depends on it */
    CHECK_CODE(musubi_destroy(c), MUSUBI_OK);
    join(t);
}

static void cycles(int n)
{
    int i, before = 0;

    for (i = 0; i < n; i++) {
        if (i == n / 2)
            before = handles();
        CHECK_CODE(musubi_destroy(make()), MUSUBI_OK);
    }
    printf("%d clients one after another: %d handles after half of them, %d after all\n", n, before, handles());
    CHECK(before > 0 && handles() <= before + 12); /* the runtime may have started a thread, and Windows gives each several handles */
}

int main(int argc, char **argv)
{
    answers();
    waiting();
    ends();
    cycles(argc > 1 ? atoi(argv[1]) : 100);
    printf("done\n");
    return 0; /* and the process ends: whoever runs this looks at the time */
}
