/* Calls about rooms beyond entering and leaving them, and about users: checked here as far as the slot knows, done by the owner. */
#include "grow.h"
#include "internal.h"

/* A payload of several parts, one behind the other. */
struct parts {
    uint8_t bytes[MUSUBI_CODE_LONGEST + MUSUBI_MAX_PASSWORD + MUSUBI_MAX_ROOM_DATA];
    uint32_t size;
};

/* Appends a part. Returns 0, ERR_NULL or ERR_TOO_LARGE. max of all parts of a call together fit. */
static int32_t append(struct parts *p, const void *data, uint32_t size, uint32_t max)
{
    if (data == NULL && size != 0)
        return MUSUBI_ERR_NULL;
    if (size > max)
        return MUSUBI_ERR_TOO_LARGE;
    if (size != 0)
        memcpy(p->bytes + p->size, data, size);
    p->size += size;
    return MUSUBI_OK;
}

/* Appends a password, which may be NULL, and tells its size. */
static int32_t append_password(struct parts *p, const char *password, uint64_t *size)
{
    *size = password == NULL ? 0 : strnlen(password, MUSUBI_MAX_PASSWORD + 1);
    return append(p, password, (uint32_t)*size, MUSUBI_MAX_PASSWORD);
}

int32_t musubi_room_create_with(musubi_client client, const musubi_room_config *room)
{
    const uint32_t flags = MUSUBI_ROOM_PUBLIC | MUSUBI_ROOM_LOCKED | MUSUBI_ROOM_ASK | MUSUBI_ROOM_SHARED |
                           MUSUBI_ROOM_CONSENT | MUSUBI_ROOM_RELAY_ONLY;
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_CREATE_WITH};
    musubi_room_config r;
    struct parts parts;
    struct musubi_slot *slot;
    uint64_t tail, password;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (room == NULL)
        return MUSUBI_ERR_NULL;
    if (!musubi_grow_in(&r, sizeof r, room, MUSUBI_FIRST_ROOM_CONFIG))
        return MUSUBI_ERR_SIZE;
    if ((r.flags & ~flags) != 0 || r.max_members == 1 || r.max_members > MUSUBI_MAX_ROOM_MEMBERS)
        return MUSUBI_ERR_VALUE;
    parts.size = 0;
    err = append_password(&parts, r.password, &password);
    if (err == MUSUBI_OK)
        err = append(&parts, r.data, r.size, MUSUBI_MAX_ROOM_DATA);
    if (err != MUSUBI_OK)
        return err;
    request.value = r.max_members | password << 32;
    request.code = (int32_t)r.flags;
    request.data = parts.bytes;
    request.size = parts.size;
    return musubi_enter_room(slot, tail, &request);
}

int32_t musubi_room_join_with(musubi_client client, const char *code, const musubi_join_config *join)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_JOIN_WITH};
    musubi_join_config j = {.struct_size = sizeof j};
    struct parts parts;
    struct musubi_slot *slot;
    uint64_t tail, password;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (code == NULL)
        return MUSUBI_ERR_NULL;
    if (join != NULL && !musubi_grow_in(&j, sizeof j, join, MUSUBI_FIRST_JOIN_CONFIG))
        return MUSUBI_ERR_SIZE;
    request.value = strnlen(code, MUSUBI_CODE_LONGEST + 1);
    parts.size = 0;
    if (request.value == 0 || append(&parts, code, (uint32_t)request.value, MUSUBI_CODE_LONGEST) != MUSUBI_OK)
        return MUSUBI_ERR_VALUE;
    err = append_password(&parts, j.password, &password);
    if (err == MUSUBI_OK)
        err = append(&parts, j.data, j.size, MUSUBI_MAX_REQUEST_DATA);
    if (err != MUSUBI_OK)
        return err;
    request.value |= password << 32;
    request.data = parts.bytes;
    request.size = parts.size;
    return musubi_enter_room(slot, tail, &request);
}

/* Puts a request that needs a room. */
static int32_t put_in_room(struct musubi_slot *slot, uint64_t tail, const struct musubi_request *request)
{
    return atomic_load(&slot->room) == MUSUBI_ROOM_NONE ? MUSUBI_ERR_NOT_IN_ROOM : musubi_command_put(slot, tail, request, 1);
}

