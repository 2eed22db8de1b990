/* The memory that the game's threads (C) and the owner goroutine (Go) share. Both sides include this file; whatever
 * either reads while the other may write is an atomic. C sees C11 atomics, cgo the plain integers of the same layout,
 * which Go accesses through sync/atomic (sequentially consistent on both sides).
 *
 *      game threads                        slot (static, never freed)                        owner goroutine
 *      musubi_send ── CAS tail, copy, commit ──▶ command ring (cells, seqs) ──▶ NextCommand ── head
 *      musubi_poll ◀── entries, payload ring ◀── event ring ◀── PutEvent ── event_head
 *      musubi_wait ◀── futex signal ◀──────────────────────────┘
 *
 * Slots are static because a late thread may look at one at any time, even after musubi_destroy: all it can find there is
 * an atomic that tells it to go away. Only the ring memory comes and goes with a client; nobody touches it without a
 * reservation (commands) or the poll flag (events), and musubi_destroy waits for both.
 */
#ifndef MUSUBI_LAYOUT_H
#define MUSUBI_LAYOUT_H

#include <stdint.h>

#include "musubi.h"

#ifdef MUSUBI_CGO
typedef uint32_t musubi_a32;
typedef uint64_t musubi_a64;
#else
#include <stdatomic.h>
typedef _Atomic uint32_t musubi_a32;
typedef _Atomic uint64_t musubi_a64;
#endif

/* tail: generation of the slot 16 | closed 1 | position 47, counted in cells since the client was made. A reservation is
 * one compare-and-swap of all three, so that none can succeed for an old generation or after the close. */
#define MUSUBI_GENERATION_SHIFT 48
#define MUSUBI_CLOSED ((uint64_t)1 << 47)
#define MUSUBI_POSITION (MUSUBI_CLOSED - 1)

#define MUSUBI_CELL 64            /* bytes */
#define MUSUBI_INLINE_MAX 16384   /* bytes of a message that fits into cells; a larger one travels as an allocated block */
#define MUSUBI_MESSAGE_COST 176   /* bytes of send budget that a message of no size takes, as api.MessageCost */
#define MUSUBI_STATE_ENTRIES 64   /* event entries kept for events that are not messages */
#define MUSUBI_STATE_BYTES 65536  /* and payload bytes for them: 64 times the largest text, or 15 times room metadata */
#define MUSUBI_ENTRIES 4096       /* event entries of a client */
#define MUSUBI_STATS_WORDS 20
#define MUSUBI_NAT_WORDS 10
#define MUSUBI_REPORT_WORDS 2048  /* of 8 bytes: the owner's part of musubi_dump */
#define MUSUBI_WAKE_IDENT 1       /* what a wake is called on a completion port or a kqueue, as netio's wakeIdent */

enum { /* kinds of commands; 0 is never used, so that zeroed memory is no command */
    MUSUBI_CMD_PAD = 1, /* skip to the start of the ring */
    MUSUBI_CMD_SEND = 2,
    MUSUBI_CMD_CONNECT = 3,
    MUSUBI_CMD_DISCONNECT = 4,
    MUSUBI_CMD_ROOM_CREATE = 5,
    MUSUBI_CMD_ROOM_JOIN = 6,
    MUSUBI_CMD_ROOM_LEAVE = 7,
    MUSUBI_CMD_ROOM_SET_DATA = 8,
    MUSUBI_CMD_PEER_CONNECT = 9,
    MUSUBI_CMD_PEER_ACCEPT = 10,
    MUSUBI_CMD_PEER_REJECT = 11,
    MUSUBI_CMD_PEER_CLOSE = 12,
    MUSUBI_CMD_PEER_PUNCH = 13,
    MUSUBI_CMD_NETWORK_CHANGED = 14,
    MUSUBI_CMD_SIMULATE = 15, /* payload: two musubi_simulation, outgoing and incoming; struct_size 0: none */
    MUSUBI_CMD_LAN_HOST = 16,
    MUSUBI_CMD_LAN_BROWSE = 17,
    MUSUBI_CMD_LAN_JOIN = 18,
    MUSUBI_CMD_SUSPEND = 19,
    MUSUBI_CMD_RESUME = 20,
    /* Payloads of several parts lie behind one another; value tells the sizes of all but the last. */
    MUSUBI_CMD_ROOM_CREATE_WITH = 21, /* value: max 32 | password's size 32; code: flags; payload: password, data */
    MUSUBI_CMD_ROOM_JOIN_WITH = 22,   /* value: code's size 32 | password's size 32; payload: code, password, data */
    MUSUBI_CMD_ROOM_CONFIGURE = 23,   /* value: set 32 | clear 32; code: max */
    MUSUBI_CMD_ROOM_SET_OWNER = 24,
    MUSUBI_CMD_ROOM_KICK = 25,        /* value: flags */
    MUSUBI_CMD_ROOM_ADMIT = 26,       /* value: id; code: 1 yes */
    MUSUBI_CMD_ROOM_LIST = 27,        /* value: prefix's size; code: max; payload: prefix, after */
    MUSUBI_CMD_USER_QUERY = 28,
    MUSUBI_CMD_USER_INVITE = 29,      /* value: user's size; payload: user, data */
    MUSUBI_CMD_SET_TOKEN = 40,
    MUSUBI_CMD_SET_CERTIFICATE = 41
};

