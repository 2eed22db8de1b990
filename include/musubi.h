/* Musubi: two players' programs talk directly, and keep talking when direct is impossible.
 *
 * THREADS. Any thread may call any function at any time, with one exception: one thread at a time polls a client (a
 * second one gets MUSUBI_ERR_BUSY). No function calls back, and none runs code of the library's runtime on your thread:
 * send, poll and the rest read and write rings in shared memory. Only musubi_create, musubi_destroy and musubi_wait block.
 *
 * THE FRAME LOOP. Once a frame: poll until nothing is left, let the game run, send, flush.
 *
 *     musubi_event ev[64];
 *     int32_t i, n;
 *     while ((n = musubi_poll(client, ev, 64)) > 0)
 *         for (i = 0; i < n; i++)
 *             handle(&ev[i]);                     // ev[i].data and .text are valid until the next musubi_poll
 *     update_game();                              // calls musubi_send(..., MUSUBI_SEND_NO_WAKE, ...)
 *     musubi_flush(client);                       // one system call a frame at most
 *
 * HANDLES. client: from musubi_create, in every function that takes one. peer: from an event. Both are numbers: one that is
 * old or made up is an error, never a crash.
 *
 * RESULTS. 0 is success, a positive number is a count, a negative one is a MUSUBI_ERR_ code. A function that fails has
 * had no effect. "The handle errors" below are MUSUBI_ERR_HANDLE (never created, or destroyed), MUSUBI_ERR_FAILED (the
 * library stopped itself: see MUSUBI_EVENT_FAILED) and MUSUBI_ERR_FORKED (called in a child of fork()).
 *
 * MEMORY. What you pass in is copied before the call returns. What a poll hands out belongs to the client and lives until
 * the next poll of that client or its destruction. Text is UTF-8 and ends in a zero byte. A struct that you fill starts
 * with struct_size: set it to sizeof the struct and every field that you don't use to zero.
 *
 * VERSIONS. A program runs with every later library of its ABI version. Structs grow at their end only. To a newer
 * library a program's shorter struct is one whose last fields are zero, and of what the library fills in the program gets
 * what it has room for. To an older library a longer struct is good while the fields that it doesn't know are zero, else the call
 * fails with MUSUBI_ERR_SIZE; what it can't fill in stays as it was. musubi_event and musubi_message come in arrays and
 * never grow: new fields take their reserved bytes.
 */
#ifndef MUSUBI_H
#define MUSUBI_H

#include <stdint.h>

#define MUSUBI_VERSION "0.1.0"
#define MUSUBI_ABI_VERSION 1

#if defined(_WIN32) && defined(MUSUBI_BUILDS_LIBRARY) /* not for users */
#define MUSUBI_API __declspec(dllexport)
#elif defined(_WIN32)
#define MUSUBI_API __declspec(dllimport)
#elif defined(__GNUC__)
#define MUSUBI_API __attribute__((visibility("default")))
#else
#define MUSUBI_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A client: one player's identity, link to the server and peers. 0 is no client. */
typedef uint64_t musubi_client;

/* A peer: another client, as seen from this one; from MEMBER_JOINED or PEER_REQUEST on. 0 is nobody, or this client. */
typedef uint64_t musubi_peer;

/* A message's delivery promise. */
enum {
    MUSUBI_RELIABLE_ORDERED = 0,     /* once, in order within its channel; channels never wait for each other */
    MUSUBI_RELIABLE_UNORDERED = 1,   /* once, as it arrives */
    MUSUBI_UNRELIABLE = 2,           /* at most once, as it arrives */
    MUSUBI_UNRELIABLE_SEQUENCED = 3  /* at most once, never older than what the channel delivered before */
};

/* Flags of musubi_send: one priority, NO_WAKE, and a deadline, put together with |. For example
 * MUSUBI_SEND_URGENT | MUSUBI_SEND_NO_WAKE | 50u << MUSUBI_SEND_DEADLINE_SHIFT
 *
 * PRIORITY says what leaves first when the network does not take everything at once: of two messages that wait, the more
 * urgent one, whatever its channel and mode, also when it must be sent again after a loss. Each priority that waits still
 * gets a sixteenth of the bytes. On one ordered or sequenced channel messages leave in the order in which they were sent: one
 * that has to wait behind another waits at the other's priority. So give a channel of these modes one priority.
 *
 * DEADLINE, for unreliable modes only: milliseconds, 1 to 65535, after which a message that has not left is dropped. 0 is
 * MUSUBI_DEFAULT_DEADLINE. */
enum {
    MUSUBI_SEND_NO_WAKE = 1, /* leave waking the library to the next musubi_flush or send without this flag */
    MUSUBI_SEND_NORMAL = 0, /* what is not said otherwise */
    MUSUBI_SEND_LOW = 2,    /* bulk: a map, a replay */
    MUSUBI_SEND_HIGH = 4,   /* state of the game */
    MUSUBI_SEND_URGENT = 6, /* input, voice */
    MUSUBI_SEND_DEADLINE_SHIFT = 16, /* the deadline begins at this bit */
    MUSUBI_DEFAULT_DEADLINE = 1000 /* milliseconds */
};

/* Flags of musubi_config. */
enum {
    MUSUBI_CONFIG_MANUAL_ACCEPT = 1,  /* PEER_REQUEST waits for musubi_peer_accept; otherwise it is accepted at once */
    MUSUBI_CONFIG_MANUAL_CONNECT = 2, /* no connection by itself to the members of a room that this client enters */
    MUSUBI_CONFIG_SCRIBBLE = 4,       /* for debugging: overwrite event data at the next poll, so that a kept pointer shows */
    MUSUBI_CONFIG_NO_PORT_MAPPING = 8, /* don't ask the router for a port (PCP, NAT-PMP, UPnP) */
    MUSUBI_CONFIG_NO_INVITES = 16,     /* refuse invitations of other users */
    MUSUBI_CONFIG_NO_PQ = 32,          /* renew keys between players with X25519 alone, not with ML-KEM-768 beside it (post-quantum) */
    MUSUBI_CONFIG_REQUIRE_PQ = 64      /* refuse players who can't do that, or don't want to: ERR_PQ; with others no message leaves before it,
                                          which makes the first a round trip later. Not together with NO_PQ */
};

/* Options of a room: in musubi_room_config, musubi_room_configure, ROOM_OPTIONS and ROOM_LISTED. */
enum {
    MUSUBI_ROOM_PUBLIC = 1,   /* listed by musubi_room_list while somebody is in it */
    MUSUBI_ROOM_PASSWORD = 2, /* has a password; told, not set */
    MUSUBI_ROOM_LOCKED = 4,   /* nobody enters, nor is it listed */
    MUSUBI_ROOM_ASK = 16,     /* the owner answers everybody who wants to enter: JOIN_REQUEST, musubi_room_admit */
    MUSUBI_ROOM_SHARED = 32,  /* every member may set the room's data, not only the owner */
    MUSUBI_ROOM_CONSENT = 64, /* everybody's privacy in this room is at least MUSUBI_PRIVACY_CONSENT; in musubi_room_config only */
    MUSUBI_ROOM_RELAY_ONLY = 128 /* ditto MUSUBI_PRIVACY_RELAY_ONLY */
};

/* Flags of musubi_room_kick. */
enum { MUSUBI_KICK_BAN = 1 /* the user does not come back while the room lives */ };

/* Where a user is. */
enum {
    MUSUBI_USER_OFFLINE = 0, /* no client of that user is connected */
    MUSUBI_USER_ONLINE = 1,  /* connected, in no room */
    MUSUBI_USER_IN_ROOM = 2  /* in a room */
};

/* What a REQUEST_FAILED is about. */
enum {
    MUSUBI_REQUEST_SET_DATA = 1,  /* musubi_room_set_data, musubi_room_set_data_if */
    MUSUBI_REQUEST_CONFIGURE = 2, /* musubi_room_configure */
    MUSUBI_REQUEST_SET_OWNER = 3, /* musubi_room_set_owner */
    MUSUBI_REQUEST_KICK = 4,      /* musubi_room_kick */
    MUSUBI_REQUEST_ADMIT = 5,     /* musubi_room_admit */
    MUSUBI_REQUEST_LIST = 6,      /* musubi_room_list */
    MUSUBI_REQUEST_USER = 7       /* musubi_user_query */
};

/* The way a connection's data travels now. */
enum {
    MUSUBI_ROUTE_NONE = 0,    /* not connected */
    MUSUBI_ROUTE_RELAY = 1,   /* through a relay */
    MUSUBI_ROUTE_LAN = 2,     /* direct, on the same network */
    MUSUBI_ROUTE_DIRECT4 = 3, /* direct over IPv4 */
    MUSUBI_ROUTE_DIRECT6 = 4  /* direct over IPv6 */
};

