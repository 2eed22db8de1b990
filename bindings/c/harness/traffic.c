#include "traffic.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 0x6d757362, RELIABLE = 1, UNRELIABLE = 2, LAST = 3, DONE = 4 };

/* Both ends run this program on machines of one byte order. */
struct header {
    uint32_t magic;
    uint32_t kind;
    uint32_t number;
    uint32_t total; /* of LAST: reliable messages sent */
    double sent_at; /* CLOCK_MONOTONIC of the sender, seconds */
    uint32_t size;
    uint32_t sum; /* of everything else */
};

void traffic_init(struct traffic *t)
{
    memset(t, 0, sizeof *t);
    t->seen = calloc(1, TRAFFIC_MOST / 8 + 1);
    t->unreliable_seen = calloc(1, TRAFFIC_MOST / 8 + 1);
    if (t->seen == NULL || t->unreliable_seen == NULL)
        abort();
}

void traffic_free(struct traffic *t)
{
    free(t->seen);
    free(t->unreliable_seen);
}

static uint32_t sum_of(const uint8_t *data, uint32_t size)
{
    const uint32_t at = offsetof(struct header, sum);
    uint32_t sum = 2166136261u, i;

    for (i = 0; i < size; i++)
        sum = (sum ^ (i >= at && i < at + 4 ? 0 : data[i])) * 16777619u;
    return sum;
}

/* The marker over and over, or numbers that look like nothing. */
static void fill(uint8_t *body, uint32_t size, const char *marker, uint32_t number)
{
    size_t length = strlen(marker);
    uint32_t i, x = number * 2654435761u + 1;

    for (i = 0; i < size; i++) {
        x = x * 1664525u + 1013904223u;
        body[i] = length != 0 ? (uint8_t)marker[i % length] : (uint8_t)(x >> 24);
    }
}

static int32_t send_one(const struct options *o, musubi_client client, musubi_peer peer, uint32_t kind, uint32_t number,
                        uint32_t total, double now)
{
    static uint8_t data[65536];
    struct header h = {MAGIC, kind, number, total, now, o->size, 0};

    memcpy(data, &h, sizeof h);
    fill(data + sizeof h, o->size - (uint32_t)sizeof h, o->marker, number);
    h.sum = sum_of(data, o->size);
    memcpy(data, &h, sizeof h);
    return musubi_send(client, peer, kind == UNRELIABLE ? MUSUBI_UNRELIABLE : MUSUBI_RELIABLE_ORDERED, 0, data, o->size,
                       MUSUBI_SEND_NO_WAKE | (kind == UNRELIABLE ? o->deadline << MUSUBI_SEND_DEADLINE_SHIFT : o->priority),
                       number);
}

/* How many of n messages are due, at a rate. */
static uint32_t due(uint32_t n, double rate, double passed)
{
    double d = rate > 0 ? passed * rate + 1 : n;

    return d >= n ? n : (uint32_t)d;
}

static int32_t finish(struct traffic *t, const struct options *o, musubi_client client, musubi_peer peer, double now)
{
    int32_t err = 0;

    if (!t->last_sent && (t->enough || (t->sent == o->messages && t->unreliable_sent == o->unreliable))) {
        err = send_one(o, client, peer, LAST, t->sent, t->sent, now);
        t->last_sent = err == 0;
    }
    if (err == 0 && t->last_sent && !t->done_sent && t->last_received && t->received == t->expected) {
        err = send_one(o, client, peer, DONE, 0, 0, now);
        t->done_sent = err == 0;
    }
    return err;
}

int32_t traffic_send(struct traffic *t, const struct options *o, musubi_client client, musubi_peer peer, double now,
                     double *next)
{
    double passed = now - t->start;
    double span = o->rate > 0 && o->messages > 0 ? o->messages / o->rate : 0;
    double unreliable_rate = span > 0 ? o->unreliable / span : o->rate;
    uint32_t reliable_due = due(o->messages, o->rate, passed), unreliable_due = due(o->unreliable, unreliable_rate, passed);
    int32_t err = 0;

    *next = 0;
    if (!t->started || t->paused != 0)
        return 0;
    if (t->enough)
        reliable_due = t->sent, unreliable_due = t->unreliable_sent;
    while (err == 0 && (t->sent < reliable_due || t->unreliable_sent < unreliable_due)) {
        if (t->sent < reliable_due) {
            err = send_one(o, client, peer, RELIABLE, t->sent, 0, now);
            t->sent += err == 0;
        }
        if (err == 0 && t->unreliable_sent < unreliable_due) {
            err = send_one(o, client, peer, UNRELIABLE, t->unreliable_sent, 0, now);
            t->unreliable_sent += err == 0;
        }
    }
    if (err == 0)
        err = finish(t, o, client, peer, now);
    if (err == MUSUBI_ERR_WOULD_BLOCK) {
        *next = now + 0.005; /* WRITABLE comes earlier */
        return 0;
    }
    if (t->enough)
        return err;
    if (o->rate > 0 && t->sent < o->messages)
        *next = t->start + t->sent / o->rate;
    if (unreliable_rate > 0 && t->unreliable_sent < o->unreliable) {
        double at = t->start + t->unreliable_sent / unreliable_rate;

        *next = *next == 0 || at < *next ? at : *next;
    }
    return err;
}

