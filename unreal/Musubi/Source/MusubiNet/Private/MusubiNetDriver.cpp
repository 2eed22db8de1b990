#include "MusubiNetDriver.h"

#include "Engine/Engine.h"
#include "Engine/GameInstance.h"
#include "Engine/NetConnection.h"
#include "Engine/World.h"
#include "HAL/PlatformTime.h"
#include "MusubiConvert.h"
#include "MusubiInternetAddr.h"
#include "MusubiSocket.h"
#include "MusubiSubsystem.h"
#include "SocketSubsystem.h"

using MusubiConvert::ToString;
using MusubiConvert::ToUtf8;
using MusubiCore::EDriverRoute;

bool UMusubiNetDriver::InitConnectionClass()
{
	// An ini that names the engine's own class, or none, would give connections that resolve codes as host names.
	if (NetConnectionClassName.IsEmpty() || NetConnectionClassName.Contains(TEXT("IpConnection")))
	{
		NetConnectionClassName = TEXT("/Script/MusubiNet.MusubiNetConnection");
	}
	return Super::InitConnectionClass();
}

ISocketSubsystem* UMusubiNetDriver::GetSocketSubsystem()
{
	return ISocketSubsystem::Get(IsOverMusubi() ? MusubiProtocol : PLATFORM_SOCKETSUBSYSTEM);
}

/** The subsystem of this driver's window. A client that connects has no world yet; the engine knows its context. */
UMusubiSubsystem* UMusubiNetDriver::FindMusubi() const
{
	UGameInstance* Game = GetWorld() != nullptr ? GetWorld()->GetGameInstance() : nullptr;
	if (Game == nullptr && GEngine != nullptr)
	{
		if (const FWorldContext* Context = GEngine->GetWorldContextFromPendingNetGameNetDriver(this))
		{
			Game = Context->OwningGameInstance;
		}
	}
	return Game != nullptr ? Game->GetSubsystem<UMusubiSubsystem>() : nullptr;
}

FMusubiSocket* UMusubiNetDriver::MakeSocket(const TCHAR* Description)
{
	FUniqueSocket Made = GetSocketSubsystem()->CreateUniqueSocket(NAME_DGram, FString(Description), MusubiProtocol);
	FMusubiSocket* Raw = static_cast<FMusubiSocket*>(Made.Get());
	MusubiSocket = TSharedPtr<FSocket>(Made.Release(), FSocketDeleter(Made.GetDeleter()));
	return Raw;
}

bool UMusubiNetDriver::Refuse(const MusubiCore::FError& Why, FString& Error)
{
	Error = FString::Printf(TEXT("%s (Musubi %d)"), *ToString(Why.Sentence), Why.Code);
	UE_LOG(LogMusubi, Warning, TEXT("%s: %s"), *GetName(), *Error);
	Logic.Close();
	MusubiSocket.Reset();
	return false;
}

bool UMusubiNetDriver::InitBase(bool bInitAsClient, FNetworkNotify* InNotify, const FURL& URL, bool bReuseAddressAndPort, FString& Error)
{
	if (!IsOverMusubi())
	{
		return Super::InitBase(bInitAsClient, InNotify, URL, bReuseAddressAndPort, Error);
	}
	// UIpNetDriver's would make sockets of addresses of this machine; ours is bound already, to a session.
	if (!UNetDriver::InitBase(bInitAsClient, InNotify, URL, bReuseAddressAndPort, Error))
	{
		return false;
	}
	LocalAddr = GetSocketSubsystem()->CreateInternetAddr();
	LocalAddr->SetPort(MusubiSocket->GetPortNo());
	return true;
}

bool UMusubiNetDriver::InitConnect(FNetworkNotify* InNotify, const FURL& ConnectURL, FString& Error)
{
	const std::string Host = ToUtf8(ConnectURL.Host);
	Route = MusubiCore::ChooseRoute(true, Host, false, nullptr);
	if (!IsOverMusubi())
	{
		return Super::InitConnect(InNotify, ConnectURL, Error);
	}
	UMusubiSubsystem* Musubi = FindMusubi();
	if (Musubi == nullptr)
	{
		return Refuse({MUSUBI_ERR_HANDLE, "This net driver belongs to no game instance, so there is no Musubi session to connect with."}, Error);
	}
	FMusubiSocket* Made = MakeSocket(TEXT("Musubi client"));
	if (const MusubiCore::FError Why = Logic.Connect(Musubi->GetSession(), Host, Made->Datagrams))
	{
		return Refuse(Why, Error);
	}
	SetSocketAndLocalAddress(MusubiSocket);
	return Super::InitConnect(InNotify, ConnectURL, Error);
}

