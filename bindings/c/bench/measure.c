#include "measure.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void sleep_until(uint64_t at)
{
    struct timespec t;

    t.tv_sec = (time_t)(at / 1000000000u);
    t.tv_nsec = (long)(at % 1000000000u);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

static uint64_t time_ns(struct timeval t) { return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u; }

uint64_t cpu_ns(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return time_ns(u.ru_utime) + time_ns(u.ru_stime);
}

double rss_mb(void)
{
    long total, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f != NULL) {
        if (fscanf(f, "%ld %ld", &total, &resident) != 2)
            resident = 0;
        fclose(f);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void sort_values(double *values, size_t n) { qsort(values, n, sizeof *values, by_value); }

double quantile(const double *sorted, size_t n, double q)
{
    size_t at = (size_t)(q * (double)n);

    return n == 0 ? 0 : sorted[at < n ? at : n - 1];
}

void tally_message(struct tally *t, const struct header *h, uint32_t size, uint64_t now)
{
    t->first = t->first != 0 ? t->first : now;
    t->disorder += h->number != t->next;
    t->next = h->number + 1;
    if (t->begin != 0) {
        t->bytes += size;
        t->messages++;
    }
}

int tally_done(struct tally *t, uint64_t now)
{
    if (t->begin == 0 && t->first != 0 && (double)(now - t->first) >= t->o->warmup * 1e9) {
        t->begin = now;
        t->cpu = cpu_ns();
    } else if (t->begin != 0 && (double)(now - t->begin) >= t->o->seconds * 1e9) {
        t->end = now;
        t->cpu = cpu_ns() - t->cpu;
    }
    return t->end != 0;
}

void tally_line(const struct tally *t, char line[LINE_SIZE])
{
    double ns = (double)(t->end - t->begin);

    snprintf(line, LINE_SIZE, "\"MBps\":%.2f,\"msgs_per_s\":%.0f,\"cpu_s_per_GB\":%.3f,\"disorder\":%lu", (double)t->bytes * 1e3 / ns,
             (double)t->messages * 1e9 / ns, (double)t->cpu / (double)(t->bytes > 0 ? t->bytes : 1), (unsigned long)t->disorder);
}

uint32_t lane_warm(const struct options *o) { return (uint32_t)(o->warmup * o->hz); }
uint32_t lane_total(const struct options *o) { return lane_warm(o) + o->messages + COOL; }
uint64_t lane_due(const struct lane *l, uint32_t number) { return l->start + (uint64_t)(number * 1e9 / l->o->hz); }

int lane_message(struct lane *l, const struct header *h)
{
    uint32_t warm = lane_warm(l->o);

    l->disorder += h->number != l->next++;
    if (h->number >= warm && h->number < warm + l->o->messages && l->count < l->o->messages)
        l->latencies[l->count++] = (uint32_t)((now_ns() - h->sent) / 1000);
    return h->number + 1 >= lane_total(l->o);
}

int lanes_run(const struct options *o, struct lane *lanes, void *flows, size_t flow_size, void *(*body)(void *))
{
    uint64_t start = now_ns() + 500000000u;
    pthread_t threads[MOST_FLOWS];
    uint32_t i;
    int ok = 1;

    for (i = 0; i < o->flows; i++) {
        struct lane *l = &lanes[i];

        memset(l, 0, sizeof *l);
        l->o = o;
        l->flow = (char *)flows + i * flow_size;
        l->start = start + (uint64_t)(i * 1e9 / o->hz / o->flows); /* spread over a frame: no bursts at the link */
        l->latencies = malloc(sizeof *l->latencies * o->messages);
        if (l->latencies == NULL || pthread_create(&threads[i], NULL, body, l) != 0)
            return 0;
    }
    for (i = 0; i < o->flows; i++) {
        pthread_join(threads[i], NULL);
        ok = ok && lanes[i].ok;
    }
    return ok;
}

int lanes_line(const struct options *o, const struct lane *lanes, char line[LINE_SIZE])
{
    FILE *file = o->latencies != NULL ? fopen(o->latencies, "w") : NULL;
    double *ms = malloc(sizeof *ms * o->flows * o->messages);
    size_t n = 0;
    uint32_t i, k, disorder = 0;

    if (ms == NULL || (o->latencies != NULL && file == NULL)) {
        fprintf(stderr, "bench: can't write the latencies\n");
        return 0;
    }
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

void lanes_print(const struct options *o, const char *lib, const struct lane *lanes, const char *line, const char *extra)
{
    uint64_t begin = lane_due(&lanes[0], lane_warm(o)), end = lane_due(&lanes[0], lane_warm(o) + o->messages);

    printf("{\"bench\":\"lossy\",\"lib\":\"%s\",%s,\"flows\":%u,\"begin_ns\":%lu,\"end_ns\":%lu%s}\n", lib, line, o->flows, (unsigned long)begin,
           (unsigned long)end, extra);
}

void ping_print(const struct options *o, const char *lib, double *us, size_t n, uint64_t cpu)
{
    sort_values(us, n);
    printf("{\"bench\":\"ping\",\"lib\":\"%s\",\"wait\":\"%s\",\"us_p50\":%.1f,\"us_p99\":%.1f,\"us_max\":%.1f,\"pings\":%lu,\"cpu_us_per_ping\":%.1f}\n",
           lib, o->spin ? "spin" : "block", quantile(us, n, 0.5), quantile(us, n, 0.99), n > 0 ? us[n - 1] : 0, (unsigned long)n,
           (double)cpu / 1e3 / (double)(n > 0 ? n : 1));
}
