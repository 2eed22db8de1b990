#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <musubi.h>

#include "traffic.h"

static const char usage[] =
    "usage: musubi_peer --server musubi://... (--host | --join CODE) [options]\n"
    "  --password TEXT   of the room, on both sides\n"
    "  --list TEXT       host: a public room with this metadata; with --join - the first one listed is joined\n"
    "  --ask             host: asks who wants to enter, and lets everybody in\n"
    "  --name S          wished user id; a server with open auth gives another\n"
    "  --messages N      reliable messages to each peer (default 100)\n"
    "  --unreliable N    unreliable messages to each peer, spread over the same time (default 0)\n"
    "  --rate HZ         reliable messages a second; 0: as fast as they are taken (default 100)\n"
    "  --size B          bytes of a message (default 64, least 40)\n"
    "  --priority P      of reliable messages: low, normal (default), high, urgent\n"
    "  --deadline MS     of unreliable messages (default 1000)\n"
    "  --budget B        send budget in bytes (default 4194304)\n"
    "  --idle-timeout MS silence after which a peer is lost (default 10000)\n"
    "  --marker TEXT     text that every message carries, for whoever looks at the wire\n"
    "  --simulate NAME   a bad network before this player: wifi, bad-wifi, dsl, 4g, 3g, lossy, rough, transatlantic,\n"
    "                    satellite\n"
    "  --start WHEN      connected: send when connected (default); direct: wait for a direct route\n"
    "  --bind ADDR:PORT  local UDP address\n"
    "  --token TEXT      access token\n"
    "  --privacy N       0 direct (default), 1 consent, 2 relay only\n"
    "  --control         take orders from standard input: join CODE (with --join -), enough,\n"
    "                    changed, pause, resume, phase, suspend MS, wake, stats\n"
    "  --members N       members of the room, this one included (default 2)\n"
    "  --punch N         port prediction: 0 normal (default), 1 off, 2 most\n"
    "  --punch-rate N    packets a second while predicting ports (default: by --punch)\n"
    "  --stay SECONDS    go on after everything has arrived (default 0)\n"
    "  --timeout SECONDS give up if it has not (default 60)\n"
    "Exit: 0 all arrived once and in order, 1 not so, 2 usage, 3 server or room, 4 time-out.\n";

static int complain(const char *what, const char *value)
{
    fprintf(stderr, "musubi_peer: %s%s%s\n%s", what, value != NULL ? ": " : "", value != NULL ? value : "", usage);
    return 2;
}

static int number(const char *text, double least, double most, double *value)
{
    char *end;

    errno = 0;
    *value = strtod(text, &end);
    return errno == 0 && end != text && *end == 0 && *value >= least && *value <= most;
}

static int priority(const char *name, uint32_t *flag)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } all[] = {{"low", MUSUBI_SEND_LOW}, {"normal", MUSUBI_SEND_NORMAL}, {"high", MUSUBI_SEND_HIGH}, {"urgent", MUSUBI_SEND_URGENT}};
    unsigned i;

    for (i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(name, all[i].name) == 0) {
            *flag = all[i].flag;
            return 1;
        }
    return 0;
}

/* One option with a value. Returns 1 if it is known and the value is good, 0 if not known, -1 if the value is bad. */
static int option(struct options *o, const char *name, const char *value)
{
    struct {
        const char *name;
        double least, most;
        uint32_t *whole;
        double *real;
    } numbers[] = {
        {"--messages", 0, TRAFFIC_MOST, &o->messages, NULL},
        {"--unreliable", 0, TRAFFIC_MOST, &o->unreliable, NULL},
        {"--size", TRAFFIC_LEAST_SIZE, 60000, &o->size, NULL},
        {"--deadline", 0, 65535, &o->deadline, NULL},
        {"--budget", 0, 64 << 20, &o->budget, NULL},
        {"--idle-timeout", 0, 600000, &o->idle_timeout, NULL},
        {"--punch", 0, MUSUBI_PUNCH_MAX, &o->punch, NULL},
        {"--privacy", 0, MUSUBI_PRIVACY_RELAY_ONLY, &o->privacy, NULL},
        {"--punch-rate", 0, 2000, &o->punch_rate, NULL},
        {"--members", 2, HARNESS_MOST_PEERS + 1, &o->members, NULL},
        {"--rate", 0, 1e6, NULL, &o->rate},
        {"--stay", 0, 1e6, NULL, &o->stay},
        {"--timeout", 0.1, 1e6, NULL, &o->timeout},
    };
    double v;
    unsigned i;

    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(name, numbers[i].name) != 0)
            continue;
        if (!number(value, numbers[i].least, numbers[i].most, &v))
            return -1;
        if (numbers[i].whole != NULL)
            *numbers[i].whole = (uint32_t)v;
        else
            *numbers[i].real = v;
        return 1;
    }
    if (strcmp(name, "--start") == 0) {
        o->start_direct = strcmp(value, "direct") == 0;
        return o->start_direct || strcmp(value, "connected") == 0 ? 1 : -1;
    }
    if (strcmp(name, "--priority") == 0)
        return priority(value, &o->priority) ? 1 : -1;
    if (strcmp(name, "--server") == 0)
        o->server = value;
    else if (strcmp(name, "--join") == 0)
        o->join = value;
    else if (strcmp(name, "--password") == 0)
        o->password = value;
    else if (strcmp(name, "--list") == 0)
        o->list = value;
    else if (strcmp(name, "--name") == 0)
        o->name = value;
    else if (strcmp(name, "--marker") == 0)
        o->marker = value;
    else if (strcmp(name, "--token") == 0)
        o->token = value;
    else if (strcmp(name, "--bind") == 0)
        o->bind = value;
    else if (strcmp(name, "--simulate") == 0)
        o->simulate = value;
    else
        return 0;
    return 1;
}

int options_read(struct options *o, int argc, char **argv)
{
    int i, host = 0;

    memset(o, 0, sizeof *o);
    o->messages = 100;
    o->size = 64;
    o->members = 2;
    o->rate = 100;
    o->timeout = 60;
    o->marker = "";
    for (i = 1; i < argc; i++) {
        int known;

        if (strcmp(argv[i], "--host") == 0) {
            host = 1;
            continue;
        }
        if (strcmp(argv[i], "--control") == 0) {
            o->control = 1;
            continue;
        }
        if (strcmp(argv[i], "--ask") == 0) {
            o->ask = 1;
            continue;
        }
        known = option(o, argv[i], i + 1 < argc ? argv[i + 1] : "");
        if (known == 0)
            return complain("unknown option", argv[i]);
        if (i + 1 == argc)
            return complain("value missing", argv[i]);
        if (known < 0)
            return complain("bad value", argv[i + 1]);
        i++;
    }
    if (o->server == NULL)
        return complain("--server is missing", NULL);
    if (host == (o->join != NULL))
        return complain("give either --host or --join", NULL);
    if (!host && strcmp(o->join, "-") == 0 && !o->control && o->list == NULL)
        return complain("--join - needs --control or --list", NULL);
    return 0;
}
