/* Calls about who this client is: its access token for the server, its certificate for other players. */
#include <stddef.h>

#include "internal.h"

static int32_t put(musubi_client client, uint8_t kind, const uint8_t *data, uint32_t size, uint32_t most)
{
    struct musubi_request request = {.kind = kind, .data = data, .size = size};
    struct musubi_slot *slot;
    uint64_t tail;
    int32_t err = musubi_slot_use(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (data == NULL && size != 0)
        return MUSUBI_ERR_NULL;
    return size > most ? MUSUBI_ERR_TOO_LARGE : musubi_command_put(slot, tail, &request, 1);
}

int32_t musubi_set_token(musubi_client client, const uint8_t *token, uint32_t size)
{
    return put(client, MUSUBI_CMD_SET_TOKEN, token, size, MUSUBI_MAX_TOKEN);
}

int32_t musubi_set_certificate(musubi_client client, const uint8_t *certificate, uint32_t size)
{
    return put(client, MUSUBI_CMD_SET_CERTIFICATE, certificate, size, MUSUBI_MAX_CERTIFICATE);
}
