/* What the C files of the shim share among themselves. Nothing here is exported. */
#ifndef MUSUBI_INTERNAL_H
#define MUSUBI_INTERNAL_H

#include <string.h>

#include "find.h"

/* slots.c */

/* Takes a free slot, gives it memory for its rings and opens it to its new handle, which nobody knows yet. Returns 0, or
 * ERR_LIMIT or ERR_MEMORY. Sizes are powers of 2. */
int32_t musubi_slot_take(uint32_t command_bytes, uint32_t event_bytes, struct musubi_slot **slot, musubi_client *client);

/* Ends the handle: from the return on, no call finds the client and no command can be reserved. Exactly one caller for
 * each client gets 0. */
int32_t musubi_slot_close(musubi_client client, struct musubi_slot **slot);

/* Frees the ring memory and the slot of a closed client. The owner has ended and nobody polls. */
void musubi_slot_free(struct musubi_slot *slot);

/* command_ring.c */

struct musubi_request { /* a command as the game asked for it; the ring copies it */
    uint8_t kind;
    uint8_t mode;
    uint8_t channel;
    int32_t code;
    uint64_t peer;
    uint64_t value;
    const void *data;
    uint32_t size;
};

/* Puts a command into the ring. tail: as found with the handle. Returns 0, ERR_HANDLE if the client was destroyed
 * meanwhile, ERR_WOULD_BLOCK if the ring is full, ERR_MEMORY. */
int32_t musubi_command_put(struct musubi_slot *slot, uint64_t tail, const struct musubi_request *request, int wake);

/* Wakes the owner if it sleeps. */
void musubi_wake(struct musubi_slot *slot);

/* Wakes the owner whether it sleeps or not. */
void musubi_wake_always(struct musubi_slot *slot);

/* Gives a request its payload. Returns 0, ERR_NULL or ERR_TOO_LARGE. */
static inline int32_t musubi_payload(struct musubi_request *request, const void *data, uint32_t size, uint32_t max)
{
    if (data == NULL && size != 0)
        return MUSUBI_ERR_NULL;
    if (size > max)
        return MUSUBI_ERR_TOO_LARGE;
    request->data = data;
    request->size = size;
    return MUSUBI_OK;
}

/* The same for a sentence, which may be NULL. */
static inline int32_t musubi_sentence(struct musubi_request *request, const char *text)
{
    size_t size = text == NULL ? 0 : strnlen(text, MUSUBI_MAX_CLOSE_TEXT + 1);

    return musubi_payload(request, text, (uint32_t)size, MUSUBI_MAX_CLOSE_TEXT);
}

/* commands.c */

enum { MUSUBI_CODE_LONGEST = 16 }; /* a join code has 8 characters; people put dashes and spaces in */

/* One room at a time: the state is taken here, so that a second call is refused at once, and given back by the owner when
 * the room is refused or lost. */
int32_t musubi_enter_room(struct musubi_slot *slot, uint64_t tail, const struct musubi_request *request);

/* event_ring.c */

/* Makes every musubi_wait on this slot return. */
void musubi_release_waiters(struct musubi_slot *slot);

/* os_posix.c with os_linux.c or os_darwin.c; os_windows.c */

/* Sleeps while *word is value, for at most timeout_ms (UINT32_MAX: no limit). May return early. */
void musubi_futex_wait(musubi_a32 *word, uint32_t value, uint32_t timeout_ms);
void musubi_futex_wake(musubi_a32 *word);

/* A clock that never goes back, in milliseconds and microseconds. */
uint64_t musubi_now_us(void);
static inline uint64_t musubi_now_ms(void) { return musubi_now_us() / 1000; }

/* Lets another thread run. */
void musubi_yield(void);

/* Takes zeroed memory whose pages come as they are touched; from guard_at on it can't be touched. NULL: there is none. */
void *musubi_map(uint64_t size, uint64_t guard_at);
void musubi_unmap(void *memory, uint64_t size);

/* Makes what wakes an owner, in the form of a slot's wake_handle; 0: the system refuses. It is never closed. */
uint32_t musubi_wake_make(void);
void musubi_wake_signal(uint32_t handle);

/* Runs a function on a new thread, with all signals blocked, and returns when it has ended: 0, or ERR_MEMORY. */
int32_t musubi_on_own_thread(void (*run)(void *), void *arg);

/* Keeps this library in the process until its end. */
void musubi_stay_loaded(void);

/* owner_thread.c: the only way into Go */

/* Starts the owner of a slot. Returns when it runs, or why it does not. */
int32_t musubi_owner_begin(struct musubi_slot *slot, const musubi_config *config);

#endif