/* A NAT's mapping or filtering, in RFC 4787's words. */
enum {
    MUSUBI_NAT_UNKNOWN = 0, /* not tested yet, or no answer */
    MUSUBI_NAT_NONE = 1, /* mapping only: addresses are not translated */
    MUSUBI_NAT_ENDPOINT_INDEPENDENT = 2,       /* the same for every destination: "cone" */
    MUSUBI_NAT_ADDRESS_DEPENDENT = 3,          /* another for each destination address */
    MUSUBI_NAT_ADDRESS_AND_PORT_DEPENDENT = 4, /* another for each destination address and port: "symmetric" */
    MUSUBI_NAT_UDP_BLOCKED = 5 /* nothing came back over UDP */
};

/* How a NAT chooses the outer port of a new mapping. */
enum {
    MUSUBI_PORTS_UNKNOWN = 0,    /* not tested yet, or no pattern seen */
    MUSUBI_PORTS_PRESERVED = 1,  /* the inner port, while it is free */
    MUSUBI_PORTS_SEQUENTIAL = 2, /* a constant step further each time */
    MUSUBI_PORTS_BLOCK = 3,      /* any port of a small range */
    MUSUBI_PORTS_RANDOM = 4      /* any port */
};

/* The result of a test that may not have been possible. */
enum { MUSUBI_ANSWER_UNKNOWN = 0, MUSUBI_ANSWER_NO = 1, MUSUBI_ANSWER_YES = 2 };

/* How far port prediction goes against NATs that give each destination another port. */
enum {
    MUSUBI_PUNCH_NORMAL = 0, /* 500 packets a second, for seconds */
    MUSUBI_PUNCH_OFF = 1,    /* no prediction: known addresses only */
    MUSUBI_PUNCH_MAX = 2     /* 1000 packets a second; and, with a peer who asked for it too, symmetric NATs on both sides where one has
                                a small block of ports: most of that block is used up for a minute */
};

/* What other players may learn of this client's addresses. Of what the server, the room, both players' access tokens and both
 * clients ask for, the strictest holds. */
enum {
    MUSUBI_PRIVACY_DIRECT = 0,    /* whoever it connects to learns them */
    MUSUBI_PRIVACY_CONSENT = 1,   /* nobody before both games agreed: every PEER_REQUEST waits for musubi_peer_accept, and nothing is
                                     connected by itself */
    MUSUBI_PRIVACY_RELAY_ONLY = 2 /* nobody: everything goes through a relay */
};

/* Limits, in bytes unless another unit is said. */
enum {
    MUSUBI_MAX_CLIENTS = 32, /* clients of a process at a time */
    MUSUBI_MAX_PEERS = 256,  /* peers of a client at a time */
    MUSUBI_MAX_CHANNELS = 256,      /* channels of a mode, numbered from 0 */
    MUSUBI_MAX_RELIABLE = 1048576,  /* a message in a reliable mode */
    MUSUBI_MAX_UNRELIABLE = 65536,  /* a message in an unreliable mode */
    MUSUBI_MAX_USER_ID = 64,        /* a user id */
    MUSUBI_MAX_ROOM_MEMBERS = 64, /* members */
    MUSUBI_MAX_ROOM_DATA = 4096,  /* a room's metadata */
    MUSUBI_MAX_LAN_DATA = 255, /* bytes that a host in the local network shows to browsers */
    MUSUBI_MAX_CLOSE_TEXT = 200,   /* a sentence in musubi_peer_close or musubi_peer_reject */
    MUSUBI_MAX_TOKEN = 1024,       /* an access token; servers of this version take 900 */
    MUSUBI_MAX_CERTIFICATE = 768,  /* an identity certificate */
    MUSUBI_APP_KEY_SIZE = 32,      /* an app's public key (Ed25519) */
    MUSUBI_MAX_REQUEST_DATA = 256, /* what goes with musubi_peer_connect, musubi_room_join_with or musubi_user_invite */
    MUSUBI_MAX_PASSWORD = 128,     /* a room's password */
    MUSUBI_MAX_LIST_PREFIX = 64,   /* by which musubi_room_list filters */
    MUSUBI_MAX_LIST_DATA = 256,    /* a room's metadata as ROOM_LISTED shows it */
    MUSUBI_MAX_LIST_PAGE = 32,     /* rooms, in one answer to musubi_room_list */
    MUSUBI_MAX_LIST_END = 72,      /* what says where such a page ended */
    MUSUBI_MAX_REQUESTS = 8,       /* requests of REQUEST_FAILED's kinds and invitations that wait for the server at a time */
    MUSUBI_MAX_SUSPEND = 600000, /* milliseconds */
    MUSUBI_IDENTITY_SIZE = 32    /* a client's public key */
};

/* Results and reasons, graded by who can do something about it. */
enum {
    MUSUBI_OK = 0, /* done, or accepted */

    /* the arguments */
    MUSUBI_ERR_NULL = -1,      /* a pointer that may not be NULL was NULL */
    MUSUBI_ERR_HANDLE = -2,    /* no such client, or it was destroyed */
    MUSUBI_ERR_PEER = -3,      /* no such peer, or it has gone */
    MUSUBI_ERR_SIZE = -4,      /* struct_size is no size of this struct, or fields are used that this library is too old for */
    MUSUBI_ERR_TOO_LARGE = -5, /* message, text or payload over its limit */
    MUSUBI_ERR_VALUE = -6,     /* a value out of its range */
    MUSUBI_ERR_ADDRESS = -7,   /* the server address can't be read */
    MUSUBI_ERR_VERSION = -8,   /* ABI version the library does not offer */

    /* this client's state */
    MUSUBI_ERR_NOT_CONNECTED = -100, /* no link to the server, or no connection to that peer */
    MUSUBI_ERR_WOULD_BLOCK = -101,   /* queue or send budget full; wait for WRITABLE */
    MUSUBI_ERR_BUSY = -102,          /* another thread is polling this client */
    MUSUBI_ERR_ALREADY = -103,       /* in a room already, or connected already */
    MUSUBI_ERR_FAILED = -104,        /* the library stopped itself; the FAILED event says why */
    MUSUBI_ERR_FORKED = -105,        /* called in a child of fork() */
    MUSUBI_ERR_MEMORY = -106,        /* out of memory */
    MUSUBI_ERR_LIMIT = -107,         /* too many clients or peers */
    MUSUBI_ERR_CLOSED = -108,        /* closed by this side */
    MUSUBI_ERR_NOT_IN_ROOM = -109,   /* the call needs a room */
    MUSUBI_ERR_EXPIRED = -110,       /* of DELIVERED: the deadline passed before the message could leave; never sent */
    MUSUBI_ERR_NOT_OWNER = -111,     /* only the room's owner may */

    /* the network */
    MUSUBI_ERR_TIMEOUT = -200, /* nobody answered in time */
    MUSUBI_ERR_SOCKET = -201,  /* the system refused a socket */
    MUSUBI_ERR_LOST = -202,    /* silence: the other end is gone or unreachable */
    MUSUBI_ERR_UNKNOWN = -203, /* of DELIVERED: no acknowledgement came; the message may have arrived or not */

    /* the server */
    MUSUBI_ERR_SERVER_UNREACHABLE = -300, /* no answer */
    MUSUBI_ERR_SERVER_KEY = -301,         /* the server does not hold the key in its address */
    MUSUBI_ERR_SERVER_VERSION = -302,     /* the server speaks another protocol version */
    MUSUBI_ERR_BAD_CODE = -303,           /* no room with that join code */
    MUSUBI_ERR_ROOM_FULL = -304,          /* the room has its most members */
    MUSUBI_ERR_RATE_LIMITED = -305,       /* too many requests; wait */
    MUSUBI_ERR_UNAUTHORIZED = -306,       /* access token refused */
    MUSUBI_ERR_SERVER_CLOSING = -307,     /* the server shuts down */
    MUSUBI_ERR_ROOM_CLOSED = -308,        /* the room has ended */
    MUSUBI_ERR_PEER_GONE = -309,          /* the member left before it answered */
    MUSUBI_ERR_SERVER_FULL = -310,        /* the server has no place */
    MUSUBI_ERR_RELAY = -311,              /* the relay refused the leg */
    MUSUBI_ERR_UNAVAILABLE = -312,        /* the server can't do that now: part of it is away; try again in a moment */
    MUSUBI_ERR_CONFLICT = -320,           /* the room's data changed meanwhile; what it is now comes with the code */
    MUSUBI_ERR_KICKED = -321,             /* the room's owner put the player out */
    MUSUBI_ERR_BANNED = -322,             /* the room's owner does not want the player back */
    MUSUBI_ERR_ROOM_LOCKED = -323,        /* nobody is let in now */
    MUSUBI_ERR_USER_OFFLINE = -324,       /* no client of that user is connected */
    MUSUBI_ERR_TOKEN_EXPIRED = -325,      /* the access token's time is over: get a new one from the game's backend */
    MUSUBI_ERR_TOO_MANY_SESSIONS = -326,  /* this user has as many sessions as are allowed */
    MUSUBI_ERR_PRIVACY = -327,            /* privacy does not allow it: both games have to ask, or the connection stays relayed */

