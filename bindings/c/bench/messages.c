#include "bench.h"

#include <stdio.h>
#include <string.h>

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
