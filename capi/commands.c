/* Calls about the server, the room and connections: checked here as far as the slot knows, done by the owner. */
#include <string.h>

#include "internal.h"

static int32_t put(struct musubi_slot *slot, uint64_t tail, const struct musubi_request *request)
{
    return musubi_command_put(slot, tail, request, 1);
}

int32_t musubi_connect(musubi_client client)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_CONNECT};
    struct musubi_slot *slot;
    uint32_t none = MUSUBI_LINK_NONE;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (!atomic_compare_exchange_strong(&slot->link, &none, MUSUBI_LINK_WANTED))
        return MUSUBI_ERR_ALREADY;
    atomic_store(&slot->link_up, 0);
    err = put(slot, tail, &request);
    if (err != MUSUBI_OK)
        atomic_store(&slot->link, MUSUBI_LINK_NONE);
    return err;
}

int32_t musubi_disconnect(musubi_client client)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_DISCONNECT};
    struct musubi_slot *slot;
    uint32_t wanted = MUSUBI_LINK_WANTED;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (!atomic_compare_exchange_strong(&slot->link, &wanted, MUSUBI_LINK_NONE))
        return MUSUBI_ERR_NOT_CONNECTED;
    err = put(slot, tail, &request);
    if (err == MUSUBI_OK)
        atomic_store(&slot->room, MUSUBI_ROOM_NONE);
    else
        atomic_store(&slot->link, MUSUBI_LINK_WANTED);
    return err;
}

int32_t musubi_enter_room(struct musubi_slot *slot, uint64_t tail, const struct musubi_request *request)
{
    uint32_t none = MUSUBI_ROOM_NONE;
    int32_t err;

    if (atomic_load(&slot->link) == MUSUBI_LINK_NONE)
        return MUSUBI_ERR_NOT_CONNECTED;
    if (!atomic_compare_exchange_strong(&slot->room, &none, MUSUBI_ROOM_WANTED))
        return MUSUBI_ERR_ALREADY;
    err = put(slot, tail, request);
    if (err != MUSUBI_OK)
        atomic_store(&slot->room, MUSUBI_ROOM_NONE);
    return err;
}

int32_t musubi_room_create(musubi_client client, uint32_t max_members, const void *data, uint32_t size)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_CREATE, .value = max_members};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (max_members == 1 || max_members > MUSUBI_MAX_ROOM_MEMBERS)
        return MUSUBI_ERR_VALUE;
    err = musubi_payload(&request, data, size, MUSUBI_MAX_ROOM_DATA);
    return err != MUSUBI_OK ? err : musubi_enter_room(slot, tail, &request);
}

int32_t musubi_room_join(musubi_client client, const char *code)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_JOIN};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (code == NULL)
        return MUSUBI_ERR_NULL;
    request.data = code;
    request.size = (uint32_t)strnlen(code, MUSUBI_CODE_LONGEST + 1);
    if (request.size == 0 || request.size > MUSUBI_CODE_LONGEST)
        return MUSUBI_ERR_VALUE;
    return musubi_enter_room(slot, tail, &request);
}

int32_t musubi_room_leave(musubi_client client)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_LEAVE};
    struct musubi_slot *slot;
    uint32_t wanted = MUSUBI_ROOM_WANTED;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (!atomic_compare_exchange_strong(&slot->room, &wanted, MUSUBI_ROOM_NONE))
        return MUSUBI_ERR_NOT_IN_ROOM;
    err = put(slot, tail, &request);
    if (err != MUSUBI_OK)
        atomic_store(&slot->room, MUSUBI_ROOM_WANTED);
    return err;
}

int32_t musubi_room_set_data(musubi_client client, const void *data, uint32_t size)
{
    return musubi_room_set_data_if(client, 0, data, size);
}

