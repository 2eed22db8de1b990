/* What a client costs its host: the library's file, threads, and resident memory of an idle client that is connected to a
 * server and has polled for some seconds.
 *
 *     size_test LIBRARY MUSUBI
 */
#include <dirent.h>
#include <sys/stat.h>

#include "pair.h"

enum { FILE_LIMIT = 8000000, RSS_LIMIT_KIB = 12 << 10, THREAD_LIMIT = 8, IDLE_FRAMES = 180 };

static long rss_kib(void)
{
    char line[200];
    FILE *f = fopen("/proc/self/status", "r");
    long kib = 0;

    CHECK(f != NULL);
    while (fgets(line, sizeof line, f) != NULL)
        sscanf(line, "VmRSS: %ld", &kib);
    fclose(f);
    return kib;
}

static int threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    int n = 0;

    CHECK(dir != NULL);
    while ((entry = readdir(dir)) != NULL)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void idle(const struct library *lib, musubi_client c)
{
    musubi_event events[16];
    int i;

    for (i = 0; i < IDLE_FRAMES; i++) {
        while (lib->poll(c, events, 16) > 0)
            ;
        usleep(16000);
    }
}

int main(int argc, char **argv)
{
    struct server server;
    struct library lib;
    struct stat file;
    struct pair p;
    musubi_client c;
    long before, loaded, one, two;
    int i, own = threads(), with_one, with_pair;

    CHECK(argc == 3 && stat(argv[1], &file) == 0);
    server = server_start(argv[2]);
    before = rss_kib();
    lib = load(argv[1]);
    loaded = rss_kib();
    c = pair_client(&lib, server.address);
    idle(&lib, c);
    one = rss_kib();
    with_one = threads();
    CHECK(pair_make(&p, &lib, server.address));
    for (i = 0; i < 2000; i++)
        pair_round(&p);
    pair_drain(&p);
    two = rss_kib();
    with_pair = threads();
    pair_destroy(&p);
    CHECK_CODE(lib.destroy(c), 0);
    server_stop(&server);
    printf("library: %.2f MB; loading it: %.1f MB of memory; an idle client: %.1f MB in all, %d threads; with two more in traffic: "
           "%.1f MB, %d threads\n",
           (double)file.st_size / 1e6, (double)(loaded - before) / 1024, (double)(one - before) / 1024, with_one - own,
           (double)(two - before) / 1024, with_pair - own);
    CHECK(file.st_size <= FILE_LIMIT);
    CHECK(one - before <= RSS_LIMIT_KIB);
    CHECK(with_one - own <= THREAD_LIMIT && with_pair - own <= THREAD_LIMIT);
    return 0;
}
