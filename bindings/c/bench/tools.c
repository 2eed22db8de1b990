#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

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

int complain(const char *what, int32_t code)
{
    fprintf(stderr, "musubi_bench: %s: %s\n", what, musubi_strerror(code));
    return 0;
}

int32_t send_message(const struct flow *f, uint32_t mode, uint32_t kind, uint32_t number, void *data, uint32_t size)
{
    struct header h;

    h.sent = now_ns();
    h.number = number;
    h.kind = kind;
    memcpy(data, &h, sizeof h);
    return musubi_send(f->client, f->peer, mode, 0, data, size, MUSUBI_SEND_NO_WAKE, 0);
}

struct header header_of(const musubi_event *e)
{
    struct header h = {0, 0, 0};

    if (e->kind == MUSUBI_EVENT_MESSAGE && e->data_size >= sizeof h)
        memcpy(&h, e->data, sizeof h);
    return h;
}

int give_result(struct flow *f, const char *members)
{
    char data[sizeof(struct header) + LINE_SIZE];
    size_t n = strlen(members);
    uint64_t limit = now_ns() + 20000000000u;
    musubi_event e;
    int32_t err;

    memcpy(data + sizeof(struct header), members, n + 1);
    while ((err = send_message(f, MUSUBI_RELIABLE_ORDERED, RESULT, 0, data, (uint32_t)(sizeof(struct header) + n + 1))) ==
           MUSUBI_ERR_WOULD_BLOCK) {
        musubi_wait(f->client, 1);
        musubi_poll(f->client, &e, 1);
    }
    if (err != MUSUBI_OK)
        return complain("send the result", err);
    musubi_flush(f->client);
    while (now_ns() < limit) {
        while (musubi_poll(f->client, &e, 1) > 0)
            if (e.kind == MUSUBI_EVENT_PEER_CLOSED)
                return 1;
        musubi_wait(f->client, 100);
    }
    return complain("hand the result over", MUSUBI_ERR_TIMEOUT);
}

int take_result(struct flow *f, char line[LINE_SIZE])
{
    uint64_t limit = now_ns() + 20000000000u;
    musubi_event e;

    while (now_ns() < limit) {
        while (musubi_poll(f->client, &e, 1) > 0) {
            if (header_of(&e).kind == RESULT) {
                snprintf(line, LINE_SIZE, "%s", (const char *)e.data + sizeof(struct header));
                musubi_peer_close(f->client, f->peer, 0, NULL);
                return 1;
            }
            if (e.kind == MUSUBI_EVENT_PEER_CLOSED)
                return complain("wait for the result", e.code);
        }
        musubi_wait(f->client, 100);
    }
    return complain("wait for the result", MUSUBI_ERR_TIMEOUT);
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
