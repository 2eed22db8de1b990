#include "MusubiSubsystem.h"

#include "Engine/GameInstance.h"
#include "Engine/World.h"
#include "HAL/PlatformTime.h"
#include "Misc/App.h"
#include "Misc/CoreDelegates.h"
#include "MusubiCommands.h"
#include "MusubiConvert.h"
#include "MusubiModule.h"
#include "MusubiSettings.h"
#include "MusubiStats.h"

using namespace MusubiConvert;

// --- life ------------------------------------------------------------------------------------------------------------

void UMusubiSubsystem::Initialize(FSubsystemCollectionBase& Collection)
{
	Super::Initialize(Collection);
	const UMusubiSettings* Settings = GetDefault<UMusubiSettings>();
	Config.Server = ToUtf8(Settings->ServerAddress);
	Config.App = ToUtf8(Settings->GameName.IsEmpty() ? FString(FApp::GetProjectName()) : Settings->GameName);
	Config.Bind = ToUtf8(Settings->BindAddress);
	Config.PatienceSeconds = static_cast<double>(Settings->PatienceSeconds);
	Config.Flags = 0;
	if (Settings->bAcceptByHand)
	{
		Config.Flags |= MUSUBI_CONFIG_MANUAL_ACCEPT;
	}
	if (!Settings->bAskRouterForPort)
	{
		Config.Flags |= MUSUBI_CONFIG_NO_PORT_MAPPING;
	}
	Config.Privacy = static_cast<uint32>(Settings->Privacy);
	if (!MusubiCore::ParseHex(ToUtf8(Settings->AppKey), Config.AppKey))
	{
		Config.AppKey.assign(1, 0); // not hexadecimal: no session starts without the key that was asked for
	}
	Session.AddListener(this);
	BackgroundHandle = FCoreDelegates::ApplicationWillEnterBackgroundDelegate.AddUObject(this, &UMusubiSubsystem::HandleBackground);
	ForegroundHandle = FCoreDelegates::ApplicationHasEnteredForegroundDelegate.AddUObject(this, &UMusubiSubsystem::HandleForeground);
	FMusubiError Error;
	Start(Error);
}

void UMusubiSubsystem::Deinitialize()
{
	FCoreDelegates::ApplicationWillEnterBackgroundDelegate.Remove(BackgroundHandle);
	FCoreDelegates::ApplicationHasEnteredForegroundDelegate.Remove(ForegroundHandle);
	Session.RemoveListener(this); // nobody listens any more
	Session.Stop();
	Super::Deinitialize();
}

bool UMusubiSubsystem::Start(FMusubiError& Error)
{
	const musubi_api* Library = FMusubiModule::Get().GetLibrary(Error);
	StartedAt = FPlatformTime::Seconds();
	if (Library != nullptr)
	{
		Error = ToError(Session.Start(Library, Config));
	}
	StartError = Error;
	if (Error.IsError())
	{
		UE_LOG(LogMusubi, Error, TEXT("%s"), *Error.Sentence);
		return false;
	}
#if !UE_BUILD_SHIPPING
	const FString Network = GetDefault<UMusubiSettings>()->SimulatedNetwork;
	FMusubiError Simulated;
	if (!Network.IsEmpty() && !SimulateNetwork(Network, Simulated))
	{
		UE_LOG(LogMusubi, Warning, TEXT("Project Settings, Musubi, Simulated Network: %s"), *Simulated.Sentence);
	}
#endif
	return true;
}

void UMusubiSubsystem::Tick(float)
{
	Pump();
	CountStats();
}

void UMusubiSubsystem::Pump()
{
	SCOPE_CYCLE_COUNTER(STAT_MusubiPoll);
	Session.Pump(FPlatformTime::Seconds());
	if (Failure.IsError())
	{
		constexpr double Soon = 10; // seconds: what fails so quickly would do so again, each frame
		const FMusubiError Why = Failure;
		FMusubiError Error;
		Failure = FMusubiError();
		Session.Stop();
		if (FPlatformTime::Seconds() - StartedAt < Soon)
		{
			StartError = Why;
			return;
		}
		Start(Error);
	}
}

void UMusubiSubsystem::CountStats() const
{
#if STATS
	musubi::Totals Totals;
	if (Session.Library().stats(Totals))
	{
		const MusubiCore::FDropCounts& Drops = Session.Ports.Drops;
		INC_DWORD_STAT_BY(STAT_MusubiPeers, Totals.peers);
		INC_DWORD_STAT_BY(STAT_MusubiDirect, Totals.direct);
		INC_FLOAT_STAT_BY(STAT_MusubiSent, static_cast<float>(Totals.send_rate) / 1000.0f);
		INC_FLOAT_STAT_BY(STAT_MusubiReceived, static_cast<float>(Totals.receive_rate) / 1000.0f);
		INC_DWORD_STAT_BY(STAT_MusubiQueued, static_cast<uint32>(Totals.queued_bytes));
		INC_DWORD_STAT_BY(STAT_MusubiDropped, static_cast<uint32>(Drops.Malformed + Drops.NoSocket + Drops.Full + Drops.NoHost + Drops.Refused));
	}
#endif
}

