#include "MusubiDatagramSocket.h"

#include "MusubiSession.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace MusubiCore
{

// --- addresses -------------------------------------------------------------------------------------------------------

constexpr std::string_view Prefix = "musubi.", HostWord = "host", PeerWord = "peer-";

static bool SameLetter(char A, char B)
{
	const auto Lower = [](char C) { return C >= 'A' && C <= 'Z' ? static_cast<char>(C + 'a' - 'A') : C; };
	return Lower(A) == Lower(B);
}

static bool StartsWith(std::string_view Text, std::string_view Start)
{
	return Text.size() >= Start.size() && std::equal(Start.begin(), Start.end(), Text.begin(), SameLetter);
}

bool IsMusubiHost(std::string_view Text)
{
	return StartsWith(Text, Prefix);
}

template <class Number>
static bool ParseNumber(std::string_view Text, int Base, Number& Out)
{
	const auto [End, Error] = std::from_chars(Text.data(), Text.data() + Text.size(), Out, Base);
	return Error == std::errc() && End == Text.data() + Text.size() && Out != 0;
}

bool ParseAddress(std::string_view Text, FAddress& Address)
{
	if (!IsMusubiHost(Text))
	{
		return false;
	}
	Text.remove_prefix(Prefix.size());
	FAddress Found;
	Found.Port = Address.Port;
	if (const size_t Colon = Text.find(':'); Colon != std::string_view::npos)
	{
		if (!ParseNumber(Text.substr(Colon + 1), 10, Found.Port))
		{
			return false;
		}
		Text = Text.substr(0, Colon);
	}
	if (StartsWith(Text, PeerWord))
	{
		if (!ParseNumber(Text.substr(PeerWord.size()), 16, Found.Peer))
		{
			return false;
		}
	}
	else if (Text.size() != HostWord.size() || !StartsWith(Text, HostWord))
	{
		const bool bGood = std::all_of(Text.begin(), Text.end(), [](char C) { return (C >= '0' && C <= '9') || (C >= 'a' && C <= 'z') || (C >= 'A' && C <= 'Z') || C == '-'; });
		if (Text.empty() || Text.size() >= sizeof Found.RoomCode || !bGood)
		{
			return false;
		}
		std::copy(Text.begin(), Text.end(), Found.RoomCode);
	}
	Address = Found;
	return true;
}

std::string ToText(const FAddress& Address, bool bWithPort)
{
	std::string Text(Prefix);
	if (Address.Peer != 0)
	{
		char Hex[16];
		Text += PeerWord;
		Text.append(Hex, std::to_chars(Hex, Hex + sizeof Hex, Address.Peer, 16).ptr);
	}
	else
	{
		Text += Address.RoomCode[0] != 0 ? std::string_view(Address.RoomCode) : HostWord;
	}
	if (bWithPort)
	{
		Text += ":" + std::to_string(Address.Port);
	}
	return Text;
}

// --- the socket ------------------------------------------------------------------------------------------------------

FDatagramSocket::~FDatagramSocket()
{
	Close();
}

ESocketResult FDatagramSocket::Bind(FSession& To, uint16_t WantedPort)
{
	Close();
	const uint16_t Given = To.Ports.Add(this, WantedPort);
	if (Given == 0)
	{
		return ESocketResult::InUse;
	}
	if (Ring == nullptr)
	{
		Ring.reset(new uint8_t[RingBytes]);
	}
	Session = &To;
	LocalPort = Given;
	Head = Tail = 0;
	return ESocketResult::Ok;
}

void FDatagramSocket::Close()
{
	if (Session != nullptr)
	{
		Session->Ports.Remove(this);
	}
	Session = nullptr;
	LocalPort = 0;
	HostPeer = 0;
	bUsesHost = false;
}

ESocketResult FDatagramSocket::SendTo(const FAddress& To, const void* Data, size_t Size)
{
	if (Session == nullptr)
	{
		return ESocketResult::Closed;
	}
	if (Size == 0 || Size > MaxDatagram || To.Port == 0)
	{
		return ESocketResult::TooLarge;
	}
	if (To.Peer == 0)
	{
		bUsesHost = true;
		const FPeer* Peer = HostPeer == 0 ? Session->FindPeer(Session->HostPeer()) : nullptr;
		if (Peer != nullptr && Peer->bConnected)
		{
			HostPeer = Peer->Id;
		}
	}
	const musubi_peer Peer = Resolve(To);
	if (Peer == 0)
	{
		Session->Ports.Drops.NoHost++; // the engine's handshake asks again every second
		return ESocketResult::Ok;
	}
	uint8_t Datagram[PortHeader + MaxDatagram];
	Datagram[0] = static_cast<uint8_t>(To.Port);
	Datagram[1] = static_cast<uint8_t>(To.Port >> 8);
	Datagram[2] = static_cast<uint8_t>(LocalPort);
	Datagram[3] = static_cast<uint8_t>(LocalPort >> 8);
	std::memcpy(Datagram + PortHeader, Data, Size);
	// The engine repeats what it misses; what could not leave for half a second is of no use to it any more.
	constexpr uint32_t Flags = MUSUBI_SEND_HIGH | MUSUBI_SEND_NO_WAKE | musubi::deadline(500);
	if (!Session->Library().send(Peer, musubi::Mode::unreliable, NetChannel, {Datagram, PortHeader + Size}, Flags))
	{
		Session->Ports.Drops.Refused++;
	}
	return ESocketResult::Ok;
}

ESocketResult FDatagramSocket::ReceiveFrom(void* Buffer, size_t Size, size_t& Read, FAddress& From)
{
	Read = 0;
	while (Head != Tail)
	{
		FEntry Entry;
		Copy(Head, &Entry, sizeof Entry);
		const uint32_t Data = Head + static_cast<uint32_t>(sizeof Entry);
		Head = Data + Entry.Size;
		if (Entry.Size > Size)
		{
			TooLong++; // longer than anything the engine sends: half of it would be of no use
			continue;
		}
		Copy(Data, Buffer, Entry.Size);
		Read = Entry.Size;
		From = FAddress();
		From.Peer = bUsesHost && Entry.Peer == HostPeer ? 0 : Entry.Peer;
		From.Port = Entry.Port;
		return ESocketResult::Ok;
	}
	return Session == nullptr ? ESocketResult::Closed : ESocketResult::NothingThere;
}

size_t FDatagramSocket::NextSize() const
{
	if (Head == Tail)
	{
		return 0;
	}
	FEntry Entry;
	Copy(Head, &Entry, sizeof Entry);
	return Entry.Size;
}

bool FDatagramSocket::Deliver(musubi_peer From, uint16_t FromPort, const uint8_t* Data, size_t Size)
{
	const FEntry Entry{From, FromPort, static_cast<uint16_t>(Size), 0};
	if (RingBytes - (Tail - Head) < sizeof Entry + Size)
	{
		return false;
	}
	Write(Tail, &Entry, sizeof Entry);
	Write(Tail + static_cast<uint32_t>(sizeof Entry), Data, Size);
	Tail += static_cast<uint32_t>(sizeof Entry + Size);
	return true;
}

void FDatagramSocket::Copy(uint32_t At, void* Out, size_t Size) const
{
	const uint32_t Start = At % RingBytes, First = static_cast<uint32_t>(std::min<size_t>(Size, RingBytes - Start));
	std::memcpy(Out, Ring.get() + Start, First);
	std::memcpy(static_cast<uint8_t*>(Out) + First, Ring.get(), Size - First);
}

void FDatagramSocket::Write(uint32_t At, const void* Data, size_t Size)
{
	const uint32_t Start = At % RingBytes, First = static_cast<uint32_t>(std::min<size_t>(Size, RingBytes - Start));
	std::memcpy(Ring.get() + Start, Data, First);
	std::memcpy(Ring.get(), static_cast<const uint8_t*>(Data) + First, Size - First);
}

} // namespace MusubiCore
