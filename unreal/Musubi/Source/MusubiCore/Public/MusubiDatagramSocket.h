// A datagram socket of the engine over a session: what FMusubiSocket forwards to. Nothing is allocated for a datagram: it waits
// in a ring that is made when the socket is bound.
//
// Addresses. A client can't know its host's peer number before it has joined, and the engine wants the address at once. So peer 0
// means "the host of the room" and the socket that sent there finds out who that is when it is connected, remembers it until
// it closes, and hands out what comes from there as coming from peer 0: sender and receiver of a connection always compare equal.
#pragma once

#include "MusubiPortSwitch.h"

#include <memory>

namespace MusubiCore
{

/** Where a datagram goes or comes from. */
struct FAddress
{
	musubi_peer Peer = 0;   // 0: the room's host
	uint16_t Port = 0;      // virtual; 0: none
	char RoomCode[17] = {}; // of "musubi.CODE": for joining and for people; not compared

	bool operator==(const FAddress& Other) const { return Peer == Other.Peer && Port == Other.Port; }
	bool operator!=(const FAddress& Other) const { return !(*this == Other); }
};

/** "musubi.E4K7Q2XM", "musubi.host" (of the room that this player is in), "musubi.peer-1f" and each with ":port"; false: none
 *  of them, and the address is as it was. Without a port it keeps the one it has. */
MUSUBICORE_API bool ParseAddress(std::string_view Text, FAddress& Address);
MUSUBICORE_API std::string ToText(const FAddress& Address, bool bWithPort);
/** Does the text begin with "musubi."? Such a host is ours, well formed or not. */
MUSUBICORE_API bool IsMusubiHost(std::string_view Text);

enum class ESocketResult : uint8_t
{
	Ok,
	NothingThere, // receive: try again later
	TooLarge,     // send: over MaxDatagram, or nothing
	InUse,        // bind: another socket has the port
	Closed        // not bound, closed, or the session ended
};

class MUSUBICORE_API FDatagramSocket
{
public:
	FDatagramSocket() = default;
	~FDatagramSocket();
	FDatagramSocket(const FDatagramSocket&) = delete;
	FDatagramSocket& operator=(const FDatagramSocket&) = delete;

	/** Port 0: a fresh one. */
	ESocketResult Bind(FSession& To, uint16_t WantedPort);
	void Close();
	bool IsOpen() const { return Session != nullptr; }
	uint16_t Port() const { return LocalPort; } // 0: not bound

	/** Unreliable: what can't be sent now is dropped and counted, which is Ok as it is on any network. */
	ESocketResult SendTo(const FAddress& To, const void* Data, size_t Size);
	/** What does not fit the buffer is skipped and counted. */
	ESocketResult ReceiveFrom(void* Buffer, size_t Size, size_t& Read, FAddress& From);
	size_t NextSize() const; // of the datagram that ReceiveFrom gives next; 0: none

	uint64_t TooLong = 0; // datagrams that were skipped

	musubi_peer Host() const { return HostPeer; } // whom peer 0 means; 0: not known yet
	/** Who is the peer of an address, as this socket has resolved it. */
	musubi_peer Resolve(const FAddress& Address) const { return Address.Peer != 0 ? Address.Peer : HostPeer; }

private:
	friend class FPortSwitch;

	static constexpr uint32_t RingBytes = 256 * 1024; // a quarter of a second at 8 Mbit/s

	struct FEntry
	{
		musubi_peer Peer;
		uint16_t Port;
		uint16_t Size;
		uint32_t Padding;
	};
	static_assert(sizeof(FEntry) == 16, "entries lie in the ring as they are");

	bool Deliver(musubi_peer From, uint16_t FromPort, const uint8_t* Data, size_t Size);
	void Copy(uint32_t At, void* Out, size_t Size) const;
	void Write(uint32_t At, const void* Data, size_t Size);

	FSession* Session = nullptr; // let go by FPortSwitch::Detach when the session ends
	std::unique_ptr<uint8_t[]> Ring;
	uint32_t Head = 0, Tail = 0; // positions that only grow and wrap at 2^32; a multiple of RingBytes
	musubi_peer HostPeer = 0;
	bool bUsesHost = false;
	uint16_t LocalPort = 0;
};

} // namespace MusubiCore
