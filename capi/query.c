/* Snapshots that the owner leaves in the slot, each behind a sequence number that is odd while it is written. */
#include <string.h>

#include "internal.h"

/* Copies a snapshot that did not change meanwhile. Acquiring every word keeps the second look at the sequence behind
 * all of them without a fence. */
static void snapshot(const musubi_a32 *seq, const musubi_a64 *words, uint64_t *out, unsigned n)
{
    uint32_t before, i;

    do {
        before = atomic_load_explicit(seq, memory_order_acquire);
        for (i = 0; i < n; i++)
            out[i] = atomic_load_explicit(&words[i], memory_order_acquire);
    } while ((before & 1) != 0 || atomic_load_explicit(seq, memory_order_relaxed) != before);
}

int32_t musubi_peer_stats(musubi_client client, musubi_peer peer, musubi_stats *stats)
{
    struct musubi_slot *slot;
    struct musubi_peer_slot *p;
    uint64_t tail, w[MUSUBI_STATS_WORDS];
    uint32_t bits;
    int32_t err = musubi_slot_find(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (stats == NULL)
        return MUSUBI_ERR_NULL;
    if (stats->struct_size != sizeof *stats)
        return MUSUBI_ERR_SIZE;
    err = musubi_peer_find(slot, peer, &p, &bits);
    if (err != MUSUBI_OK)
        return err;
    snapshot(&p->stats_seq, p->stats, w, MUSUBI_STATS_WORDS);
    if (w[0] >> 32 != peer >> 32)
        return MUSUBI_ERR_NOT_CONNECTED; /* never written for this peer */
    stats->route = (uint32_t)w[0];
    stats->rtt_us = (uint32_t)w[1];
    stats->min_rtt_us = (uint32_t)(w[1] >> 32);
    stats->jitter_us = (uint32_t)w[2];
    stats->route_changes = (uint32_t)(w[2] >> 32);
    stats->packets_sent = w[3];
    stats->packets_received = w[4];
    stats->packets_lost = w[5];
    stats->bytes_sent = w[6];
    stats->bytes_received = w[7];
    stats->queued_bytes = w[8];
    stats->auth_failures = w[9];
    stats->replays = w[10];
    stats->mtu = (uint32_t)w[11];
    stats->window = (uint32_t)(w[11] >> 32);
    stats->in_flight = (uint32_t)w[12];
    stats->queue_us = (uint32_t)(w[12] >> 32);
    stats->loss_out_ppm = (uint32_t)w[13];
    stats->loss_in_ppm = (uint32_t)(w[13] >> 32);
    stats->redundancy_ppm = (uint32_t)w[14];
    stats->reserved = 0;
    stats->send_rate = w[15];
    stats->receive_rate = w[16];
    stats->resent = w[17];
    stats->repaired = w[18];
    stats->expired = w[19];
    return MUSUBI_OK;
}

int32_t musubi_nat_info(musubi_client client, musubi_nat *nat)
{
    struct musubi_slot *slot;
    uint64_t tail, w[MUSUBI_NAT_WORDS];
    int32_t err = musubi_slot_find(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (nat == NULL)
        return MUSUBI_ERR_NULL;
    if (nat->struct_size != sizeof *nat)
        return MUSUBI_ERR_SIZE;
    snapshot(&slot->nat_seq, slot->nat, w, MUSUBI_NAT_WORDS);
    nat->mapping = w[0] & 0xff;
    nat->filtering = w[0] >> 8 & 0xff;
    nat->ports = w[0] >> 16 & 0xff;
    nat->poisonable = w[0] >> 24 & 0xff;
    nat->opener_ttl = w[0] >> 32 & 0xff;
    nat->certain = w[0] >> 40 & 1;
    nat->port_low = w[1] & 0xffff;
    nat->port_high = w[1] >> 16 & 0xffff;
    nat->port_step = (int32_t)(uint32_t)(w[1] >> 32);
    memcpy(nat->public_address, &w[2], sizeof nat->public_address);
    nat->public_address[sizeof nat->public_address - 1] = 0;
    return MUSUBI_OK;
}
