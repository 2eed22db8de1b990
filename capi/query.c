/* Snapshots that the owner leaves in the slot, each behind a sequence number that is odd while it is written. */
#include <string.h>

#include "grow.h"
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
    musubi_stats s = {.struct_size = sizeof s};
    uint32_t bits;
    int32_t err = musubi_slot_find(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (stats == NULL)
        return MUSUBI_ERR_NULL;
    if (!musubi_size_fits(stats->struct_size, MUSUBI_FIRST_STATS))
        return MUSUBI_ERR_SIZE;
    err = musubi_peer_find(slot, peer, &p, &bits);
    if (err != MUSUBI_OK)
        return err;
    snapshot(&p->stats_seq, p->stats, w, MUSUBI_STATS_WORDS);
    if (w[0] >> 32 != peer >> 32)
        return MUSUBI_ERR_NOT_CONNECTED; /* never written for this peer */
    s.route = (uint32_t)w[0];
    s.rtt_us = (uint32_t)w[1];
    s.min_rtt_us = (uint32_t)(w[1] >> 32);
    s.jitter_us = (uint32_t)w[2];
    s.route_changes = (uint32_t)(w[2] >> 32);
    s.packets_sent = w[3];
    s.packets_received = w[4];
    s.packets_lost = w[5];
    s.bytes_sent = w[6];
    s.bytes_received = w[7];
    s.queued_bytes = w[8];
    s.auth_failures = w[9];
    s.replays = w[10];
    s.mtu = (uint32_t)w[11];
    s.window = (uint32_t)(w[11] >> 32);
    s.in_flight = (uint32_t)w[12];
    s.queue_us = (uint32_t)(w[12] >> 32);
    s.loss_out_ppm = (uint32_t)w[13];
    s.loss_in_ppm = (uint32_t)(w[13] >> 32);
    s.redundancy_ppm = (uint32_t)w[14];
    s.send_rate = w[15];
    s.receive_rate = w[16];
    s.resent = w[17];
    s.repaired = w[18];
    s.expired = w[19];
    musubi_grow_out(stats, &s, sizeof s);
    return MUSUBI_OK;
}

int32_t musubi_nat_info(musubi_client client, musubi_nat *nat)
{
    struct musubi_slot *slot;
    uint64_t tail, w[MUSUBI_NAT_WORDS];
    musubi_nat n = {.struct_size = sizeof n};
    int32_t err = musubi_slot_find(client, &slot, &tail);

    if (err != MUSUBI_OK)
        return err;
    if (nat == NULL)
        return MUSUBI_ERR_NULL;
    if (!musubi_size_fits(nat->struct_size, MUSUBI_FIRST_NAT))
        return MUSUBI_ERR_SIZE;
    snapshot(&slot->nat_seq, slot->nat, w, MUSUBI_NAT_WORDS);
    n.mapping = w[0] & 0xff;
    n.filtering = w[0] >> 8 & 0xff;
    n.ports = w[0] >> 16 & 0xff;
    n.poisonable = w[0] >> 24 & 0xff;
    n.opener_ttl = w[0] >> 32 & 0xff;
    n.certain = w[0] >> 40 & 1;
    n.port_low = w[1] & 0xffff;
    n.port_high = w[1] >> 16 & 0xffff;
    n.port_step = (int32_t)(uint32_t)(w[1] >> 32);
    memcpy(n.public_address, &w[2], sizeof n.public_address);
    n.public_address[sizeof n.public_address - 1] = 0;
    musubi_grow_out(nat, &n, sizeof n);
    return MUSUBI_OK;
}
