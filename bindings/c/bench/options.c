#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: BENCH bulk|rate|ping|lossy|api|mesh [options]\n"
    "  --seconds S      how long to measure (bulk, rate, ping 5; mesh 10)\n"
    "  --warmup S       before that (1; lossy and mesh 2)\n"
    "  --size B         bytes of a message, 16 to 65536 (bulk 1024, lossy 100, else 64)\n"
    "  --wait HOW       ping: block (default) or spin\n"
    "  --flows N        lossy: connections at a time (24, at most 32)\n"
    "  --messages N     lossy: messages of each that count (1500)\n"
    "  --hz N           lossy, mesh: messages or frames a second (60)\n"
    "  --latencies FILE lossy: where every latency goes, in microseconds, one a line\n"
    "  --peers N        mesh: members of the room, each a process (16)\n"
    "  --budget B       send budget, bytes (the library's default)\n"
    "  --bind ADDR      local UDP address of this end\n"
    "  --musubi FILE    the server's program (beside this one)\n"
    "  --server ADDRESS use this one; then one of:\n"
    "    --host         make the rooms, print a line \"code ...\", be the far end\n"
    "    --join CODES   be the measuring end\n";

static int fail(const char *what, const char *value)
{
    fprintf(stderr, "bench: %s %s\n%s", what, value, usage);
    return 0;
}

static int number(const char *text, double least, double most, double *value)
{
    char *end;

    errno = 0;
    *value = strtod(text, &end);
    return errno == 0 && end != text && *end == 0 && *value >= least && *value <= most;
}

static int numeric(struct options *o, const char *name, const char *value)
{
    struct {
        const char *name;
        double least, most;
        double *real;
        uint32_t *whole;
    } all[] = {
        {"--seconds", 0.01, 3600, &o->seconds, NULL},
        {"--warmup", 0, 3600, &o->warmup, NULL},
        {"--hz", 1, 10000, &o->hz, NULL},
        {"--size", 16, MOST_SIZE, NULL, &o->size},
        {"--flows", 1, MOST_FLOWS, NULL, &o->flows},
        {"--messages", 1, 10000000, NULL, &o->messages},
        {"--peers", 2, MOST_PEERS + 1, NULL, &o->peers},
        {"--budget", 65536, 64 << 20, NULL, &o->budget},
    };
    unsigned i;
    double v;

    for (i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(name, all[i].name) != 0)
            continue;
        if (!number(value, all[i].least, all[i].most, &v))
            return fail("bad value of", name);
        if (all[i].real != NULL)
            *all[i].real = v;
        else
            *all[i].whole = (uint32_t)v;
        return 1;
    }
    return fail("unknown option", name);
}

static int option(struct options *o, const char *name, const char *value)
{
    struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"--server", &o->server}, {"--join", &o->join}, {"--musubi", &o->musubi}, {"--latencies", &o->latencies}, {"--bind", &o->bind},
    };
    unsigned i;

    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].text = value;
            return 1;
        }
    if (strcmp(name, "--wait") == 0) {
        o->spin = strcmp(value, "spin") == 0;
        return o->spin || strcmp(value, "block") == 0 ? 1 : fail("bad value of", name);
    }
    return numeric(o, name, value);
}

/* What each benchmark has of its own. */
static int defaults(struct options *o, const char *bench)
{
    int lossy = strcmp(bench, "lossy") == 0, mesh = strcmp(bench, "mesh") == 0;

    o->bench = bench;
    o->seconds = mesh ? 10 : 5;
    o->warmup = lossy || mesh ? 2 : 1;
    o->size = strcmp(bench, "bulk") == 0 ? 1024 : lossy ? 100 : 64;
    o->flows = lossy ? 24 : 1;
    o->messages = 1500;
    o->hz = 60;
    o->peers = mesh ? 16 : 2;
    return lossy || mesh || strstr(" bulk rate ping api ", bench) != NULL ? 1 : fail("unknown benchmark", bench);
}

int options_read(struct options *o, int argc, char **argv)
{
    int i;

    memset(o, 0, sizeof *o);
    if (argc < 2)
        return fail("no benchmark", "");
    if (!defaults(o, argv[1]))
        return 0;
    for (i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--host") == 0)
            o->host = 1;
        else if (i + 1 == argc)
            return fail("no value for", argv[i]);
        else if (!option(o, argv[i], argv[i + 1]))
            return 0;
        else
            i++;
    }
    if (o->size > MOST_SMALL && strstr(" bulk rate ping ", o->bench) == NULL)
        return fail("over 2048 bytes:", "--size");
    if (strcmp(o->bench, "mesh") != 0)
        o->peers = 2;
    if (strcmp(o->bench, "lossy") != 0)
        o->flows = 1;
    return 1;
}