    /* the other player */
    MUSUBI_ERR_REJECTED = -400,      /* it rejected the connection */
    MUSUBI_ERR_REMOTE_CLOSED = -401, /* it closed the connection */
    MUSUBI_ERR_HANDSHAKE = -402,     /* its handshake does not fit what the server told us */
    MUSUBI_ERR_PROTOCOL = -403,      /* it broke the protocol */
    MUSUBI_ERR_BAD_PASSWORD = -404,  /* you two have given different passwords, or one of you none */
    MUSUBI_ERR_IDENTITY = -405,      /* its identity certificate is missing, or does not fit its key and name */
    MUSUBI_ERR_PQ = -406             /* it has no post-quantum keys, which this side requires */
};

/* Kinds of events; behind each, the fields of musubi_event that count. The numbers are never reused. */
enum {
    MUSUBI_EVENT_NONE = 0,              /* never an event */
    MUSUBI_EVENT_SERVER_CONNECTED = 1,  /* the link is up. text: this client's user id */
    MUSUBI_EVENT_SERVER_LOST = 2,       /* refused, or lost for good. code, text */
    MUSUBI_EVENT_NAT_PROFILED = 3,      /* nat_mapping to nat_poisonable; text: one line for people */
    MUSUBI_EVENT_ROOM_JOINED = 4,       /* data: join code; peer: the owner, 0 if this client; count: members. ROOM_OPTIONS follows */
    MUSUBI_EVENT_ROOM_LEFT = 5,         /* left, refused or closed. code, text */
    MUSUBI_EVENT_ROOM_DATA = 6,         /* data: the room's metadata; count: its version. After joining only if it is not empty or not
                                           version 1. code ERR_CONFLICT: musubi_room_set_data_if came too late, this is what is there */
    MUSUBI_EVENT_MEMBER_JOINED = 7,     /* peer; data: its user id */
    MUSUBI_EVENT_MEMBER_LEFT = 8,       /* peer, code */
    MUSUBI_EVENT_OWNER_CHANGED = 9,     /* peer: the new owner, 0 if this client */
    MUSUBI_EVENT_PEER_REQUEST = 10,     /* peer wants to connect: accept or reject. data: its payload */
    MUSUBI_EVENT_PEER_CONNECTED = 11,   /* peer: messages may be sent. route */
    MUSUBI_EVENT_ROUTE_CHANGED = 12,    /* peer, route, rtt_us; text: why */
    MUSUBI_EVENT_PEER_INTERRUPTED = 13, /* peer is silent, or says that it will be (musubi_suspend). text */
    MUSUBI_EVENT_PEER_RECOVERED = 14,   /* peer is heard again */
    MUSUBI_EVENT_PEER_CLOSED = 15,      /* peer, code, text; count: reliable messages not known to be delivered */
    MUSUBI_EVENT_MESSAGE = 16,          /* peer, mode, channel, data */
    MUSUBI_EVENT_DELIVERED = 17,        /* peer; count: the id given to musubi_send; code 0: it arrived, else see there */
    MUSUBI_EVENT_WRITABLE = 18,         /* peer: after WOULD_BLOCK there is room again */
    MUSUBI_EVENT_QUEUE_FULL = 19,       /* count: unreliable messages dropped since nobody polled */
    MUSUBI_EVENT_LOG = 20,              /* code: 0 debug, 1 info, 2 warning, 3 error; text */
    MUSUBI_EVENT_FAILED = 21,           /* the client stopped itself. text: why. Destroy it */
    MUSUBI_EVENT_PUNCH = 22,            /* peer: going direct. code 0: first authenticated answer, rtt_us; else given up, text */
    MUSUBI_EVENT_LAN_FOUND = 23,        /* a host in the local network, or news of it. text: address; data; count: members; code: most */
    MUSUBI_EVENT_LAN_LOST = 24,         /* it does not answer any more. text: address */
    MUSUBI_EVENT_ROOM_OPTIONS = 25,     /* count: MUSUBI_ROOM_ flags; code: most members */
    MUSUBI_EVENT_REQUEST_FAILED = 26,   /* something was not done. count: MUSUBI_REQUEST_; code, text; peer, data: whom it was about, if anybody */
    MUSUBI_EVENT_JOIN_REQUEST = 27,     /* somebody wants to enter: musubi_room_admit. count: its id; text: user id; data: its payload */
    MUSUBI_EVENT_JOIN_WITHDRAWN = 28,   /* and wants it no more, or waited 60 s. count: the id */
    MUSUBI_EVENT_ROOM_LISTED = 29,      /* text: join code; data: the first bytes of its metadata; count: members, and from bit 32 on its
                                           MUSUBI_ROOM_ flags; code: most members */
    MUSUBI_EVENT_ROOM_LIST_END = 30,    /* count: rooms in this page; data: for after of the next musubi_room_list, empty: that was all */
    MUSUBI_EVENT_USER = 31,             /* data: user id; count: MUSUBI_USER_ */
    MUSUBI_EVENT_INVITE_RESULT = 32,    /* data: user id; code 0: it has the invitation, else code, text */
    MUSUBI_EVENT_INVITED = 33,          /* text: join code; data: the inviting user's id, a zero byte, its payload */
    MUSUBI_EVENT_TOKEN_SET = 40,        /* the server's answer to musubi_set_token. code 0: it counts from now on, count: for so many
                                           seconds; else the old one goes on to count. code, text */
    MUSUBI_EVENT_TOKEN_ENDING = 41      /* the link ends in count seconds, unless a musubi_set_token comes before */
};

/* One thing that happened. 64 bytes on every platform. data and text are never NULL and each has a zero byte behind it. */
typedef struct musubi_event {
    uint32_t kind;       /* MUSUBI_EVENT_ */
    int32_t code;        /* 0, a MUSUBI_ERR_ code, or the positive code of the other side's musubi_peer_close */
    musubi_peer peer;    /* who, 0: nobody or this client */
    uint64_t count;      /* a number: see each kind */
    const uint8_t *data; /* valid until the next poll; 16-byte aligned for messages */
#if UINTPTR_MAX == 0xffffffffu
    uint32_t data_pad;
#endif
    const char *text; /* valid until the next poll; a sentence for people */
#if UINTPTR_MAX == 0xffffffffu
    uint32_t text_pad;
#endif
    uint32_t data_size; /* bytes */
    uint32_t text_size; /* bytes, without the zero */
    uint32_t rtt_us;    /* microseconds */
    uint8_t mode;        /* MUSUBI_RELIABLE_ORDERED and so on */
    uint8_t channel;     /* 0 to 255 */
    uint8_t route;       /* MUSUBI_ROUTE_ */
    uint8_t nat_mapping; /* MUSUBI_NAT_ */
    uint8_t nat_filtering;  /* MUSUBI_NAT_ */
    uint8_t nat_ports;      /* MUSUBI_PORTS_ */
    uint8_t nat_poisonable; /* MUSUBI_ANSWER_ */
    uint8_t reserved[5];
} musubi_event;

