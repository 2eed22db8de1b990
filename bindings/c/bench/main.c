/* musubi_bench: one benchmark of the library through its C API. Alone it starts a server (the program musubi beside it)
 * and the processes of both ends; with --server and --host or --join it is one end, as the laboratory starts it. It
 * prints one line of JSON. What is measured: docs/BENCHMARKS.md. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launch.h"

/* Makes the connections of this end. */
static int meet(const struct options *o, struct flow *flows)
{
    const char *code = o->join;
    char one[CODE_SIZE];
    uint32_t i;

    for (i = 0; i < o->flows; i++) {
        if (o->host) {
            if (!meet_host(o, &flows[i]))
                return 0;
            continue;
        }
        snprintf(one, sizeof one, "%.*s", (int)strcspn(code, ","), code);
        code += strcspn(code, ",");
        code += *code == ',';
        if (!meet_join(o, &flows[i], one))
            return 0;
    }
    if (o->host) {
        for (i = 0; i < o->flows; i++)
            printf("%s%s", i == 0 ? "code " : ",", flows[i].code);
        printf("\n");
        fflush(stdout);
    }
    for (i = 0; i < o->flows && strcmp(o->bench, "mesh") != 0; i++)
        if (!meet_peer(&flows[i], !o->host))
            return 0;
    if (!o->host) /* the relay carries everything once more for 200 ms after a route has moved */
        sleep_until(now_ns() + 300000000u);
    return 1;
}

static int run(const struct options *o, struct flow *f)
{
    switch (o->bench[0]) {
    case 'b':
    case 'r':
        return o->host ? bulk_host(o, f) : bulk_join(o, f);
    case 'p':
        return o->host ? ping_host(o, f) : ping_join(o, f);
    case 'l':
        return o->host ? lossy_host(o, f) : lossy_join(o, f);
    case 'a':
        return o->host ? api_host(o, f) : api_join(o, f);
    }
    return mesh_member(o, f);
}

int main(int argc, char **argv)
{
    static struct flow flows[MOST_FLOWS];
    struct options o;
    char self[1024], beside[1100], *slash;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    uint32_t i;
    int ok;

    if (!options_read(&o, argc, argv))
        return 2;
    if (o.server == NULL) {
        if (n <= 0)
            return 1;
        self[n] = 0;
        slash = strrchr(self, '/');
        snprintf(beside, sizeof beside, "%.*s/musubi", (int)(slash - self), self);
        o.musubi = o.musubi != NULL ? o.musubi : beside;
        return launch(&o, self, argc, argv);
    }
    if (o.host == (o.join != NULL)) {
        fprintf(stderr, "musubi_bench: one of --host and --join goes with --server\n");
        return 2;
    }
    ok = meet(&o, flows) && run(&o, flows);
    for (i = 0; i < o.flows; i++)
        musubi_destroy(flows[i].client); /* an unmade one is 0: an error that does not matter */
    return ok ? 0 : 1;
}
