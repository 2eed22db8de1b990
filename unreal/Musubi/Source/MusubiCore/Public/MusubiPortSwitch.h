// Virtual ports: several sockets of the engine share the one connection that a pair of players has. The game's net driver
// listens on one port, a beacon on another, and each client socket takes a fresh one, so that what is still under way for the
// driver before a travel never reaches the one after it.
//
// A datagram is one unreliable message on NetChannel:
//
//      0               2               4
//     | to port, LE    | from port, LE | payload, 1 to MaxDatagram bytes |
//
// Whatever else comes on that channel is dropped and counted: the other side may be anything.
#pragma once

#include "MusubiCoreTypes.h"

#include <vector>

namespace MusubiCore
{

class FDatagramSocket;
class FSession;

constexpr size_t PortHeader = 4;       // bytes
constexpr size_t MaxDatagram = 2048;   // bytes of payload; the engine's packets are at most 1024
constexpr uint16_t FirstFreePort = 49152; // the dynamic range of RFC 6335

/** What was dropped, by reason. */
struct FDropCounts
{
	uint64_t Malformed = 0; // no header, no payload, too long, or not unreliable
	uint64_t NoSocket = 0;  // nobody has that port: before listening, after closing
	uint64_t Full = 0;      // the socket's ring was full: nobody read
	uint64_t NoHost = 0;    // sent before the host was connected
	uint64_t Refused = 0;   // the library did not take it: no connection, or its queue is full
};

class MUSUBICORE_API FPortSwitch
{
public:
	FPortSwitch() = default;
	FPortSwitch(const FPortSwitch&) = delete;
	FPortSwitch& operator=(const FPortSwitch&) = delete;

	/** Hands a datagram to the socket that has its port. */
	void Receive(musubi_peer From, musubi::Mode Mode, musubi::View Data);

	/** Lets all sockets go; they stay objects of their owners and say closed. */
	void Detach();

	FDropCounts Drops;

private:
	friend class FDatagramSocket;

	/** 0: a port that was not used for as long as possible. Returns it, or 0 if it is taken. */
	uint16_t Add(FDatagramSocket* Socket, uint16_t Port);
	void Remove(FDatagramSocket* Socket);
	FDatagramSocket* Find(uint16_t Port) const;

	std::vector<FDatagramSocket*> Sockets; // a handful
	uint16_t NextFree = FirstFreePort;
};

} // namespace MusubiCore