/* What a client is made from. Only struct_size must be set, and server unless the client plays in the local network only. */
typedef struct musubi_config {
    uint32_t struct_size;
    uint32_t flags;         /* MUSUBI_CONFIG_ */
    const char *server;     /* "musubi://host[:port]/[?tls=port]#key", as `musubi server` prints it. NULL: none */
    const char *app;        /* the game: clients of different apps never meet. NULL: "default"; at most 64 bytes */
    const char *user;       /* wished user id, at most MUSUBI_MAX_USER_ID bytes; a token must grant it. NULL: none */
    const uint8_t *token;   /* access token from the game's backend, or NULL; see musubi_set_token */
    const char *bind;       /* local UDP address, "0.0.0.0:5000". NULL: any */
    uint32_t token_size;    /* bytes, at most MUSUBI_MAX_TOKEN */
    uint32_t send_budget;   /* bytes accepted and not yet delivered, per peer; a message takes what it costs in memory: its
                               size (over 32 KiB rounded up to 8 KiB), a sixth and 176 bytes. 0: 4 MiB; 64 KiB to 64 MiB. What a peer sent and was not polled may take as much, at least 4 MiB */
    uint32_t command_bytes; /* ring from the game to the library. 0: 512 KiB; 64 KiB to 64 MiB, rounded up to a power of 2 */
    uint32_t event_bytes;   /* ring of payloads back. 0: 4 MiB; 2 MiB to 64 MiB, rounded up to a power of 2 */
    uint32_t max_threads;   /* processors that the library uses at a time, whole process, last one set wins. 0: 2; at most 64 */
    uint32_t memory_mib;    /* soft limit of the library's heap, MiB, whole process; last one set wins. 0: 64 */
    uint32_t idle_timeout_ms; /* silence after which a peer counts as lost, milliseconds. 0: 10 s; 1 s to 10 min */
    uint32_t punch;           /* MUSUBI_PUNCH_ */
    uint32_t punch_rate;      /* packets a second while predicting ports. 0: by punch; 50 to 2000. Cellular: 200, wired: 1000 */
    uint32_t privacy;         /* MUSUBI_PRIVACY_ */
    const uint8_t *app_key;   /* MUSUBI_APP_KEY_SIZE bytes: the key under which the game's backend signs identity certificates. Every other
                                 player then has to show a good one (musubi_set_certificate). NULL: none is asked for, and the server
                                 is trusted to introduce the right players */
} musubi_config;

/* What a room is made like. Only struct_size must be set. */
typedef struct musubi_room_config {
    uint32_t struct_size;
    uint32_t flags;       /* MUSUBI_ROOM_, but for MUSUBI_ROOM_PASSWORD */
    uint32_t max_members; /* this client included, 2 to MUSUBI_MAX_ROOM_MEMBERS. 0: 16 */
    uint32_t size;        /* bytes of data, at most MUSUBI_MAX_ROOM_DATA */
    const void *data;     /* the room's metadata; NULL if size is 0 */
    const char *password; /* at most MUSUBI_MAX_PASSWORD bytes. NULL or "": none */
} musubi_room_config;

/* What goes with the wish to enter a room. Only struct_size must be set. */
typedef struct musubi_join_config {
    uint32_t struct_size;
    uint32_t size;        /* bytes of data, at most MUSUBI_MAX_REQUEST_DATA */
    const void *data;     /* shown to an owner who is asked (MUSUBI_ROOM_ASK); NULL if size is 0 */
    const char *password; /* at most MUSUBI_MAX_PASSWORD bytes. NULL or "": none */
} musubi_join_config;

/* A snapshot of one connection, at most 100 ms old. */
typedef struct musubi_stats {
    uint32_t struct_size;
    uint32_t route;         /* MUSUBI_ROUTE_ */
    uint32_t rtt_us;        /* smoothed, of the path in use */
    uint32_t min_rtt_us;    /* the least seen on it */
    uint32_t jitter_us;     /* mean deviation of the RTT */
    uint32_t route_changes; /* since the connection began */
    uint64_t packets_sent;  /* datagrams, all paths */
    uint64_t packets_received; /* that opened */
    uint64_t packets_lost;  /* declared lost, all paths */
    uint64_t bytes_sent;    /* UDP payload */
    uint64_t bytes_received; /* UDP payload */
    uint64_t queued_bytes;  /* accepted by musubi_send, not yet acknowledged or dropped */
    uint64_t auth_failures; /* datagrams for this connection that did not open */
    uint64_t replays;       /* datagrams that opened but were seen before */
    uint32_t mtu;           /* largest UDP payload that the route is known to carry, bytes */
    uint32_t window;        /* bytes that congestion control allows in flight on the route */
    uint32_t in_flight;     /* bytes of them in use */
    uint32_t queue_us;      /* estimate of how long a message of normal priority that is sent now waits to leave */
    uint32_t loss_out_ppm;  /* packets lost on the way to the peer in the last 8 s, millionths */
    uint32_t loss_in_ppm;   /* and from the peer */
    uint32_t redundancy_ppm; /* bytes of the last 8 s that were sent before any sign of their need, millionths */
    uint32_t reserved;
    uint64_t send_rate;     /* bytes a second, of packets, in the last second */
    uint64_t receive_rate;  /* as send_rate */
    uint64_t resent;        /* messages, or pieces of them, that were sent again */
    uint64_t repaired;      /* packets that were lost and whose messages came all the same, by the peer's redundancy */
    uint64_t expired;       /* unreliable messages that were dropped unsent when their deadline passed */
} musubi_stats;

/* What is known of the NAT before this client. */
typedef struct musubi_nat {
    uint32_t struct_size;
    uint32_t mapping;        /* MUSUBI_NAT_ */
    uint32_t filtering;      /* MUSUBI_NAT_ */
    uint32_t certain;        /* 1: mapping compared over two addresses of the server; else endpoint- may be address-dependent */
    char public_address[64]; /* "203.0.113.7:40000", empty while unknown */
    uint32_t ports;          /* MUSUBI_PORTS_ */
    int32_t port_step;       /* sequential: from one port to the next */
    uint32_t port_low;       /* block, random: the ports to expect, both included */
    uint32_t port_high;      /* see port_low */
    uint32_t poisonable;     /* MUSUBI_ANSWER_: packets that come too early move a flow of ours to another port */
    uint32_t opener_ttl;     /* least TTL that opens the outermost NAT; 0: unknown */
} musubi_nat;

/* The link to the server. */
enum {
    MUSUBI_SERVER_NONE = 0,       /* musubi_connect was not called, or the link was given up or lost for good */
    MUSUBI_SERVER_CONNECTING = 1, /* wanted, no SERVER_CONNECTED yet */
    MUSUBI_SERVER_CONNECTED = 2   /* SERVER_CONNECTED came; short losses are repaired without a word */
};

/* The state of a whole client; sums are over the peers that are connected now. */
typedef struct musubi_totals {
    uint32_t struct_size;
    uint32_t server;        /* MUSUBI_SERVER_ */
    int32_t server_code;    /* why the last link ended, a MUSUBI_ERR_ code; 0: none has */
    uint32_t members;       /* of the room, this client included; 0: in no room */
    uint32_t peers;         /* connected */
    uint32_t direct;        /* of them, without a relay */
    uint32_t events;        /* waiting for musubi_poll; near 4000 unreliable messages are dropped */
    uint32_t command_used;  /* of the ring from the game to the library, bytes */
    uint32_t command_bytes; /* what that ring holds, bytes */
    uint32_t reserved;
    uint64_t packets_sent;     /* over all paths */
    uint64_t packets_received; /* that opened */
    uint64_t packets_lost;     /* declared lost, all paths */
    uint64_t bytes_sent;       /* UDP payload */
    uint64_t bytes_received;   /* UDP payload */
    uint64_t queued_bytes;     /* accepted by musubi_send, not yet acknowledged or dropped */
    uint64_t send_rate;        /* bytes a second, of packets, in the last second */
    uint64_t receive_rate;     /* the same of what came */
    uint64_t resent;           /* messages, or pieces of them, that were sent again */
} musubi_totals;

/* A message of musubi_send_batch: the arguments of musubi_send. 48 bytes on every platform. */
typedef struct musubi_message {
    uint32_t struct_size;
    uint32_t mode;    /* MUSUBI_RELIABLE_ORDERED and so on */
    uint32_t channel; /* 0 to 255 */
    uint32_t flags;   /* MUSUBI_SEND_ */
    musubi_peer peer; /* connected */
    uint64_t id;      /* 0, or a number that DELIVERED repeats */
    const void *data; /* size bytes; may be NULL if size is 0 */
#if UINTPTR_MAX == 0xffffffffu
    uint32_t data_pad;
#endif
    uint32_t size;    /* bytes */
    uint32_t reserved;
} musubi_message;

/* Flags of musubi_simulation. */
enum {
    MUSUBI_SIMULATE_KEEP_ORDER = 1, /* jitter never lets a datagram pass another: a queue's jitter */
    MUSUBI_SIMULATE_DIRECT_ONLY = 2 /* only what goes to other players directly; the server and its relay are spared. With all
                                     * lost: the direct path is cut */
};