enum { MUSUBI_COMMAND_BLOCK = 1 }; /* flag: the payload is a pointer to a malloc'ed block, which the owner frees */

/* What a message of size bytes takes of the send budget, as api.Cost, where the reasons are. */
static inline uint32_t musubi_cost(uint32_t size)
{
    if (size > 32768)
        size = (size + 8191) & ~(uint32_t)8191;
    return size + size / 6 + MUSUBI_MESSAGE_COST;
}

/* Head of a command: the first half of its first cell; the payload follows without a gap. Its commit mark is apart, in the
 * sequence array, so that no payload can look like a committed command. */
struct musubi_command {
    uint8_t kind;
    uint8_t mode;
    uint8_t channel;
    uint8_t flags;
    uint32_t cells; /* of this command, head included */
    uint32_t size;  /* bytes of payload */
    int32_t code;   /* of a SEND: its flags, priority and deadline only */
    uint64_t peer;
    uint64_t value;
};

/* One event in the ring. Messages carry their bytes only; every other payload begins with a musubi_event_extra. */
struct musubi_entry {
    uint8_t kind;
    uint8_t mode;
    uint8_t channel;
    uint8_t route;
    int32_t code;
    uint64_t peer;
    uint64_t count;
    uint32_t data_size;
    uint32_t offset; /* of the payload in the payload ring, a multiple of 16 */
};

/* data follows, then a zero byte, then text and a zero byte. */
struct musubi_event_extra {
    uint32_t rtt_us;
    uint16_t text_size;
    uint8_t nat_mapping;   /* in the low 4 bits; nat_ports in the high ones */
    uint8_t nat_filtering; /* in the low 4 bits; nat_poisonable in the high ones */
};

enum { MUSUBI_PEER_MEMBER = 1, MUSUBI_PEER_CONNECTED = 2 }; /* bits of a peer's key; neither: it has gone */

/* What musubi_send must know to answer at once. Written by the owner, except credits (both) and blocked (both). */
struct musubi_peer_slot {
    musubi_a64 key;       /* generation of the handle 32 | bits 32 */
    musubi_a64 credits;   /* bytes that may still be accepted; below zero only while a failing send gives them back */
    musubi_a32 blocked;   /* a sender met WOULD_BLOCK and is owed WRITABLE */
    musubi_a32 stats_seq; /* odd while the snapshot is written */
    musubi_a64 stats[MUSUBI_STATS_WORDS]; /* generation 32 | route 32, then musubi_stats in its order */
    uint8_t pad[8];
};

enum { /* life of a slot */
    MUSUBI_SLOT_FREE = 0,
    MUSUBI_SLOT_BUSY = 1, /* being made, alive, or being destroyed */
    MUSUBI_SLOT_LOST = 2  /* its owner did not end in time: never used again */
};

enum { MUSUBI_LINK_NONE = 0, MUSUBI_LINK_WANTED = 1 };
enum { MUSUBI_ROOM_NONE = 0, MUSUBI_ROOM_WANTED = 1 };

/* Fields are grouped by who writes them, a cache line or more for each group. */
struct musubi_slot {
    /* written by senders */
    musubi_a64 tail;
    uint8_t pad0[56];

    /* written by the owner as it takes commands */
    musubi_a64 head; /* position up to which cells are free again */
    uint8_t pad1[56];

