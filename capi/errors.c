/* Codes in English. The Go test of this package compares every line with core/api. A table, not a switch: the symbol test
 * refuses the indirect jump that a switch becomes. */
#include <stddef.h>

#include "internal.h"

static const struct {
    int32_t code;
    const char *text;
} texts[] = {
    {MUSUBI_OK, "ok"},
    {MUSUBI_ERR_NULL, "a pointer argument was NULL"},
    {MUSUBI_ERR_HANDLE, "unknown or destroyed client"},
    {MUSUBI_ERR_PEER, "unknown peer, or it has gone"},
    {MUSUBI_ERR_SIZE, "struct_size is wrong, or a field is used that this library is too old for"},
    {MUSUBI_ERR_TOO_LARGE, "larger than the limit"},
    {MUSUBI_ERR_VALUE, "value out of range"},
    {MUSUBI_ERR_ADDRESS, "malformed server address: it looks like musubi://host:port/#key"},
    {MUSUBI_ERR_VERSION, "this library does not offer that ABI version"},
    {MUSUBI_ERR_NOT_CONNECTED, "not connected"},
    {MUSUBI_ERR_WOULD_BLOCK, "queue full, try again after WRITABLE"},
    {MUSUBI_ERR_BUSY, "another thread is polling this client"},
    {MUSUBI_ERR_ALREADY, "already in that state"},
    {MUSUBI_ERR_FAILED, "the client stopped itself: its FAILED event says why"},
    {MUSUBI_ERR_FORKED, "not usable after fork()"},
    {MUSUBI_ERR_MEMORY, "out of memory"},
    {MUSUBI_ERR_LIMIT, "a limit of the library is reached: clients, peers or waiting events"},
    {MUSUBI_ERR_CLOSED, "closed by this side"},
    {MUSUBI_ERR_NOT_IN_ROOM, "not in a room"},
    {MUSUBI_ERR_EXPIRED, "dropped unsent: its deadline had passed"},
    {MUSUBI_ERR_NOT_OWNER, "only the room's owner may do that"},
    {MUSUBI_ERR_TIMEOUT, "timed out"},
    {MUSUBI_ERR_SOCKET, "the system refused to open a socket"},
    {MUSUBI_ERR_LOST, "connection lost: nothing heard"},
    {MUSUBI_ERR_UNKNOWN, "not acknowledged: it may have arrived or not"},
    {MUSUBI_ERR_SERVER_UNREACHABLE, "the server does not answer"},
    {MUSUBI_ERR_SERVER_KEY, "the server has another key than the one in its address"},
    {MUSUBI_ERR_SERVER_VERSION, "the server speaks another protocol version"},
    {MUSUBI_ERR_BAD_CODE, "no room with that code"},
    {MUSUBI_ERR_ROOM_FULL, "the room is full"},
    {MUSUBI_ERR_RATE_LIMITED, "too many requests, wait a little"},
    {MUSUBI_ERR_UNAUTHORIZED, "access token refused"},
    {MUSUBI_ERR_SERVER_CLOSING, "the server is shutting down"},
    {MUSUBI_ERR_ROOM_CLOSED, "the room has ended"},
    {MUSUBI_ERR_PEER_GONE, "the member left"},
    {MUSUBI_ERR_SERVER_FULL, "the server is full"},
    {MUSUBI_ERR_RELAY, "the relay refused"},
    {MUSUBI_ERR_UNAVAILABLE, "the server can't do that now, try again in a moment"},
    {MUSUBI_ERR_CONFLICT, "the room's data changed meanwhile"},
    {MUSUBI_ERR_KICKED, "removed from the room by its owner"},
    {MUSUBI_ERR_BANNED, "the room's owner does not let this player in"},
    {MUSUBI_ERR_ROOM_LOCKED, "the room is locked"},
    {MUSUBI_ERR_USER_OFFLINE, "that user is not online"},
    {MUSUBI_ERR_TOKEN_EXPIRED, "the access token has expired"},
    {MUSUBI_ERR_TOO_MANY_SESSIONS, "this user has too many sessions already"},
    {MUSUBI_ERR_PRIVACY, "a privacy setting does not allow it"},
    {MUSUBI_ERR_REJECTED, "the other player rejected the connection"},
    {MUSUBI_ERR_REMOTE_CLOSED, "the other player closed the connection"},
    {MUSUBI_ERR_HANDSHAKE, "the other side's handshake could not be verified"},
    {MUSUBI_ERR_PROTOCOL, "the other side broke the protocol"},
    {MUSUBI_ERR_BAD_PASSWORD, "wrong room password"},
    {MUSUBI_ERR_IDENTITY, "the other side's identity certificate is missing or invalid"},
    {MUSUBI_ERR_PQ, "post-quantum keys are required here, and the other side does not offer them"},
};

uint32_t musubi_abi_version(void) { return MUSUBI_ABI_VERSION; }

const char *musubi_version(void) { return MUSUBI_VERSION; }

const char *musubi_strerror(int32_t code)
{
    size_t i;

    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].code == code)
            return texts[i].text;
    return "unknown code";
}