/* A bad network in one direction; see musubi_simulate. Fields that are zero change nothing. */
typedef struct musubi_simulation {
    uint32_t struct_size;
    uint32_t flags;         /* MUSUBI_SIMULATE_ */
    uint32_t loss_ppm;      /* datagrams lost, of a million: 50000 is 5 % */
    uint32_t loss_burst;    /* mean length of a run of losses, in datagrams; 0, 1: each is lost or not on its own */
    uint32_t latency_us;    /* added to each datagram, microseconds */
    uint32_t jitter_us;     /* up to so much more, uniformly, microseconds */
    uint32_t reorder_ppm;   /* datagrams held back while later ones pass, of a million */
    uint32_t hold_back_us;  /* how long, microseconds; 0: half the latency, or 1 ms if there is none */
    uint32_t duplicate_ppm; /* datagrams that come twice, of a million */
    uint32_t queue_us;      /* with rate: what would wait longer is dropped, microseconds; 0: see queue_bytes */
    uint32_t queue_bytes;   /* with rate: what would make the queue longer is dropped; both 0: 200 ms */
    uint32_t seed;          /* the same one throws the same dice; 0: new ones each time */
    uint64_t rate;          /* bit/s, 28 bytes of headers a datagram included; 0: no limit */
} musubi_simulation;

/* The ABI version of the loaded library; compare with MUSUBI_ABI_VERSION. No parameters. Owns nothing. Any thread. Does
 * not block. Returns the version; it can't fail. */
MUSUBI_API uint32_t musubi_abi_version(void);

/* The version of the loaded library, "0.1.0". No parameters. Static text, never freed. Any thread. Does not block. It
 * can't fail. */
MUSUBI_API const char *musubi_version(void);

/* A code in English. code: any MUSUBI_ERR_ code or 0. Static text, never freed. Any thread. Does not block. Returns
 * "unknown code" for any other number, never NULL. */
MUSUBI_API const char *musubi_strerror(int32_t code);

/* Makes a client and starts its work; no packet is sent yet.
 * config: see there; may not be NULL. client: where the handle goes; may not be NULL.
 * The client is yours until musubi_destroy; config and its texts may go after the call.
 * Any thread. Blocks about a millisecond, until the client works.
 * Returns 0; ERR_NULL: config, client or config.token; ERR_SIZE: struct_size; ERR_VALUE: a field out of its range or a
 * bind address that can't be read; ERR_TOO_LARGE: a text or token too long; ERR_ADDRESS: server; ERR_LIMIT:
 * MUSUBI_MAX_CLIENTS reached; ERR_MEMORY: no memory, descriptor or thread; ERR_FAILED: a bug in the library; ERR_FORKED. A
 * UDP address that the system refuses (bind, in use) becomes MUSUBI_EVENT_FAILED. */
MUSUBI_API int32_t musubi_create(const musubi_config *config, musubi_client *client);

/* Says goodbye to peers and server, ends the client's work and frees it.
 * client: from musubi_create. Event data that belongs to it ends here. Threads in musubi_wait return ERR_HANDLE.
 * Any thread, also while others use the client: they get ERR_HANDLE. Blocks until messages accepted before are delivered,
 * at most 1 s.
 * Returns 0; ERR_HANDLE, ERR_FORKED; ERR_TIMEOUT: the handle is gone, but its work did not end in 5 s: a bug. */
MUSUBI_API int32_t musubi_destroy(musubi_client client);

/* Connects to the server; SERVER_CONNECTED or SERVER_LOST follows. After that the client keeps the link by itself.
 * client: from musubi_create. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_ALREADY: connecting or connected; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_connect(musubi_client client);

/* Leaves the server, and the room (ROOM_LEFT follows). Connections to peers stay.
 * client: from musubi_create. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_NOT_CONNECTED: musubi_connect was not called; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_disconnect(musubi_client client);

/* Makes a room and enters it; ROOM_JOINED with the join code or ROOM_LEFT with a reason follows.
 * max_members: this client included, 2 to MUSUBI_MAX_ROOM_MEMBERS; 0: 16. data, size: the room's metadata, size bytes,
 * at most MUSUBI_MAX_ROOM_DATA; NULL with size 0: none. data is copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: data; ERR_VALUE: max_members; ERR_TOO_LARGE: size; ERR_NOT_CONNECTED: musubi_connect comes first;
 * ERR_ALREADY: in a room, or on the way into one; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_room_create(musubi_client client, uint32_t max_members, const void *data, uint32_t size);

/* Enters the room with a join code; ROOM_JOINED or ROOM_LEFT with a reason (ERR_BAD_CODE, ERR_ROOM_FULL) follows.
 * code: as players type it, case does not matter; may not be NULL. It is copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: code; ERR_VALUE: code is empty or longer than 16 bytes; ERR_NOT_CONNECTED: musubi_connect comes
 * first; ERR_ALREADY: in a room, or on the way into one; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_room_join(musubi_client client, const char *code);

/* Leaves the room and closes the connections to its members; ROOM_LEFT and PEER_CLOSED follow.
 * client: from musubi_create. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_NOT_IN_ROOM; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_room_leave(musubi_client client);

/* Replaces the room's metadata, whatever it is by then; every member gets ROOM_DATA. Only the owner may, or with
 * MUSUBI_ROOM_SHARED everybody: others get REQUEST_FAILED.
 * data, size: size bytes, at most MUSUBI_MAX_ROOM_DATA; NULL with size 0: none. data is copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: data; ERR_TOO_LARGE: size; ERR_NOT_IN_ROOM; ERR_WOULD_BLOCK: command ring full; or the handle
 * errors. */
MUSUBI_API int32_t musubi_room_set_data(musubi_client client, const void *data, uint32_t size);

/* Asks a member of the room for a connection; PEER_CONNECTED or PEER_CLOSED follows. Both sides asking makes one.
 * peer: from MEMBER_JOINED. data, size: shown to the other side in PEER_REQUEST, at most MUSUBI_MAX_REQUEST_DATA bytes;
 * NULL with size 0: none. data is copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: data; ERR_TOO_LARGE: size; ERR_PEER: unknown or gone; ERR_ALREADY: connected; ERR_WOULD_BLOCK:
 * command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_peer_connect(musubi_client client, musubi_peer peer, const void *data, uint32_t size);

/* Accepts a PEER_REQUEST; PEER_CONNECTED or PEER_CLOSED follows.
 * peer: from the event. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_PEER: unknown or gone; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_peer_accept(musubi_client client, musubi_peer peer);

/* Rejects a PEER_REQUEST; the other side gets PEER_CLOSED with ERR_REJECTED and the text.
 * peer: from the event. text: a sentence for the other player, at most MUSUBI_MAX_CLOSE_TEXT bytes; NULL: none. It is
 * copied. Any thread. Does not block.
 * Returns 0; ERR_PEER: unknown or gone; ERR_TOO_LARGE: text; ERR_WOULD_BLOCK: command ring full;
 * or the handle errors. */
MUSUBI_API int32_t musubi_peer_reject(musubi_client client, musubi_peer peer, const char *text);

/* Closes a connection after delivering what was accepted before, for at most 2 s; PEER_CLOSED follows on both sides. One that is
 * still coming up, a musubi_peer_connect under way and a PEER_REQUEST end too: the other side gets PEER_CLOSED with code (0 may be
 * ERR_REJECTED there) and text; here PEER_CLOSED follows only if the game had PEER_CONNECTED, or asked for it or accepted it.
 * peer: from an event. code: 0 or a positive number of the game's own, which the other side gets. text: a sentence, at most
 * MUSUBI_MAX_CLOSE_TEXT bytes; NULL: none. It is copied. Any thread. Does not block.
 * Returns 0; ERR_PEER: unknown or gone; ERR_VALUE: code is negative; ERR_TOO_LARGE: text; ERR_WOULD_BLOCK: command ring
 * full; or the handle errors. */
MUSUBI_API int32_t musubi_peer_close(musubi_client client, musubi_peer peer, int32_t code, const char *text);