int32_t musubi_room_configure(musubi_client client, uint32_t set, uint32_t clear, uint32_t max_members)
{
    const uint32_t flags = MUSUBI_ROOM_PUBLIC | MUSUBI_ROOM_LOCKED | MUSUBI_ROOM_ASK | MUSUBI_ROOM_SHARED;
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_CONFIGURE, .value = set | (uint64_t)clear << 32};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (((set | clear) & ~flags) != 0 || (set & clear) != 0 || max_members == 1 || max_members > MUSUBI_MAX_ROOM_MEMBERS)
        return MUSUBI_ERR_VALUE;
    request.code = (int32_t)max_members;
    return put_in_room(slot, tail, &request);
}

/* Puts a request about a peer. */
static int32_t put_about(struct musubi_slot *slot, uint64_t tail, const struct musubi_request *request)
{
    struct musubi_peer_slot *p;
    uint32_t bits;
    int32_t err = musubi_peer_find(slot, request->peer, &p, &bits);

    return err != MUSUBI_OK ? err : put_in_room(slot, tail, request);
}

int32_t musubi_room_set_owner(musubi_client client, musubi_peer peer)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_SET_OWNER, .peer = peer};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    return err != MUSUBI_OK ? err : put_about(slot, tail, &request);
}

int32_t musubi_room_kick(musubi_client client, musubi_peer peer, uint32_t flags, const char *text)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_KICK, .peer = peer, .value = flags};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err == MUSUBI_OK)
        err = (flags & ~(uint32_t)MUSUBI_KICK_BAN) != 0 ? MUSUBI_ERR_VALUE : musubi_sentence(&request, text);
    return err != MUSUBI_OK ? err : put_about(slot, tail, &request);
}

int32_t musubi_room_admit(musubi_client client, uint64_t id, uint32_t accept, const char *text)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_ADMIT, .value = id, .code = (int32_t)accept};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err == MUSUBI_OK)
        err = accept > 1 ? MUSUBI_ERR_VALUE : musubi_sentence(&request, text);
    return err != MUSUBI_OK ? err : put_in_room(slot, tail, &request);
}

/* Puts a request that needs the server. */
static int32_t put_connected(struct musubi_slot *slot, uint64_t tail, const struct musubi_request *request)
{
    return atomic_load(&slot->link) == MUSUBI_LINK_NONE ? MUSUBI_ERR_NOT_CONNECTED : musubi_command_put(slot, tail, request, 1);
}

int32_t musubi_room_list(musubi_client client, const void *prefix, uint32_t prefix_size, const void *after, uint32_t after_size,
                         uint32_t max_rooms)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_ROOM_LIST, .value = prefix_size};
    struct parts parts;
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    parts.size = 0;
    if (err == MUSUBI_OK)
        err = append(&parts, prefix, prefix_size, MUSUBI_MAX_LIST_PREFIX);
    if (err == MUSUBI_OK)
        err = append(&parts, after, after_size, MUSUBI_MAX_LIST_END);
    if (err != MUSUBI_OK)
        return err;
    request.code = (int32_t)(max_rooms < MUSUBI_MAX_LIST_PAGE ? max_rooms : MUSUBI_MAX_LIST_PAGE);
    request.data = parts.bytes;
    request.size = parts.size;
    return put_connected(slot, tail, &request);
}

/* Appends a user id and tells its size. */
static int32_t append_user(struct parts *p, const char *user, uint64_t *size)
{
    if (user == NULL)
        return MUSUBI_ERR_NULL;
    *size = strnlen(user, MUSUBI_MAX_USER_ID + 1);
    return *size == 0 || append(p, user, (uint32_t)*size, MUSUBI_MAX_USER_ID) != MUSUBI_OK ? MUSUBI_ERR_VALUE : MUSUBI_OK;
}

int32_t musubi_user_query(musubi_client client, const char *user)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_USER_QUERY};
    struct parts parts;
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    parts.size = 0;
    if (err == MUSUBI_OK)
        err = append_user(&parts, user, &request.value);
    if (err != MUSUBI_OK)
        return err;
    request.data = parts.bytes;
    request.size = parts.size;
    return put_connected(slot, tail, &request);
}

int32_t musubi_user_invite(musubi_client client, const char *user, const void *data, uint32_t size)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_USER_INVITE};
    struct parts parts;
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    parts.size = 0;
    if (err == MUSUBI_OK)
        err = append_user(&parts, user, &request.value);
    if (err == MUSUBI_OK)
        err = append(&parts, data, size, MUSUBI_MAX_REQUEST_DATA);
    if (err != MUSUBI_OK)
        return err;
    request.data = parts.bytes;
    request.size = parts.size;
    return put_in_room(slot, tail, &request);
}
