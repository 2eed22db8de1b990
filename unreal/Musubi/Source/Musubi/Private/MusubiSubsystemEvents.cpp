// What Blueprints and C++ are told of.
#include "MusubiConvert.h"
#include "MusubiSubsystem.h"

using namespace MusubiConvert;

void UMusubiSubsystem::HostEnded(const MusubiCore::FError& Error, std::string_view Code)
{
	OnHosted.Broadcast(ToString(Code), ToError(Error));
}

void UMusubiSubsystem::JoinEnded(const MusubiCore::FError& Error, musubi_peer Host)
{
	OnJoined.Broadcast(Find(Host), ToError(Error));
}

void UMusubiSubsystem::ServerConnected(std::string_view UserId)
{
	OnServerConnected.Broadcast(ToString(UserId));
}

void UMusubiSubsystem::ServerLost(const MusubiCore::FError& Error)
{
	UE_LOG(LogMusubi, Warning, TEXT("The server is lost: %s (%d)"), *ToString(Error.Sentence), Error.Code);
	OnServerLost.Broadcast(ToError(Error));
}

void UMusubiSubsystem::RoomJoined(std::string_view Code)
{
	UE_LOG(LogMusubi, Log, TEXT("In room %s"), *ToString(Code));
	OnRoomJoined.Broadcast(ToString(Code));
}

void UMusubiSubsystem::RoomLeft(const MusubiCore::FError& Error)
{
	OnRoomLeft.Broadcast(ToError(Error));
}

void UMusubiSubsystem::RoomDataChanged(musubi::View Data, uint32_t, bool)
{
	OnRoomData.Broadcast(ToBytes(Data));
}

void UMusubiSubsystem::MemberJoined(const MusubiCore::FPeer& Peer)
{
	OnMemberJoined.Broadcast(Convert(Peer));
}

void UMusubiSubsystem::MemberLeft(const MusubiCore::FPeer& Peer, const MusubiCore::FError& Error)
{
	OnMemberLeft.Broadcast(Convert(Peer), ToError(Error));
}

void UMusubiSubsystem::HostChanged(musubi_peer Host)
{
	OnHostChanged.Broadcast(Find(Host));
}

void UMusubiSubsystem::PeerRequested(const MusubiCore::FPeer& Peer, musubi::View Data)
{
	OnPeerRequest.Broadcast(Convert(Peer), ToBytes(Data));
}

void UMusubiSubsystem::PeerConnected(const MusubiCore::FPeer& Peer)
{
	OnPeerConnected.Broadcast(Convert(Peer));
}

void UMusubiSubsystem::PeerClosed(const MusubiCore::FPeer& Peer, const MusubiCore::FError& Error, uint64_t)
{
	OnPeerClosed.Broadcast(Convert(Peer), ToError(Error));
}

void UMusubiSubsystem::RouteChanged(const MusubiCore::FPeer& Peer, std::string_view Why)
{
	UE_LOG(LogMusubi, Log, TEXT("%s: now %s (%s)"), *ToString(Peer.UserId), *ToString(MusubiCore::RouteName(Peer.Route)), *ToString(Why));
	OnRouteChanged.Broadcast(Convert(Peer), ToString(Why));
}

void UMusubiSubsystem::PeerInterrupted(const MusubiCore::FPeer& Peer, std::string_view Why)
{
	OnPeerInterrupted.Broadcast(Convert(Peer), ToString(Why));
}

void UMusubiSubsystem::PeerRecovered(const MusubiCore::FPeer& Peer)
{
	OnPeerRecovered.Broadcast(Convert(Peer));
}

void UMusubiSubsystem::MessageArrived(musubi_peer Peer, uint32_t Channel, musubi::Mode, musubi::View Data)
{
	OnRawMessage.Broadcast(static_cast<int64>(Peer), static_cast<int32>(Channel), TArrayView<const uint8>(Data.data(), static_cast<int32>(Data.size())));
	if (OnMessage.IsBound()) // the copy is for Blueprints only
	{
		OnMessage.Broadcast(static_cast<int64>(Peer), static_cast<int32>(Channel), ToBytes(Data));
	}
}

void UMusubiSubsystem::Writable(musubi_peer Peer)
{
	if (OnWritable.IsBound()) // replication's refused datagrams bring it too, and nobody waits for it there
	{
		OnWritable.Broadcast(Find(Peer));
	}
}

void UMusubiSubsystem::MessagesDropped(uint64_t Count)
{
	UE_LOG(LogMusubi, Warning, TEXT("%llu unreliable messages were dropped because the game did not tick for a long time"), static_cast<unsigned long long>(Count));
}

void UMusubiSubsystem::NatProfiled(std::string_view Summary)
{
	UE_LOG(LogMusubi, Log, TEXT("NAT: %s"), *ToString(Summary));
}

void UMusubiSubsystem::LanHostFound(std::string_view Address, musubi::View Data, uint32_t Members, uint32_t Most)
{
	FMusubiLanHost Host;
	Host.Address = ToString(Address);
	Host.Data = ToBytes(Data);
	Host.Members = static_cast<int32>(Members);
	Host.MaxMembers = static_cast<int32>(Most);
	OnLanHostFound.Broadcast(Host);
}

void UMusubiSubsystem::LanHostLost(std::string_view Address)
{
	OnLanHostLost.Broadcast(ToString(Address));
}

void UMusubiSubsystem::Logged(int32_t Level, std::string_view Text)
{
	switch (Level)
	{
	case 0: UE_LOG(LogMusubi, Verbose, TEXT("%s"), *ToString(Text)); break;
	case 1: UE_LOG(LogMusubi, Log, TEXT("%s"), *ToString(Text)); break;
	case 2: UE_LOG(LogMusubi, Warning, TEXT("%s"), *ToString(Text)); break;
	default: UE_LOG(LogMusubi, Error, TEXT("%s"), *ToString(Text)); break;
	}
}

void UMusubiSubsystem::Failed(const MusubiCore::FError& Error)
{
	UE_LOG(LogMusubi, Error, TEXT("Musubi stopped itself: %s"), *ToString(Error.Sentence));
	Failure = ToError(Error); // Pump goes on with it: here the session handles the event
	OnFailed.Broadcast(ToError(Error));
}