/* Tries again, now, to reach a connected peer directly; PUNCH and perhaps ROUTE_CHANGED follow.
 * peer: connected. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_PEER: unknown or gone; ERR_NOT_CONNECTED; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_peer_punch(musubi_client client, musubi_peer peer);

/* Sends a message to a connected peer.
 * peer: connected. mode: MUSUBI_RELIABLE_ORDERED and so on. channel: 0 to 255. data, size: size bytes, at most MUSUBI_MAX_RELIABLE or
 * MUSUBI_MAX_UNRELIABLE, and what the send budget has room for; data may be NULL if size is 0. flags: MUSUBI_SEND_ or 0. id: 0, or
 * any number of yours to get a receipt: one DELIVERED that repeats it, with code 0 when the other side's library has the
 * whole message. In unreliable modes the code is ERR_UNKNOWN if no acknowledgement came in three probe timeouts (a few
 * round trips) or ERR_EXPIRED if the deadline passed first. PEER_CLOSED ends the wait for all receipts; it counts reliable
 * messages not known to be delivered. data is copied. Any thread. Does not block: tens of nanoseconds for a small message,
 * and a system call if the library sleeps and MUSUBI_SEND_NO_WAKE is not given.
 * Returns 0: accepted; ERR_NULL: data; ERR_TOO_LARGE: size; ERR_VALUE: mode, channel, an unknown flag, or a deadline on a
 * reliable message; ERR_PEER: unknown or gone;
 * ERR_NOT_CONNECTED: no connection to the peer yet or any more; ERR_WOULD_BLOCK: send budget or command ring full,
 * WRITABLE follows; ERR_MEMORY: no memory for a message over 16 KiB; or the handle errors. */
MUSUBI_API int32_t musubi_send(musubi_client client, musubi_peer peer, uint32_t mode, uint32_t channel, const void *data,
                               uint32_t size, uint32_t flags, uint64_t id);

/* Sends several messages in their order: musubi_send for each, and one wake at the end.
 * messages, count: count of them, each with struct_size set; NULL with count 0: none. Everything they point at is copied. Any thread.
 * Does not block.
 * Returns how many were accepted, from the front: less than count if one was refused, and the reason comes back when the rest
 * is tried again. If the first is refused, its error: ERR_NULL: messages or its data; ERR_SIZE: struct_size; ERR_VALUE: count
 * over 2^31 - 1; or those of musubi_send and the handle errors. */
MUSUBI_API int32_t musubi_send_batch(musubi_client client, const musubi_message *messages, uint32_t count);

/* Sends a message to every connected peer, with one wake.
 * mode, channel, data, size, flags: as in musubi_send; data is copied for each, size is in bytes, data may be NULL if size is 0.
 * refused, max_refused: an array of yours for max_refused peers whose budget or queue is full and who have to be sent to again
 * after WRITABLE; 0 behind the last if there is room; NULL with max_refused 0: not wanted. Any thread. Does not block.
 * Returns the number of peers for which it was accepted, 0 also if nobody is connected; ERR_NULL: data or refused; ERR_VALUE,
 * ERR_TOO_LARGE as in musubi_send; or the handle errors. */
MUSUBI_API int32_t musubi_broadcast(musubi_client client, uint32_t mode, uint32_t channel, const void *data, uint32_t size,
                                    uint32_t flags, musubi_peer *refused, uint32_t max_refused);

/* Wakes the library if messages sent with MUSUBI_SEND_NO_WAKE may be waiting.
 * client: from musubi_create. Owns nothing. Any thread. Does not block; a system call only if the library sleeps.
 * Returns 0 or the handle errors. */
MUSUBI_API int32_t musubi_flush(musubi_client client);

/* Takes events, oldest first, and frees those of the poll before.
 * events, max: room for max events, 1 or more; events may not be NULL. data and text of each event belong to the client and are valid
 * until the next poll, whatever that returns unless it is ERR_BUSY. One thread at a time. Does not block.
 * Returns the number of events filled in, 0 for none; ERR_NULL: events; ERR_VALUE: max is 0; ERR_BUSY: another thread is
 * polling; ERR_HANDLE, ERR_FORKED. A client that failed can still be polled. */
MUSUBI_API int32_t musubi_poll(musubi_client client, musubi_event *events, uint32_t max);

/* Waits until musubi_poll has something. For tools and servers; a game polls once a frame instead.
 * timeout_ms: milliseconds; 0xffffffff: no limit. Owns nothing. Any thread, several at a time. Blocks.
 * Returns 1: there is an event; 0: time is over; ERR_HANDLE: also if the client is destroyed meanwhile; ERR_FORKED. */
MUSUBI_API int32_t musubi_wait(musubi_client client, uint32_t timeout_ms);

/* Reads the figures of one connection.
 * peer: from MEMBER_JOINED or PEER_REQUEST. stats: struct_size set by you, the rest filled in; may not be NULL. The struct
 * is yours. Any thread. Does not block.
 * Returns 0; ERR_NULL: stats; ERR_SIZE: struct_size; ERR_PEER: unknown or gone; ERR_NOT_CONNECTED: no connection yet; or
 * ERR_HANDLE, ERR_FORKED. */
MUSUBI_API int32_t musubi_peer_stats(musubi_client client, musubi_peer peer, musubi_stats *stats);

/* Reads what is known of the NAT; everything is unknown until NAT_PROFILED.
 * nat: struct_size set by you, the rest filled in; may not be NULL. The struct is yours. Any thread. Does not block.
 * Returns 0; ERR_NULL: nat; ERR_SIZE: struct_size; or ERR_HANDLE, ERR_FORKED. */
MUSUBI_API int32_t musubi_nat_info(musubi_client client, musubi_nat *nat);

/* Reads the state of the whole client: link, room, peers, queues, sums.
 * totals: struct_size set by you, the rest filled in; may not be NULL. The struct is yours. Any thread. Does not block.
 * Returns 0; ERR_NULL: totals; ERR_SIZE: struct_size; or ERR_HANDLE, ERR_FORKED. */
MUSUBI_API int32_t musubi_client_stats(musubi_client client, musubi_totals *totals);

/* Reads the client's identity: its public key (X25519), fresh for each client, by which the server and other players' libraries
 * know it.
 * key, size: size bytes of yours, MUSUBI_IDENTITY_SIZE or more, of which so many are filled in; key may not be NULL. Any
 * thread. Does not block.
 * Returns 0; ERR_NULL: key; ERR_SIZE: size; or ERR_HANDLE, ERR_FORKED. */
MUSUBI_API int32_t musubi_identity(musubi_client client, uint8_t *key, uint32_t size);

/* Gives a new access token, from the game's backend: for the next musubi_connect, and if the server is connected for that link
 * at once; TOKEN_SET follows then. What it permits counts from there on; who is connected stays so. The first one can be given here instead of in musubi_config, when musubi_identity has told the backend
 * the key to bind it to (claim cnf: nobody else can use it then).
 * token, size: size bytes, at most MUSUBI_MAX_TOKEN; NULL with size 0: none. token is copied; it is shown to the server of
 * musubi_config and to nobody else. Any thread. Does not block.
 * Returns 0; ERR_NULL: token; ERR_TOO_LARGE: size; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_set_token(musubi_client client, const uint8_t *token, uint32_t size);

/* Gives the identity certificate that other players are shown in connections from now on. The game's backend makes it for this
 * client's musubi_identity. Players whose musubi_config has an app_key refuse everybody without a good one (PEER_CLOSED with
 * ERR_IDENTITY; the other side gets ERR_REJECTED), so that not even the server can stand between two players. Without
 * certificates the server is trusted to introduce the right players: it could pose as each of them to the other.
 * certificate, size: size bytes, at most MUSUBI_MAX_CERTIFICATE; NULL with size 0: none. It is copied. One that is no good under this client's
 * own app_key is not taken: a LOG event of level 3 says why. Any thread. Does not block.
 * Returns 0; ERR_NULL: certificate; ERR_TOO_LARGE: size; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_set_certificate(musubi_client client, const uint8_t *certificate, uint32_t size);

/* Writes down what is known, for people: link, NAT, room, each peer's route and figures, the addresses that were tried and what
 * came of them, relay legs, the last packets on each path, queues, and advice. For a log or a bug report; it holds this
 * machine's public address, of other players' addresses only the networks (/24, /48), and no names, keys or messages.
 * text, size: size bytes of yours for the text, which ends in a zero byte and is cut if it is longer; NULL with size 0: only
 * its length is wanted, which may be another a moment later. A peer takes one to two kilobytes. Any thread. Blocks for up to 50
 * ms: it waits for the library's own thread, mostly some microseconds.
 * Returns the length of the whole text in bytes, without the zero; ERR_NULL: text; or ERR_HANDLE, ERR_FORKED. */
MUSUBI_API int32_t musubi_dump(musubi_client client, char *text, uint32_t size);