    /* the wake protocol: see command_ring.c */
    musubi_a32 asleep;       /* the owner waits, or is about to */
    musubi_a32 ring_blocked; /* a sender found the command ring full */
    musubi_a32 starved;      /* the owner found the event ring full */
    musubi_a32 retry;        /* the game has freed room since */
    uint8_t pad2[48];

    /* written by the owner as it publishes events */
    musubi_a64 event_head; /* entries published */
    musubi_a32 signal;     /* futex of musubi_wait; changes with every wake */
    musubi_a32 waiters;
    musubi_a32 wait_habit; /* of musubi_wait: how often events came soon, lately */
    uint8_t pad3[44];

    /* written by the polling thread */
    musubi_a64 event_read;     /* entries handed to the game */
    musubi_a64 event_released; /* entries whose payload the game has finished with */
    musubi_a32 poll_busy;
    uint8_t pad4[44];

    /* set when a client is made, before its generation shows in tail */
    musubi_a64 cells;   /* addresses */
    musubi_a64 seqs;
    musubi_a64 entries;
    musubi_a64 payload;
    musubi_a64 cell_mask; /* cells - 1 */
    musubi_a64 payload_size;
    musubi_a64 memory; /* the mapping that holds all four */
    musubi_a64 memory_size;
    musubi_a64 send_budget;
    musubi_a32 scribble;
    musubi_a32 wake_handle; /* the system's number + 1; made once for the slot, never closed */

    /* states that change rarely */
    musubi_a32 life;
    musubi_a32 ended;  /* futex: the owner has ended */
    musubi_a32 failed; /* the owner stopped itself */
    musubi_a32 link;   /* MUSUBI_LINK_ */
    musubi_a32 room;   /* MUSUBI_ROOM_ */
    musubi_a32 nat_seq;
    musubi_a64 nat[MUSUBI_NAT_WORDS]; /* see putNAT in peers.go; the last 8 words are text */
    musubi_a64 identity[4];           /* public key, set before musubi_create returns */
    musubi_a32 link_up;               /* SERVER_CONNECTED was told, and no end since */
    musubi_a32 link_code;             /* of the last SERVER_LOST */
    musubi_a32 room_up;               /* ROOM_JOINED was told, and no end since */
    uint8_t pad5[28];

    struct musubi_peer_slot peers[MUSUBI_MAX_PEERS];

    /* musubi_dump asks by counting up; the owner answers by writing the report, then the count it saw */
    musubi_a32 report_asked;
    musubi_a32 report_done; /* futex */
    musubi_a32 report_seq;  /* odd while the report is written */
    musubi_a32 report_size; /* bytes, as if there were room for all of them */
    uint8_t pad6[48];
    musubi_a64 report[MUSUBI_REPORT_WORDS]; /* text; its memory is touched by the first dump only */
};

extern struct musubi_slot musubi_slots[MUSUBI_MAX_CLIENTS];

#ifndef MUSUBI_CGO
_Static_assert(sizeof(musubi_event) == 64, "musubi_event is 64 bytes on every platform");
_Static_assert(sizeof(musubi_stats) == 160 && sizeof(musubi_nat) == 104 && sizeof(musubi_simulation) == 56 && sizeof(musubi_message) == 48 && sizeof(musubi_totals) == 112,
               "ABI 1");
_Static_assert(sizeof(musubi_room_config) == 16 + 2 * sizeof(void *) && sizeof(musubi_join_config) == 8 + 2 * sizeof(void *), "ABI 1");
_Static_assert(sizeof(struct musubi_command) == 32, "head of a command");
_Static_assert(sizeof(struct musubi_entry) == 32 && sizeof(struct musubi_event_extra) == 8, "event entry");
_Static_assert(sizeof(struct musubi_peer_slot) == 192, "three cache lines a peer");
_Static_assert(sizeof(struct musubi_slot) % 64 == 0 && sizeof(struct musubi_slot) == 576 + 192 * MUSUBI_MAX_PEERS + 64 + 8 * MUSUBI_REPORT_WORDS, "slot");
_Static_assert(sizeof(musubi_a64) == 8 && sizeof(musubi_a32) == 4, "atomics without a lock inside");
_Static_assert((int)MUSUBI_ENTRIES > 2 * MUSUBI_STATE_ENTRIES, "room for messages");
#endif

#endif
