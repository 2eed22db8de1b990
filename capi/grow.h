/* Structs that grow. A caller's struct_size says which of the releases it was compiled with; fields are only ever appended.
 * Between the first release's size and ours, what is missing is zero. Nothing here knows a struct of the API: a test has its own. */
#ifndef MUSUBI_GROW_H
#define MUSUBI_GROW_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUSUBI_GROW_MAX 1024 /* bytes: a struct_size beyond is garbage, and nothing is read behind the caller's struct */

/* The size of a struct that ends with this member. The first release's sizes are said so, which holds on every platform. */
#define MUSUBI_SIZE_UP_TO(type, member) ((uint32_t)(offsetof(type, member) + sizeof ((type *)0)->member))

/* The last members of the first release, 0.1: never changed again. */
#define MUSUBI_FIRST_CONFIG MUSUBI_SIZE_UP_TO(musubi_config, privacy)
#define MUSUBI_FIRST_STATS MUSUBI_SIZE_UP_TO(musubi_stats, expired)
#define MUSUBI_FIRST_NAT MUSUBI_SIZE_UP_TO(musubi_nat, opener_ttl)
#define MUSUBI_FIRST_TOTALS MUSUBI_SIZE_UP_TO(musubi_totals, resent)
#define MUSUBI_FIRST_ROOM_CONFIG MUSUBI_SIZE_UP_TO(musubi_room_config, password)
#define MUSUBI_FIRST_JOIN_CONFIG MUSUBI_SIZE_UP_TO(musubi_join_config, password)
#define MUSUBI_FIRST_SIMULATION MUSUBI_SIZE_UP_TO(musubi_simulation, rate)

/* Whether a struct_size can be one: neither older than the first release nor garbage. */
static inline int musubi_size_fits(uint32_t size, uint32_t first) { return size >= first && size <= MUSUBI_GROW_MAX; }

/* Takes what the caller filled into ours, which is known bytes long. Returns 0 and leaves ours alone if the size can't be one, or
 * if the caller uses fields that this library has never heard of: to ignore them would be to do something else than asked. */
static inline int musubi_grow_in(void *ours, uint32_t known, const void *theirs, uint32_t first)
{
    const uint8_t *bytes = theirs;
    uint32_t size, i;

    memcpy(&size, theirs, sizeof size);
    if (!musubi_size_fits(size, first))
        return 0;
    for (i = known; i < size; i++)
        if (bytes[i] != 0)
            return 0;
    memset(ours, 0, known);
    memcpy(ours, theirs, size < known ? size : known);
    memcpy(ours, &known, sizeof known);
    return 1;
}

/* Gives the caller as much of ours as it has room for. Its struct_size, which fits, and fields that we don't know stay. */
static inline void musubi_grow_out(void *theirs, const void *ours, uint32_t known)
{
    uint32_t size;

    memcpy(&size, theirs, sizeof size);
    size = size < known ? size : known;
    memcpy((uint8_t *)theirs + sizeof size, (const uint8_t *)ours + sizeof size, size - sizeof size);
}

#endif
