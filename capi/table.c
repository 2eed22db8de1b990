/* The API as one table. Names and members are the same words, so that none can stand in another's place; a Go test compares
 * the members with the header's functions. */
#include <stddef.h>

#include "internal.h"

#define MEMBER(name) .name = musubi_##name

static const musubi_api table = {
    .struct_size = sizeof(musubi_api),
    .abi_version = MUSUBI_ABI_VERSION,
    .event_size = sizeof(musubi_event),
    .config_size = sizeof(musubi_config),
    .stats_size = sizeof(musubi_stats),
    .nat_size = sizeof(musubi_nat),
    .simulation_size = sizeof(musubi_simulation),
    .message_size = sizeof(musubi_message),
    .totals_size = sizeof(musubi_totals),
    MEMBER(version),
    MEMBER(strerror),
    MEMBER(create),
    MEMBER(destroy),
    MEMBER(connect),
    MEMBER(disconnect),
    MEMBER(room_create),
    MEMBER(room_join),
    MEMBER(room_leave),
    MEMBER(room_set_data),
    MEMBER(peer_connect),
    MEMBER(peer_accept),
    MEMBER(peer_reject),
    MEMBER(peer_close),
    MEMBER(peer_punch),
    MEMBER(send),
    MEMBER(send_batch),
    MEMBER(broadcast),
    MEMBER(flush),
    MEMBER(poll),
    MEMBER(wait),
    MEMBER(peer_stats),
    MEMBER(nat_info),
    MEMBER(client_stats),
    MEMBER(identity),
    MEMBER(dump),
    MEMBER(network_changed),
    MEMBER(simulate),
    MEMBER(simulation_preset),
    MEMBER(lan_host),
    MEMBER(lan_browse),
    MEMBER(lan_join),
    MEMBER(suspend),
    MEMBER(resume),
    MEMBER(set_token),
    MEMBER(set_certificate),
};

const musubi_api *musubi_get_api(uint32_t version) { return version == MUSUBI_ABI_VERSION ? &table : NULL; }