ETickableTickType UMusubiSubsystem::GetTickableTickType() const
{
	return IsTemplate() ? ETickableTickType::Never : ETickableTickType::Always;
}

UWorld* UMusubiSubsystem::GetTickableGameObjectWorld() const
{
	return GetGameInstance() != nullptr ? GetGameInstance()->GetWorld() : nullptr;
}

TStatId UMusubiSubsystem::GetStatId() const
{
	RETURN_QUICK_DECLARE_CYCLE_STAT(UMusubiSubsystem, STATGROUP_Tickables);
}

void UMusubiSubsystem::HandleBackground()
{
	constexpr uint32 TenMinutes = 600000; // the library's longest
	Session.Library().suspend(TenMinutes).ignore();
}

void UMusubiSubsystem::HandleForeground()
{
	Session.Library().resume().ignore();
}

// --- calls -----------------------------------------------------------------------------------------------------------

bool UMusubiSubsystem::Done(const MusubiCore::FError& Error, FMusubiError& Out) const
{
	// Why the session does not run at all tells more than that it doesn't.
	Out = Error.Code == MUSUBI_ERR_HANDLE && StartError.IsError() ? StartError : ToError(Error);
	return !Out.IsError();
}

bool UMusubiSubsystem::HostRoom(int32 MaxPlayers, const TArray<uint8>& Data, FMusubiError& Error)
{
	return Done(Session.Host(static_cast<uint32>(MaxPlayers), ToView(Data)), Error);
}

bool UMusubiSubsystem::JoinByCode(const FString& Code, FMusubiError& Error)
{
	return Done(Session.Join(ToUtf8(Code)), Error);
}

bool UMusubiSubsystem::ConnectToServer(FMusubiError& Error)
{
	return Done(MusubiCore::ErrorOf(Session.Library().connect(), "connect to the server"), Error);
}

bool UMusubiSubsystem::LeaveRoom(FMusubiError& Error)
{
	return Done(Session.Leave(), Error);
}

bool UMusubiSubsystem::SetRoomData(const TArray<uint8>& Data, FMusubiError& Error)
{
	return Done(MusubiCore::ErrorOf(Session.Library().room_set_data(ToView(Data)), "change the room's data"), Error);
}

// The rest of rooms and the lobby: MusubiSubsystemLobby.cpp.

bool UMusubiSubsystem::HostLan(int32 MaxPlayers, const TArray<uint8>& Data, FMusubiError& Error)
{
	return Done(Session.HostLan(static_cast<uint32>(MaxPlayers), ToView(Data)), Error);
}

bool UMusubiSubsystem::BrowseLan(bool bOn, FMusubiError& Error)
{
	return Done(MusubiCore::ErrorOf(Session.Library().lan_browse(bOn), "look for hosts in the local network"), Error);
}

bool UMusubiSubsystem::JoinLan(const FString& Address, const FString& Code, FMusubiError& Error)
{
	return Done(Session.JoinLan(ToUtf8(Address), ToUtf8(Code)), Error);
}

FString UMusubiSubsystem::GetRoomCode() const
{
	return ToString(Session.RoomCode());
}

FString UMusubiSubsystem::GetHostUrl() const
{
	return Session.InRoom() && !Session.IsHost() ? FString(TEXT("musubi.")) + GetRoomCode() : FString();
}

TArray<FMusubiPeer> UMusubiSubsystem::GetPeers() const
{
	TArray<FMusubiPeer> All;
	for (const MusubiCore::FPeer& Peer : Session.Peers())
	{
		All.Add(Convert(Peer));
	}
	return All;
}

bool UMusubiSubsystem::GetPeer(int64 Peer, FMusubiPeer& Found) const
{
	Found = Find(static_cast<musubi_peer>(Peer));
	return Session.FindPeer(static_cast<musubi_peer>(Peer)) != nullptr;
}