/* Tells the client that the machine's network changed (Wi-Fi to mobile): links and paths are checked at once. On Linux
 * the library notices by itself when packets to the server leave from another address.
 * client: from musubi_create. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_network_changed(musubi_client client);

/* Puts a bad network between this client and everybody, the server included, until the next call. For testing: it is there
 * in every build, costs nothing while it is off, and keeps at most 16384 datagrams a direction under way.
 * outgoing, incoming: what happens to datagrams that this client sends and receives; struct_size set by you; NULL: nothing,
 * so that two NULLs end the simulation. Both are copied. Datagrams under way keep their times. Any thread. Does not block.
 * Returns 0; ERR_SIZE: struct_size; ERR_VALUE: an unknown flag, a share over 1000000, a time over 60 s, a loss_burst over
 * 1000000, a rate over 10^12, or runs of losses that can't add up to the share (5 of 6 is the most in runs of 5);
 * ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_simulate(musubi_client client, const musubi_simulation *outgoing, const musubi_simulation *incoming);

/* Fills in a network that players have; figures are round and typical, one way.
 * name: "wifi" (2-5 ms, 0.1 % lost), "bad-wifi" (5-35 ms, 3 % lost in runs of 3, 8 Mbit/s), "dsl" (10 ms, 1 Mbit/s up, 10
 * down, buffer 250 ms), "4g" (25-40 ms, 0.5 %, 8 Mbit/s up, 20 down), "3g" (75-115 ms, 1 %, 768 kbit/s up, 1.6 Mbit/s down,
 * buffer 1 s), "lossy" (25 ms, 5 %), "rough" (25-35 ms with reordering, 10 %), "transatlantic" (38-40 ms, 0.1 %),
 * "satellite" (280-300 ms, 0.5 %); may not be NULL. outgoing, incoming: struct_size set by you, the rest filled in; NULL: not
 * wanted. Everything is yours. Any thread. Does not block.
 * Returns 0; ERR_NULL: name; ERR_SIZE: struct_size; ERR_VALUE: no network of that name. */
MUSUBI_API int32_t musubi_simulation_preset(const char *name, musubi_simulation *outgoing, musubi_simulation *incoming);

/* Hosts a game for players in the same local network, without any server: this client becomes one, for one room.
 * SERVER_CONNECTED and ROOM_JOINED with the join code follow, or ROOM_LEFT and SERVER_LOST with a reason. Others find it by
 * musubi_lan_browse or know its address. It ends with musubi_disconnect or musubi_destroy.
 * max_members: this client included, 2 to MUSUBI_MAX_ROOM_MEMBERS; 0: 16. data, size: what browsing players see, and the
 * room's metadata; size bytes, at most MUSUBI_MAX_LAN_DATA; NULL with size 0: none. data is copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: data; ERR_VALUE: max_members; ERR_TOO_LARGE: size; ERR_ALREADY: connected to a server, or in a room;
 * ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_lan_host(musubi_client client, uint32_t max_members, const void *data, uint32_t size);

/* Looks for hosts of the same app in the local network, by multicast and broadcast on every interface. LAN_FOUND tells each
 * host once, and again when its members or data change; LAN_LOST when it is gone for 3.5 s.
 * on: 1 starts, also anew; 0 stops. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_VALUE: on; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_lan_browse(musubi_client client, uint32_t on);

/* Joins a host in the local network, which must prove that it knows the join code. SERVER_CONNECTED and ROOM_JOINED follow, or
 * ROOM_LEFT and SERVER_LOST with a reason: ERR_SERVER_UNREACHABLE nobody hosts there, ERR_BAD_CODE, ERR_ADDRESS.
 * address: as LAN_FOUND gives it, or "192.168.1.5"; at most 64 bytes. code: as players type it. Both may not be NULL; they are
 * copied. Any thread. Does not block.
 * Returns 0; ERR_NULL; ERR_VALUE: a text is empty or too long; ERR_ALREADY: connected to a server, or in a room;
 * ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_lan_join(musubi_client client, const char *address, const char *code);

/* Tells peers and server that this client may fall silent, because its device goes to sleep or its window is hidden. They
 * get PEER_INTERRUPTED, keep the connection and the place in the room, and hold back what they send until musubi_resume.
 * Without this call a peer gives up after its idle timeout. The news leaves at once; give it some milliseconds.
 * max_ms: the longest absence, milliseconds, 1 to MUSUBI_MAX_SUSPEND; usual patience begins after it. A second call replaces
 * the first. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_VALUE: max_ms; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_suspend(musubi_client client, uint32_t max_ms);

/* Ends a musubi_suspend: peers get PEER_RECOVERED, what was held back leaves, links and paths are checked at once. Without a
 * musubi_suspend before it only the paths are checked.
 * client: from musubi_create. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_resume(musubi_client client);

/* Makes a room with options and enters it; ROOM_JOINED with the join code, or ROOM_LEFT with a reason, follows.
 * A password never reaches the server: it is mixed into the keys of the members' connections, so that members who gave another
 * one don't get connected (PEER_CLOSED with ERR_BAD_PASSWORD on both sides), although the server lets them into the room. It is the
 * only lock that also holds against the server. Whoever is introduced can guess at home, some tens of tries a second and processor: choose a long one.
 * room: see there; may not be NULL. It and what it points at are copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: room, or its data; ERR_SIZE: struct_size; ERR_VALUE: flags or max_members; ERR_TOO_LARGE: size or password;
 * ERR_NOT_CONNECTED: musubi_connect comes first; ERR_ALREADY: in a room, or on the way into one; ERR_WOULD_BLOCK: command
 * ring full; or the handle errors. */
MUSUBI_API int32_t musubi_room_create_with(musubi_client client, const musubi_room_config *room);

/* Enters the room with a join code, and brings a password or a word to its owner; ROOM_JOINED or ROOM_LEFT with a reason
 * follows: ERR_BAD_CODE, ERR_ROOM_FULL, ERR_ROOM_LOCKED, ERR_BANNED, ERR_BAD_PASSWORD the room has a password and join none, or
 * the other way round, ERR_REJECTED the owner said no, ERR_TIMEOUT it did not answer in 60 s. That a password is the wrong one shows
 * when members connect: see musubi_room_create_with. musubi_room_leave ends the wait.
 * code: as in musubi_room_join. join: see there; NULL: as musubi_room_join. Both are copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: code, or join's data; ERR_SIZE: struct_size; ERR_VALUE: code; ERR_TOO_LARGE: size or password;
 * ERR_NOT_CONNECTED: musubi_connect comes first; ERR_ALREADY: in a room, or on the way into one; ERR_WOULD_BLOCK: command
 * ring full; or the handle errors. */
MUSUBI_API int32_t musubi_room_join_with(musubi_client client, const char *code, const musubi_join_config *join);

/* Changes the room's options; every member gets ROOM_OPTIONS. Only the owner may: others get REQUEST_FAILED.
 * set, clear: MUSUBI_ROOM_ flags, but for MUSUBI_ROOM_PASSWORD, none in both. max_members: 2 to MUSUBI_MAX_ROOM_MEMBERS, not fewer
 * than are in the room; 0: as it is. Locking refuses who waits to be let in. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_VALUE: a flag or max_members; ERR_NOT_IN_ROOM; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_room_configure(musubi_client client, uint32_t set, uint32_t clear, uint32_t max_members);

/* Replaces the room's metadata while it is still the version that this client knows; otherwise this client alone gets ROOM_DATA
 * with ERR_CONFLICT and what is there now. So two who set it at once don't undo each other's work.
 * version: count of the last ROOM_DATA, 1 if none came since ROOM_JOINED; 0: whatever it is. data, size: size bytes, at most
 * MUSUBI_MAX_ROOM_DATA; NULL with size 0: none. data is copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: data; ERR_TOO_LARGE: size; ERR_NOT_IN_ROOM; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_room_set_data_if(musubi_client client, uint32_t version, const void *data, uint32_t size);

/* Gives the room to another member; every member gets OWNER_CHANGED. Only the owner may: others get REQUEST_FAILED. When the
 * owner leaves, the room goes to the member who is in it longest.
 * peer: a member. Owns nothing. Any thread. Does not block.
 * Returns 0; ERR_PEER: unknown or gone; ERR_NOT_IN_ROOM; ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_room_set_owner(musubi_client client, musubi_peer peer);

/* Puts a member out of the room: it gets ROOM_LEFT with ERR_KICKED and the text, the others MEMBER_LEFT with ERR_KICKED, and the
 * connections between them end. Only the owner may: others get REQUEST_FAILED.
 * peer: a member. flags: 0, or MUSUBI_KICK_BAN, which keeps its user id and its identity out for the room's life; without access
 * tokens a player who starts the game again has others. text: a sentence for it, at most MUSUBI_MAX_CLOSE_TEXT bytes; NULL:
 * none. It is copied. Any thread. Does not block.
 * Returns 0; ERR_PEER: unknown or gone; ERR_VALUE: flags; ERR_TOO_LARGE: text; ERR_NOT_IN_ROOM; ERR_WOULD_BLOCK: command ring
 * full; or the handle errors. */