int32_t musubi_room_set_data_if(musubi_client client, uint32_t version, const void *data, uint32_t size)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_SET_DATA, .value = version};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err == MUSUBI_OK)
        err = musubi_payload(&request, data, size, MUSUBI_MAX_ROOM_DATA);
    if (err != MUSUBI_OK)
        return err;
    if (atomic_load(&slot->room) == MUSUBI_ROOM_NONE)
        return MUSUBI_ERR_NOT_IN_ROOM;
    return put(slot, tail, &request);
}

/* Finds client and peer of a call about one peer. */
static int32_t find(musubi_client client, const struct musubi_request *request, struct musubi_slot **slot, uint64_t *tail,
                    uint32_t *bits)
{
    struct musubi_peer_slot *p;
    int32_t err = musubi_slot_use(client, slot, tail);

    return err != MUSUBI_OK ? err : musubi_peer_find(*slot, request->peer, &p, bits);
}

int32_t musubi_peer_connect(musubi_client client, musubi_peer peer, const void *data, uint32_t size)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_PEER_CONNECT, .peer = peer};
    struct musubi_slot *slot;
    uint64_t tail;
    uint32_t bits;
    int32_t err = find(client, &request, &slot, &tail, &bits);

    if (err == MUSUBI_OK)
        err = musubi_payload(&request, data, size, MUSUBI_MAX_REQUEST_DATA);
    if (err != MUSUBI_OK)
        return err;
    return (bits & MUSUBI_PEER_CONNECTED) != 0 ? MUSUBI_ERR_ALREADY : put(slot, tail, &request);
}

int32_t musubi_peer_accept(musubi_client client, musubi_peer peer)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_PEER_ACCEPT, .peer = peer};
    struct musubi_slot *slot;
    uint64_t tail;
    uint32_t bits;
    int32_t err = find(client, &request, &slot, &tail, &bits);

    return err != MUSUBI_OK ? err : put(slot, tail, &request);
}

int32_t musubi_peer_reject(musubi_client client, musubi_peer peer, const char *text)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_PEER_REJECT, .peer = peer};
    struct musubi_slot *slot;
    uint64_t tail;
    uint32_t bits;
    int32_t err = find(client, &request, &slot, &tail, &bits);

    if (err == MUSUBI_OK)
        err = musubi_sentence(&request, text);
    return err != MUSUBI_OK ? err : put(slot, tail, &request);
}

int32_t musubi_peer_close(musubi_client client, musubi_peer peer, int32_t code, const char *text)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_PEER_CLOSE, .peer = peer, .code = code};
    struct musubi_slot *slot;
    uint64_t tail;
    uint32_t bits;
    int32_t err = find(client, &request, &slot, &tail, &bits);

    if (err == MUSUBI_OK)
        err = code < 0 ? MUSUBI_ERR_VALUE : musubi_sentence(&request, text);
    return err != MUSUBI_OK ? err : put(slot, tail, &request);
}

int32_t musubi_peer_punch(musubi_client client, musubi_peer peer)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_PEER_PUNCH, .peer = peer};
    struct musubi_slot *slot;
    uint64_t tail;
    uint32_t bits;
    int32_t err = find(client, &request, &slot, &tail, &bits);

    if (err != MUSUBI_OK)
        return err;
    return (bits & MUSUBI_PEER_CONNECTED) == 0 ? MUSUBI_ERR_NOT_CONNECTED : put(slot, tail, &request);
}

int32_t musubi_suspend(musubi_client client, uint32_t max_ms)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_SUSPEND, .value = max_ms};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    return max_ms == 0 || max_ms > MUSUBI_MAX_SUSPEND ? MUSUBI_ERR_VALUE : put(slot, tail, &request);
}

int32_t musubi_resume(musubi_client client)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_RESUME};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    return err != MUSUBI_OK ? err : put(slot, tail, &request);
}

int32_t musubi_network_changed(musubi_client client)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_NETWORK_CHANGED};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    return err != MUSUBI_OK ? err : put(slot, tail, &request);
}