/* The longest silence of the phase, with the one that lasts until now. */
static double phase_gap(const struct traffic *t, double now)
{
    double since = t->previous > t->phase_start ? t->previous : t->phase_start;

    return t->previous != 0 && now - since > t->phase_gap ? now - since : t->phase_gap;
}

void traffic_pause(struct traffic *t, double now)
{
    if (t->paused == 0)
        t->paused = now;
}

void traffic_resume(struct traffic *t, double now)
{
    if (t->paused != 0)
        t->start += now - t->paused;
    t->paused = 0;
    t->previous = 0; /* a silence that was ordered is none */
}

double traffic_phase(struct traffic *t, double now, uint32_t *received)
{
    double gap = phase_gap(t, now);

    *received = t->phase_received;
    t->phase_start = now;
    t->phase_gap = 0;
    t->phase_received = 0;
    return gap;
}

void traffic_receipt(struct traffic *t, int32_t code)
{
    t->delivered += code == MUSUBI_OK;
    t->unknown += code == MUSUBI_ERR_UNKNOWN;
    t->expired += code == MUSUBI_ERR_EXPIRED;
}

/* Sets a bit and tells whether it was set before. */
static int mark(uint8_t *bits, uint32_t number)
{
    int was = bits[number / 8] >> (number % 8) & 1;

    bits[number / 8] |= (uint8_t)(1 << (number % 8));
    return was;
}

static void reliable(struct traffic *t, uint32_t number, double now)
{
    if (number > TRAFFIC_MOST) {
        t->corrupt++;
        return;
    }
    if (mark(t->seen, number)) {
        t->dup++;
        return;
    }
    if (number != t->highest)
        t->reordered++;
    if (number >= t->highest)
        t->highest = number + 1;
    t->received++;
    t->phase_received++;
    if (t->previous != 0 && now - t->previous > t->max_gap)
        t->max_gap = now - t->previous;
    t->phase_gap = phase_gap(t, now);
    t->previous = now;
}

int traffic_receive(struct traffic *t, const musubi_event *e, double now)
{
    struct header h;
    int is_first = t->first == 0;

    if (is_first)
        t->first = now;
    memset(&h, 0, sizeof h);
    if (e->data_size >= sizeof h)
        memcpy(&h, e->data, sizeof h);
    if (h.magic != MAGIC || h.size != e->data_size || h.sum != sum_of(e->data, e->data_size)) {
        t->corrupt++;
    } else if (h.kind == RELIABLE) {
        reliable(t, h.number, now);
    } else if (h.kind == UNRELIABLE && h.number <= TRAFFIC_MOST) {
        if (mark(t->unreliable_seen, h.number))
            t->unreliable_dup++;
        else
            t->unreliable_received++;
    } else if (h.kind == LAST) {
        t->dup += t->last_received != 0;
        t->reordered += h.total != t->highest; /* it must come behind all others */
        t->expected = h.total;
        t->last_received = 1;
    } else if (h.kind == DONE) {
        t->done_received = 1;
    } else {
        t->corrupt++;
    }
    return is_first;
}

int traffic_complete(const struct traffic *t)
{
    return t->last_received && t->received >= t->expected && t->last_sent && t->done_sent && t->done_received;
}

uint32_t traffic_lost(const struct traffic *t)
{
    uint32_t least = t->last_received ? t->expected : t->highest;

    return least > t->received ? least - t->received : 0;
}

int traffic_clean(const struct traffic *t)
{
    return traffic_complete(t) && traffic_lost(t) == 0 && t->dup == 0 && t->reordered == 0 && t->corrupt == 0 &&
           t->unreliable_dup == 0;
}