MUSUBI_API int32_t musubi_room_kick(musubi_client client, musubi_peer peer, uint32_t flags, const char *text);

/* Answers a JOIN_REQUEST: MEMBER_JOINED follows, or the other side gets ROOM_LEFT with ERR_REJECTED and the text. Only the owner
 * is asked. If it was too late, or the room is full, REQUEST_FAILED says so.
 * request: count of the event. accept: 1 lets it in, 0 refuses. text: a sentence for who is refused, at most
 * MUSUBI_MAX_CLOSE_TEXT bytes; NULL: none. It is copied. Any thread. Does not block.
 * Returns 0; ERR_VALUE: accept; ERR_TOO_LARGE: text; ERR_NOT_IN_ROOM; ERR_WOULD_BLOCK: command ring full; or the handle
 * errors. */
MUSUBI_API int32_t musubi_room_admit(musubi_client client, uint64_t request, uint32_t accept, const char *text);

/* Asks for public rooms of this app, in the order of their metadata: a ROOM_LISTED for each, then ROOM_LIST_END; or
 * REQUEST_FAILED. Full rooms are listed, locked ones are not. About four times a second, more is refused.
 * prefix, prefix_size: what their metadata must begin with, at most MUSUBI_MAX_LIST_PREFIX bytes; NULL with size 0: anything. after,
 * after_size: data of the ROOM_LIST_END before; NULL with size 0: from the start. max_rooms: in one page, 0 or more than
 * MUSUBI_MAX_LIST_PAGE: as many as that. Everything is copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: prefix or after; ERR_TOO_LARGE: prefix_size or after_size; ERR_NOT_CONNECTED: musubi_connect comes first;
 * ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_room_list(musubi_client client, const void *prefix, uint32_t prefix_size, const void *after,
                                    uint32_t after_size, uint32_t max_rooms);

/* Asks where a user of this app is; USER or REQUEST_FAILED follows. About four times a second, more is refused.
 * user: its id, at most MUSUBI_MAX_USER_ID bytes; may not be NULL. It is copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: user; ERR_VALUE: user is empty or too long; ERR_NOT_CONNECTED: musubi_connect comes first;
 * ERR_WOULD_BLOCK: command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_user_query(musubi_client client, const char *user);

/* Invites a user of this app into the room that this client is in: it gets INVITED with the join code, on each of its clients
 * that takes invitations (MUSUBI_CONFIG_NO_INVITES), and INVITE_RESULT follows here. An invitation opens no locked room. A client takes ten at
 * once and one a second; this one sends about four a second.
 * user: as in musubi_user_query. data, size: shown to it, at most MUSUBI_MAX_REQUEST_DATA bytes; NULL with size 0: none. Both are
 * copied. Any thread. Does not block.
 * Returns 0; ERR_NULL: user or data; ERR_VALUE: user is empty or too long; ERR_TOO_LARGE: size; ERR_NOT_IN_ROOM; ERR_WOULD_BLOCK:
 * command ring full; or the handle errors. */
MUSUBI_API int32_t musubi_user_invite(musubi_client client, const char *user, const void *data, uint32_t size);

/* The whole API as one table, for engines that load the library by hand: one symbol to look up. New members are added behind
 * the last; struct_size says how much of the table the loaded library has. The sizes let a binding in another language
 * compare its idea of the structs with the library's. */
typedef struct musubi_api {
    uint32_t struct_size;     /* of this table, bytes */
    uint32_t abi_version;     /* the version asked for */
    uint32_t event_size;      /* sizeof musubi_event, bytes */
    uint32_t config_size;     /* sizeof musubi_config */
    uint32_t stats_size;      /* sizeof musubi_stats */
    uint32_t nat_size;        /* sizeof musubi_nat */
    uint32_t simulation_size; /* sizeof musubi_simulation */
    uint32_t message_size;    /* sizeof musubi_message */
    uint32_t totals_size;     /* sizeof musubi_totals */
    uint32_t reserved;
    const char *(*version)(void);
    const char *(*strerror)(int32_t code);
    int32_t (*create)(const musubi_config *config, musubi_client *client);
    int32_t (*destroy)(musubi_client client);
    int32_t (*connect)(musubi_client client);
    int32_t (*disconnect)(musubi_client client);
    int32_t (*room_create)(musubi_client client, uint32_t max_members, const void *data, uint32_t size);
    int32_t (*room_join)(musubi_client client, const char *code);
    int32_t (*room_leave)(musubi_client client);
    int32_t (*room_set_data)(musubi_client client, const void *data, uint32_t size);
    int32_t (*peer_connect)(musubi_client client, musubi_peer peer, const void *data, uint32_t size);
    int32_t (*peer_accept)(musubi_client client, musubi_peer peer);
    int32_t (*peer_reject)(musubi_client client, musubi_peer peer, const char *text);
    int32_t (*peer_close)(musubi_client client, musubi_peer peer, int32_t code, const char *text);
    int32_t (*peer_punch)(musubi_client client, musubi_peer peer);
    int32_t (*send)(musubi_client client, musubi_peer peer, uint32_t mode, uint32_t channel, const void *data,
                    uint32_t size, uint32_t flags, uint64_t id);
    int32_t (*send_batch)(musubi_client client, const musubi_message *messages, uint32_t count);
    int32_t (*broadcast)(musubi_client client, uint32_t mode, uint32_t channel, const void *data, uint32_t size,
                         uint32_t flags, musubi_peer *refused, uint32_t max_refused);
    int32_t (*flush)(musubi_client client);
    int32_t (*poll)(musubi_client client, musubi_event *events, uint32_t max);
    int32_t (*wait)(musubi_client client, uint32_t timeout_ms);
    int32_t (*peer_stats)(musubi_client client, musubi_peer peer, musubi_stats *stats);
    int32_t (*nat_info)(musubi_client client, musubi_nat *nat);
    int32_t (*client_stats)(musubi_client client, musubi_totals *totals);
    int32_t (*identity)(musubi_client client, uint8_t *key, uint32_t size);
    int32_t (*dump)(musubi_client client, char *text, uint32_t size);
    int32_t (*network_changed)(musubi_client client);
    int32_t (*simulate)(musubi_client client, const musubi_simulation *outgoing, const musubi_simulation *incoming);
    int32_t (*simulation_preset)(const char *name, musubi_simulation *outgoing, musubi_simulation *incoming);
    int32_t (*lan_host)(musubi_client client, uint32_t max_members, const void *data, uint32_t size);
    int32_t (*lan_browse)(musubi_client client, uint32_t on);
    int32_t (*lan_join)(musubi_client client, const char *address, const char *code);
    int32_t (*suspend)(musubi_client client, uint32_t max_ms);
    int32_t (*resume)(musubi_client client);
    int32_t (*set_token)(musubi_client client, const uint8_t *token, uint32_t size);
    int32_t (*set_certificate)(musubi_client client, const uint8_t *certificate, uint32_t size);
    int32_t (*room_create_with)(musubi_client client, const musubi_room_config *room);
    int32_t (*room_join_with)(musubi_client client, const char *code, const musubi_join_config *join);
    int32_t (*room_configure)(musubi_client client, uint32_t set, uint32_t clear, uint32_t max_members);
    int32_t (*room_set_data_if)(musubi_client client, uint32_t version, const void *data, uint32_t size);
    int32_t (*room_set_owner)(musubi_client client, musubi_peer peer);
    int32_t (*room_kick)(musubi_client client, musubi_peer peer, uint32_t flags, const char *text);
    int32_t (*room_admit)(musubi_client client, uint64_t request, uint32_t accept, const char *text);
    int32_t (*room_list)(musubi_client client, const void *prefix, uint32_t prefix_size, const void *after,
                         uint32_t after_size, uint32_t max_rooms);
    int32_t (*user_query)(musubi_client client, const char *user);
    int32_t (*user_invite)(musubi_client client, const char *user, const void *data, uint32_t size);
    uint32_t room_config_size; /* sizeof musubi_room_config */
    uint32_t join_config_size; /* sizeof musubi_join_config */
} musubi_api;

/* The table of the library's functions, each as declared above.
 * version: MUSUBI_ABI_VERSION of the header that the caller was made with. The table belongs to the library and
 * never goes or changes. Any thread. Does not block. Returns NULL if the library does not offer that version. */
MUSUBI_API const musubi_api *musubi_get_api(uint32_t version);

#ifdef __cplusplus
}
#endif

#endif /* MUSUBI_H */
