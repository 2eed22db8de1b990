/* Coming and going inside somebody else's process: 1,000 clients one after another leave threads, descriptors and memory as
 * they were, and a process that has destroyed its clients exits within a second. */
#include <dirent.h>
#include <musubi.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static int count(const char *directory)
{
    DIR *dir = opendir(directory);
    int n = 0;

    CHECK(dir != NULL);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static long rss_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long size, rss;

    CHECK(f != NULL && fscanf(f, "%ld %ld", &size, &rss) == 2);
    fclose(f);
    return rss * (sysconf(_SC_PAGESIZE) / 1024);
}

static void one_client(void)
{
    musubi_config config = {.struct_size = sizeof config, .server = NO_SERVER};
    musubi_event e[8];
    musubi_client c;

    CHECK_CODE(musubi_create(&config, &c), 0);
    CHECK_CODE(musubi_connect(c), 0);
    CHECK(musubi_poll(c, e, 8) >= 0);
    CHECK_CODE(musubi_destroy(c), 0);
}

static void a_thousand(void)
{
    int i, threads = 0, files = 0;
    long rss = 0;

    for (i = 1; i <= 1000; i++) {
        one_client();
        if (i == 500) {
            threads = count("/proc/self/task");
            files = count("/proc/self/fd");
            rss = rss_kib();
        }
    }
    printf("after 500: %d threads, %d descriptors, %ld KiB; after 1000: %d, %d, %ld KiB\n", threads, files, rss,
           count("/proc/self/task"), count("/proc/self/fd"), rss_kib());
    CHECK(count("/proc/self/task") <= threads + 1); /* the runtime may have started one of its own */
    CHECK(count("/proc/self/fd") == files);
    CHECK(rss_kib() <= rss + rss / 20 + 1024);
}

/* The process whose end is measured: says when it calls musubi_destroy, then destroys and exits. */
static void leaving(void)
{
    musubi_config config = {.struct_size = sizeof config, .server = NO_SERVER};
    musubi_client c;
    uint64_t start;

    CHECK_CODE(musubi_create(&config, &c), 0);
    CHECK_CODE(musubi_connect(c), 0);
    usleep(50000);
    start = now_ns();
    CHECK(write(1, &start, sizeof start) == sizeof start);
    CHECK_CODE(musubi_destroy(c), 0);
    exit(0);
}

static void exits_soon(const char *self)
{
    uint64_t start = 0;
    int fds[2], status;
    pid_t child;

    CHECK(pipe(fds) == 0);
    child = fork();
    if (child == 0) {
        dup2(fds[1], 1);
        execl(self, self, "leaving", (char *)NULL);
        _exit(127);
    }
    CHECK(read(fds[0], &start, sizeof start) == sizeof start);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    printf("destroy and exit took %.1f ms\n", (double)(now_ns() - start) / 1e6);
    CHECK(now_ns() - start < 1000000000u);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "leaving") == 0)
        leaving();
    a_thousand();
    exits_soon(argv[0]);
    return 0;
}
