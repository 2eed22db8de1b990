package main

// advice says for each code what somebody does who meets it. First what it mostly is, then the cure.
var advice = map[string]string{
	"MUSUBI_ERR_NULL": "Pass the pointer. Only those may be NULL that the header says.",
	"MUSUBI_ERR_HANDLE": "Use the handle that musubi_create gave, and none after musubi_destroy. Threads that still call while another destroys " +
		"the client get this, and that is fine.",
	"MUSUBI_ERR_PEER": "Take peers from events, and forget them at PEER_CLOSED and MEMBER_LEFT.",
	"MUSUBI_ERR_SIZE": "Set struct_size to sizeof the struct and what you don't use to zero. If you do: the program was built with a newer header than " +
		"the library's, so ship the library that belongs to it (musubi_version tells).",
	"MUSUBI_ERR_TOO_LARGE": "Send less at once, or in pieces. The limits are MUSUBI_MAX_ constants in API.md.",
	"MUSUBI_ERR_VALUE":     "Read the function's comment: it says what is allowed. When the code comes in an event, the text names the value.",
	"MUSUBI_ERR_ADDRESS": "Paste the whole line that `musubi server` prints, from musubi:// to the last letter after #. " +
		"`musubi doctor ADDRESS` says which part can't be read.",
	"MUSUBI_ERR_VERSION": "Header and library are of different releases: ship the library that the program was built with.",

	"MUSUBI_ERR_NOT_CONNECTED": "Wait for SERVER_CONNECTED before rooms (calls of rooms right after musubi_connect are fine: they wait), for PEER_CONNECTED before messages. " +
		"After PEER_CLOSED it is normal: stop sending.",
	"MUSUBI_ERR_WOULD_BLOCK": "Normal. Keep the message, send less, and go on when WRITABLE comes. If it lasts, the game sends more than the " +
		"network carries: look at send_rate and queued_bytes of musubi_peer_stats.",
	"MUSUBI_ERR_BUSY":    "Poll from one thread at a time.",
	"MUSUBI_ERR_ALREADY": "Leave the room (musubi_room_leave) or disconnect first. When two players connect to each other at once, it is normal.",
	"MUSUBI_ERR_FAILED": "A bug of ours. Read the FAILED event's text, musubi_destroy the client and make a new one; please report the text " +
		"with what musubi_dump says.",
	"MUSUBI_ERR_FORKED": "Load the library in the child, after fork, or use exec. A forked child can't use the parent's (ENGINES.md).",
	"MUSUBI_ERR_MEMORY": "The system had no memory for the client's rings (some MiB). Make fewer or smaller ones: command_bytes, event_bytes.",
	"MUSUBI_ERR_LIMIT":  "At most MUSUBI_MAX_CLIENTS clients of a process and MUSUBI_MAX_PEERS peers of a client: destroy what is not used.",
	"MUSUBI_ERR_CLOSED": "Normal: this side left, disconnected or closed.",
	"MUSUBI_ERR_NOT_IN_ROOM": "Wait for ROOM_JOINED before calls about the room. After ROOM_LEFT it is normal: the event's code says why " +
		"this player is out.",
	"MUSUBI_ERR_EXPIRED":   "Normal on a bad network: what was out of date was not sent. Give a longer deadline, or none, if it matters.",
	"MUSUBI_ERR_NOT_OWNER": "Ask the owner to do it, or become owner (musubi_room_set_owner by the owner). OWNER_CHANGED tells who it is.",

	"MUSUBI_ERR_TIMEOUT": "Try again. If it happens each time with the same player: `musubi doctor` on both machines. On a PEER_REQUEST the other game did " +
		"not answer in 30 s; on a JOIN_REQUEST the owner did not in 60 s.",
	"MUSUBI_ERR_SOCKET": "The port in bind is taken, the address is not this machine's, or a firewall or sandbox forbids sockets. Leave bind empty unless " +
		"a fixed port is needed. On Android the app needs INTERNET.",
	"MUSUBI_ERR_LOST": "The other program crashed, its machine sleeps, or its network went. Nothing was heard for idle_timeout_ms (10 s). The game may offer to " +
		"reconnect; ROUTE_CHANGED and PEER_INTERRUPTED before it tell how it went.",
	"MUSUBI_ERR_UNKNOWN": "Count the message as perhaps delivered. Give it a number of your own if it must not be done twice.",

	"MUSUBI_ERR_SERVER_UNREACHABLE": "Is `musubi server` running, at this address? Is UDP 3478 open in its firewall and in the cloud's, TCP 443 as well for " +
		"players without UDP? `musubi doctor ADDRESS` on the player's machine says which of them (TROUBLESHOOTING.md).",
	"MUSUBI_ERR_SERVER_KEY": "The server was set up anew without its old `master.key`, or the address is another server's. Restore the key from its copy, " +
		"or ship the address that the server prints now. If neither: somebody stands between.",
	"MUSUBI_ERR_SERVER_VERSION": "The text names both versions. Update the older one; servers first.",
	"MUSUBI_ERR_BAD_CODE": "A typing error, the last player left the room, or the host uses another server or another `app`. LAN codes work in their own network " +
		"only. Ask for the code anew.",
	"MUSUBI_ERR_ROOM_FULL":    "Make the room larger (max_members, at most 64), or play elsewhere.",
	"MUSUBI_ERR_RATE_LIMITED": "Wait, then ask less often: 20 requests a second, 5 wrong codes a minute. A client that retries in a loop makes it worse. Limits: SECURITY.md.",
	"MUSUBI_ERR_UNAUTHORIZED": "The text says what is wrong with the access token. `musubi token inspect` says it too, and TROUBLESHOOTING.md has each of the reasons. " +
		"Or the token does not permit this room or request.",
	"MUSUBI_ERR_SERVER_CLOSING": "Normal while the server is stopped or replaced. The library connects again by itself; with several servers players do not notice.",
	"MUSUBI_ERR_ROOM_CLOSED":    "The room is gone: everybody left, or its server was started anew and could not build it again. Make a new one.",
	"MUSUBI_ERR_PEER_GONE":      "Normal: that player left first.",
	"MUSUBI_ERR_SERVER_FULL":    "As many links from one address as the server allows (64 under `--auth open`, 4,096 with tokens), or its rooms are used up. Players: try again in a minute. Operator: access tokens, or more servers (SERVER.md).",
	"MUSUBI_ERR_RELAY":          "Comes as a LOG event whose text says why. A direct connection may still come about. Operator: `musubi_drop_datagrams_total` by reason, and whether UDP 3478 is open both ways.",
	"MUSUBI_ERR_UNAVAILABLE":    "Wait a few seconds and ask again; the library does so by itself where it can. Operator: the log says whether it is `--capacity`, `--sessions`, a drain, or a NATS without quorum.",
	"MUSUBI_ERR_CONFLICT":       "Normal: take the data that comes with it, change that, and set it again with its version.",
	"MUSUBI_ERR_KICKED":         "Tell the player. It may come back, unless it was banned.",
	"MUSUBI_ERR_BANNED":         "Tell the player. The ban lasts as long as the room does.",
	"MUSUBI_ERR_ROOM_LOCKED":    "Wait until the owner unlocks the room, or the match is over.",
	"MUSUBI_ERR_USER_OFFLINE":   "Normal: that user is not connected, or is one of another app.",
	"MUSUBI_ERR_TOKEN_EXPIRED": "Get a new token from the game's backend and pass it with musubi_set_token; do that at TOKEN_ENDING (60 s before) from now on. If it is fresh: " +
		"the backend's or the server's clock is wrong.",
	"MUSUBI_ERR_TOO_MANY_SESSIONS": "A user has at most 4 links on a server. Is the game still running elsewhere, or are test accounts shared? " +
		"A crashed program's link ends by itself after 50 s of silence.",
	"MUSUBI_ERR_PRIVACY": "Both games must ask for the connection (musubi_peer_connect or accept), because somebody's privacy is MUSUBI_PRIVACY_CONSENT; of PUNCH: the pair stays relayed, " +
		"as somebody wished. Nothing is wrong.",

	"MUSUBI_ERR_REJECTED":      "The other game said no (musubi_peer_reject, text tells why), or it refused this player's identity certificate.",
	"MUSUBI_ERR_REMOTE_CLOSED": "Normal: the other player left or its game closed the connection.",
	"MUSUBI_ERR_HANDSHAKE":     "Try again. If it stays: the two games have different versions of the library, or the server lies about keys.",
	"MUSUBI_ERR_PROTOCOL":      "The other side runs another or a changed program. If it is yours in the same version, please report it with both sides' musubi_dump.",
	"MUSUBI_ERR_BAD_PASSWORD":  "Ask the player for the password again; it is compared letter for letter. A room without one takes none.",
	"MUSUBI_ERR_IDENTITY": "The other player must set a certificate of the game's backend, for its own key (musubi_identity) and user id, before it meets others. " +
		"A wrong clock makes a good one look expired. SECURITY.md has the steps.",
	"MUSUBI_ERR_PQ": "This game sets MUSUBI_CONFIG_REQUIRE_PQ; the other player's has an older library or sets MUSUBI_CONFIG_NO_PQ. Ship one version with one setting.",
}