bool UMusubiSubsystem::GetPeerStats(int64 Peer, FMusubiStats& Stats, FMusubiError& Error) const
{
	musubi::Stats Figures;
	Stats = FMusubiStats();
	if (!Done(MusubiCore::ErrorOf(Session.Library().peer_stats(static_cast<musubi_peer>(Peer), Figures), "read a player's statistics"), Error))
	{
		return false;
	}
	Stats.Route = static_cast<EMusubiRoute>(Figures.route);
	Stats.RttMs = static_cast<float>(Figures.rtt_us) / 1000.0f;
	Stats.JitterMs = static_cast<float>(Figures.jitter_us) / 1000.0f;
	Stats.LossOutPercent = static_cast<float>(Figures.loss_out_ppm) / 10000.0f;
	Stats.LossInPercent = static_cast<float>(Figures.loss_in_ppm) / 10000.0f;
	Stats.SendKBps = static_cast<float>(Figures.send_rate) / 1000.0f;
	Stats.ReceiveKBps = static_cast<float>(Figures.receive_rate) / 1000.0f;
	Stats.QueuedBytes = static_cast<int64>(Figures.queued_bytes);
	Stats.QueueMs = static_cast<float>(Figures.queue_us) / 1000.0f;
	Stats.RouteChanges = static_cast<int32>(Figures.route_changes);
	return true;
}

bool UMusubiSubsystem::SendToPeer(int64 Peer, const TArray<uint8>& Data, EMusubiDelivery Delivery, int32 Channel, FMusubiError& Error)
{
	return Done(Session.Send(static_cast<musubi_peer>(Peer), static_cast<musubi::Mode>(Delivery), static_cast<uint32>(Channel), ToView(Data)), Error);
}

bool UMusubiSubsystem::SendToAll(const TArray<uint8>& Data, EMusubiDelivery Delivery, int32 Channel, FMusubiError& Error)
{
	return Done(Session.Broadcast(static_cast<musubi::Mode>(Delivery), static_cast<uint32>(Channel), ToView(Data)), Error);
}

bool UMusubiSubsystem::ClosePeer(int64 Peer, int32 Code, const FString& Sentence, FMusubiError& Error)
{
	return Done(MusubiCore::ErrorOf(Session.Library().peer_close(static_cast<musubi_peer>(Peer), Code, ToUtf8(Sentence).c_str()), "close a connection"), Error);
}

bool UMusubiSubsystem::AcceptPeer(int64 Peer, FMusubiError& Error)
{
	return Done(MusubiCore::ErrorOf(Session.Library().peer_accept(static_cast<musubi_peer>(Peer)), "accept a player"), Error);
}

bool UMusubiSubsystem::RejectPeer(int64 Peer, const FString& Sentence, FMusubiError& Error)
{
	return Done(MusubiCore::ErrorOf(Session.Library().peer_reject(static_cast<musubi_peer>(Peer), ToUtf8(Sentence).c_str()), "reject a player"), Error);
}

bool UMusubiSubsystem::TryDirectAgain(int64 Peer, FMusubiError& Error)
{
	return Done(MusubiCore::ErrorOf(Session.Library().peer_punch(static_cast<musubi_peer>(Peer)), "try the direct way"), Error);
}

bool UMusubiSubsystem::UseServer(const FString& ServerAddress, const FString& UserId, const TArray<uint8>& Token, FMusubiError& Error)
{
	Session.Stop();
	Config.Server = ToUtf8(ServerAddress);
	Config.UserId = ToUtf8(UserId);
	Config.Token.assign(Token.GetData(), Token.GetData() + Token.Num());
	return Start(Error);
}

bool UMusubiSubsystem::IsRunning(FMusubiError& Error) const
{
	Error = StartError;
	return Session.IsRunning();
}

bool UMusubiSubsystem::SimulateNetwork(const FString& Words, FMusubiError& Error)
{
	MusubiCore::FSimulationWish Wish;
	MusubiCore::FError Why = MusubiCore::ParseSimulation(ToUtf8(Words), Wish);
	if (!Why)
	{
		Why = MusubiCore::Simulate(Session, Wish);
	}
	return Done(Why, Error);
}

FString UMusubiSubsystem::DescribeState() const
{
	return StartError.IsError() ? StartError.Sentence : ToString(MusubiCore::Status(Session));
}

FMusubiPeer UMusubiSubsystem::Convert(const MusubiCore::FPeer& Peer) const
{
	FMusubiPeer Out;
	Out.Id = static_cast<int64>(Peer.Id);
	Out.UserId = ToString(Peer.UserId);
	Out.bConnected = Peer.bConnected;
	Out.bInterrupted = Peer.bInterrupted;
	Out.bHost = Peer.Id != 0 && Peer.Id == Session.HostPeer();
	Out.Route = static_cast<EMusubiRoute>(Peer.Route);
	return Out;
}

FMusubiPeer UMusubiSubsystem::Find(musubi_peer Peer) const
{
	const MusubiCore::FPeer* Found = Session.FindPeer(Peer);
	return Found != nullptr ? Convert(*Found) : FMusubiPeer();
}
