/* lossy: reliable ordered messages at a game's rate over several connections at a time, a thread for each; the other end
 * writes down how long each was on its way, from the send call to the return of the poll. The link between the two
 * processes is somebody else's business. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { COOL = 60 }; /* messages behind the last one that counts, so that it is no special case: no tail without traffic */

struct lane { /* one flow and its thread */
    const struct options *o;
    struct flow *flow;
    pthread_t thread;
    uint64_t start;      /* ns, of the first message */
    uint32_t *latencies; /* us, of the messages that count */
    uint32_t count, disorder;
    int ok;
};

static uint32_t warm(const struct options *o) { return (uint32_t)(o->warmup * o->hz); }

static void *receive(void *argument)
{
    struct lane *l = argument;
    uint32_t first = warm(l->o), last = first + l->o->messages, next = 0;
    musubi_event e;

    while (next < last + COOL) {
        if (musubi_poll(l->flow->client, &e, 1) <= 0) {
            musubi_wait(l->flow->client, 1000);
            continue;
        }
        if (e.kind == MUSUBI_EVENT_PEER_CLOSED) {
            complain("receive", e.code);
            return NULL;
        }
        if (e.kind == MUSUBI_EVENT_MESSAGE) {
            struct header h = header_of(&e);

            l->disorder += h.number != next++;
            if (h.number >= first && h.number < last && l->count < l->o->messages)
                l->latencies[l->count++] = (uint32_t)((now_ns() - h.sent) / 1000);
        }
    }
    l->ok = 1;
    return NULL;
}

static void *transmit(void *argument)
{
    struct lane *l = argument;
    static const char zero[MUSUBI_MAX_UNRELIABLE];
    char data[2048];
    uint32_t i, total = warm(l->o) + l->o->messages + COOL;
    musubi_event ev[16];
    int32_t err;

    memcpy(data, zero, sizeof data);
    for (i = 0; i < total; i++) {
        sleep_until(l->start + (uint64_t)(i * 1e9 / l->o->hz));
        while (musubi_poll(l->flow->client, ev, 16) > 0)
            ;
        err = send_message(l->flow, MUSUBI_RELIABLE_ORDERED, DATA, i, data, l->o->size);
        if (err != MUSUBI_OK) {
            complain("send", err);
            return NULL;
        }
        musubi_flush(l->flow->client);
    }
    l->ok = 1;
    return NULL;
}

/* Runs all lanes and returns whether all went well. */
static int run(const struct options *o, struct flow *flows, struct lane *lanes, void *(*body)(void *))
{
    uint64_t start = now_ns() + 500000000u;
    uint32_t i;
    int ok = 1;

    for (i = 0; i < o->flows; i++) {
        lanes[i].o = o;
        lanes[i].flow = &flows[i];
        lanes[i].start = start + (uint64_t)(i * 1e9 / o->hz / o->flows); /* spread over a frame: no bursts at the link */
        if (pthread_create(&lanes[i].thread, NULL, body, &lanes[i]) != 0)
            return complain("start a thread", MUSUBI_ERR_MEMORY);
    }
    for (i = 0; i < o->flows; i++) {
        pthread_join(lanes[i].thread, NULL);
        ok = ok && lanes[i].ok;
    }
    return ok;
}

/* Puts all latencies together, writes them to the file if one is wanted, and makes members of JSON from them. */
static int sum_up(const struct options *o, const struct lane *lanes, char line[LINE_SIZE])
{
    FILE *file = o->latencies != NULL ? fopen(o->latencies, "w") : NULL;
    double *ms = malloc(sizeof *ms * o->flows * o->messages);
    size_t n = 0;
    uint32_t i, k, disorder = 0;

    if (ms == NULL || (o->latencies != NULL && file == NULL))
        return complain("write the latencies", MUSUBI_ERR_MEMORY);
    for (i = 0; i < o->flows; i++) {
        disorder += lanes[i].disorder;
        for (k = 0; k < lanes[i].count; k++) {
            ms[n++] = lanes[i].latencies[k] / 1e3;
            if (file != NULL)
                fprintf(file, "%u\n", lanes[i].latencies[k]);
        }
    }
    if (file != NULL)
        fclose(file);
    sort_values(ms, n);
    snprintf(line, LINE_SIZE, "\"p50\":%.2f,\"p95\":%.2f,\"p99\":%.2f,\"max\":%.2f,\"messages\":%lu,\"disorder\":%u", quantile(ms, n, 0.5),
             quantile(ms, n, 0.95), quantile(ms, n, 0.99), n > 0 ? ms[n - 1] : 0, (unsigned long)n, disorder);
    free(ms);
    return 1;
}

int lossy_host(const struct options *o, struct flow *flows)
{
    static struct lane lanes[MOST_FLOWS];
    char line[LINE_SIZE];
    uint32_t i;

    for (i = 0; i < o->flows; i++)
        if ((lanes[i].latencies = malloc(sizeof *lanes[i].latencies * o->messages)) == NULL)
            return complain("lossy", MUSUBI_ERR_MEMORY);
    return run(o, flows, lanes, receive) && sum_up(o, lanes, line) && give_result(&flows[0], line);
}

int lossy_join(const struct options *o, struct flow *flows)
{
    static struct lane lanes[MOST_FLOWS];
    musubi_stats stats = {.struct_size = sizeof stats};
    uint64_t sent = 0, lost = 0;
    char line[LINE_SIZE];
    uint32_t i;

    if (!run(o, flows, lanes, transmit))
        return 0;
    for (i = 0; i < o->flows; i++)
        if (musubi_peer_stats(flows[i].client, flows[i].peer, &stats) == MUSUBI_OK) {
            sent += stats.packets_sent;
            lost += stats.packets_lost;
        }
    if (!take_result(&flows[0], line))
        return 0;
    printf("{\"bench\":\"lossy\",\"lib\":\"musubi\",%s,\"packets\":%lu,\"packets_lost\":%lu,\"flows\":%u}\n", line, (unsigned long)sent,
           (unsigned long)lost, o->flows);
    return 1;
}
