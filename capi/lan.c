/* Calls about playing in the local network without a server. A host and whoever joins it have a link and a room as with any
 * server, so their states are taken here in the same way. */
#include <string.h>

#include "internal.h"

/* Takes the link's and the room's state, and gives back what it took if that fails. */
static int32_t take_both(struct musubi_slot *slot)
{
    uint32_t no_link = MUSUBI_LINK_NONE, no_room = MUSUBI_ROOM_NONE;

    if (!atomic_compare_exchange_strong(&slot->link, &no_link, MUSUBI_LINK_WANTED))
        return MUSUBI_ERR_ALREADY;
    atomic_store(&slot->link_up, 0);
    if (atomic_compare_exchange_strong(&slot->room, &no_room, MUSUBI_ROOM_WANTED))
        return MUSUBI_OK;
    atomic_store(&slot->link, MUSUBI_LINK_NONE);
    return MUSUBI_ERR_ALREADY;
}

static int32_t put_both(struct musubi_slot *slot, uint64_t tail, const struct musubi_request *request)
{
    int32_t err = take_both(slot);

    if (err != MUSUBI_OK)
        return err;
    err = musubi_command_put(slot, tail, request, 1);
    if (err != MUSUBI_OK) {
        atomic_store(&slot->room, MUSUBI_ROOM_NONE);
        atomic_store(&slot->link, MUSUBI_LINK_NONE);
    }
    return err;
}

int32_t musubi_lan_host(musubi_client client, uint32_t max_members, const void *data, uint32_t size)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_LAN_HOST, .value = max_members, .data = data, .size = size};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (max_members == 1 || max_members > MUSUBI_MAX_ROOM_MEMBERS)
        return MUSUBI_ERR_VALUE;
    if (data == NULL && size != 0)
        return MUSUBI_ERR_NULL;
    if (size > MUSUBI_MAX_LAN_DATA)
        return MUSUBI_ERR_TOO_LARGE;
    return put_both(slot, tail, &request);
}

int32_t musubi_lan_browse(musubi_client client, uint32_t on)
{
    struct musubi_request request = {.kind = MUSUBI_CMD_LAN_BROWSE, .value = on};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    return on > 1 ? MUSUBI_ERR_VALUE : musubi_command_put(slot, tail, &request, 1);
}

int32_t musubi_lan_join(musubi_client client, const char *address, const char *code)
{
    enum { LONGEST_CODE = 16, LONGEST_ADDRESS = 64 };
    char both[LONGEST_CODE + 1 + LONGEST_ADDRESS]; /* code, zero, address */
    struct musubi_request request = {.kind = MUSUBI_CMD_LAN_JOIN, .data = both};
    struct musubi_slot *slot;
    size_t code_size, address_size;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (address == NULL || code == NULL)
        return MUSUBI_ERR_NULL;
    code_size = strnlen(code, LONGEST_CODE + 1);
    address_size = strnlen(address, LONGEST_ADDRESS + 1);
    if (code_size == 0 || code_size > LONGEST_CODE || address_size == 0 || address_size > LONGEST_ADDRESS)
        return MUSUBI_ERR_VALUE;
    memcpy(both, code, code_size);
    both[code_size] = '\0';
    memcpy(both + code_size + 1, address, address_size);
    request.size = (uint32_t)(code_size + 1 + address_size);
    return put_both(slot, tail, &request);
}
