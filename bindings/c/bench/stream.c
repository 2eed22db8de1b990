/* bulk and rate: one end sends as much as it may, the other counts what arrives. bulk is reliable and ordered, rate
 * unreliable. */
#include <stdio.h>
#include <string.h>

#include "bench.h"

enum { BATCH = 64 };

static int reliable(const struct options *o) { return strcmp(o->bench, "bulk") == 0; }

int bulk_host(const struct options *o, struct flow *f)
{
    struct tally t = {.o = o};
    musubi_event ev[BATCH];
    char line[LINE_SIZE];
    uint64_t now;
    int32_t n, i;

    do {
        while ((n = musubi_poll(f->client, ev, BATCH)) == 0)
            musubi_wait(f->client, 100);
        now = now_ns();
        for (i = 0; i < n; i++) {
            struct header h = header_of(&ev[i]);

            if (ev[i].kind == MUSUBI_EVENT_PEER_CLOSED)
                return complain("receive", ev[i].code);
            if (h.kind == DATA)
                tally_message(&t, &h, ev[i].data_size, now);
        }
    } while (!tally_done(&t, now));
    if (reliable(o) && t.disorder != 0)
        return complain("messages came out of order", MUSUBI_ERR_PROTOCOL);
    tally_line(&t, line);
    return give_result(f, line);
}

/* Drains events. Returns whether the result came, which then is in line. */
static int look(struct flow *f, char *line)
{
    musubi_event ev[BATCH];
    int32_t n, i;

    while ((n = musubi_poll(f->client, ev, BATCH)) > 0)
        for (i = 0; i < n; i++)
            if (header_of(&ev[i]).kind == RESULT) {
                snprintf(line, LINE_SIZE, "%s", (const char *)ev[i].data + sizeof(struct header));
                return 1;
            }
    return n < 0;
}

int bulk_join(const struct options *o, struct flow *f)
{
    static char data[MUSUBI_MAX_UNRELIABLE];
    uint32_t mode = reliable(o) ? MUSUBI_RELIABLE_ORDERED : MUSUBI_UNRELIABLE, number = 0, blocked = 0;
    uint64_t begin = now_ns(), cpu = cpu_ns(), limit = begin + (uint64_t)((o->warmup + o->seconds + 20) * 1e9);
    char line[LINE_SIZE] = "";
    int32_t err;
    int k;

    while (line[0] == 0) { /* until the other end has seen enough */
        for (k = 0, err = MUSUBI_OK; k < BATCH && err == MUSUBI_OK; k++) {
            err = send_message(f, mode, DATA, number, data, o->size);
            number += err == MUSUBI_OK;
        }
        if (err != MUSUBI_OK && err != MUSUBI_ERR_WOULD_BLOCK)
            return complain("send", err);
        musubi_flush(f->client);
        if (err == MUSUBI_ERR_WOULD_BLOCK) {
            blocked++;
            musubi_wait(f->client, 1); /* WRITABLE */
        }
        if (look(f, line) && line[0] == 0)
            return complain("poll", MUSUBI_ERR_FAILED);
        if (now_ns() > limit)
            return complain("the other end did not finish", MUSUBI_ERR_TIMEOUT);
    }
    cpu = cpu_ns() - cpu;
    printf("{\"bench\":\"%s\",\"lib\":\"musubi\",%s,\"sender_cpu_s_per_GB\":%.3f,\"sent\":%u,\"blocked\":%u,\"size\":%u}\n", o->bench, line,
           (double)cpu / ((double)number * o->size), number, blocked, o->size);
    musubi_peer_close(f->client, f->peer, 0, NULL);
    return 1;
}