bool UMusubiNetDriver::InitListen(FNetworkNotify* InNotify, FURL& ListenURL, bool bReuseAddressAndPort, FString& Error)
{
	UMusubiSubsystem* Musubi = FindMusubi();
	const bool bWanted = ListenURL.HasOption(TEXT("musubi"));
	Route = MusubiCore::ChooseRoute(false, "", bWanted, Musubi != nullptr ? &Musubi->GetSession() : nullptr);
	if (!IsOverMusubi())
	{
		UE_LOG(LogMusubi, Log, TEXT("%s listens on plain IP: this player is in no room. Host a room first, or add ?musubi to the URL."), *GetName());
		return Super::InitListen(InNotify, ListenURL, bReuseAddressAndPort, Error);
	}
	if (Musubi == nullptr)
	{
		return Refuse({MUSUBI_ERR_HANDLE, "This net driver belongs to no game instance, so there is no Musubi session to listen with."}, Error);
	}
	FMusubiSocket* Made = MakeSocket(TEXT("Musubi server"));
	if (const MusubiCore::FError Why = Logic.Listen(Musubi->GetSession(), static_cast<uint16>(ListenURL.Port), bWanted, Made->Datagrams))
	{
		return Refuse(Why, Error);
	}
	SetSocketAndLocalAddress(MusubiSocket);
	return Super::InitListen(InNotify, ListenURL, bReuseAddressAndPort, Error);
}

void UMusubiNetDriver::TickDispatch(float DeltaTime)
{
	if (MusubiCore::FSession* Session = Logic.Session())
	{
		Session->Pump(FPlatformTime::Seconds()); // what came since the last frame is read in this one
	}
	Super::TickDispatch(DeltaTime);
	if (IsOverMusubi())
	{
		CloseWhatEnded();
	}
}

void UMusubiNetDriver::TickFlush(float DeltaSeconds)
{
	Super::TickFlush(DeltaSeconds);
	if (const MusubiCore::FSession* Session = Logic.Session())
	{
		Session->Flush();
	}
}

/** Connections whose player has gone end now, with its reason, instead of after the engine's time-out. */
void UMusubiNetDriver::CloseWhatEnded()
{
	MusubiCore::FError Why;
	musubi_peer Peer = 0;
	while (Logic.TakeClosedPeer(Peer, Why))
	{
		for (int32 Index = ClientConnections.Num() - 1; Index >= 0; Index--)
		{
			UNetConnection* Connection = ClientConnections[Index];
			const TSharedPtr<const FInternetAddr> Remote = Connection->GetRemoteAddr();
			if (Remote.IsValid() && FMusubiInternetAddr::IsOurs(*Remote) && static_cast<const FMusubiInternetAddr&>(*Remote).Address.Peer == Peer)
			{
				UE_LOG(LogMusubi, Log, TEXT("%s: a player has gone: %s (%d)"), *GetName(), *ToString(Why.Sentence), Why.Code);
				Connection->Close();
			}
		}
	}
	if (Logic.TakeFailure(Why))
	{
		const bool bPending = GetWorld() == nullptr;
		const FString Sentence = FString::Printf(TEXT("%s (Musubi %d)"), *ToString(Why.Sentence), Why.Code);
		UNetConnection* Connection = ServerConnection;
		if (GEngine != nullptr)
		{
			GEngine->BroadcastNetworkFailure(GetWorld(), this, bPending ? ENetworkFailure::PendingConnectionFailure : ENetworkFailure::ConnectionLost, Sentence);
		}
		if (Connection != nullptr)
		{
			Connection->Close();
		}
	}
}

void UMusubiNetDriver::LowLevelDestroy()
{
	if (const MusubiCore::FSession* Session = Logic.Session())
	{
		Session->Flush(); // the engine's farewell
	}
	Logic.Close();
	Super::LowLevelDestroy();
	MusubiSocket.Reset();
}
