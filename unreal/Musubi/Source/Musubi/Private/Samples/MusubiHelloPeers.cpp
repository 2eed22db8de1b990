#include "Samples/MusubiHelloPeers.h"

#include "Engine/Engine.h"
#include "Engine/GameInstance.h"
#include "Engine/World.h"
#include "MusubiNodes.h"
#include "MusubiSubsystem.h"

FString AMusubiHelloPeers::CodeInThisProcess;

UMusubiSubsystem* AMusubiHelloPeers::Musubi() const
{
	return GetGameInstance() != nullptr ? GetGameInstance()->GetSubsystem<UMusubiSubsystem>() : nullptr;
}

void AMusubiHelloPeers::BeginPlay()
{
	Super::BeginPlay();
	UMusubiSubsystem* M = Musubi();
	if (M == nullptr)
	{
		return;
	}
	M->OnHosted.AddDynamic(this, &AMusubiHelloPeers::HandleHosted);
	M->OnJoined.AddDynamic(this, &AMusubiHelloPeers::HandleJoined);
	M->OnPeerConnected.AddDynamic(this, &AMusubiHelloPeers::HandleConnected);
	M->OnRouteChanged.AddDynamic(this, &AMusubiHelloPeers::HandleRoute);
	M->OnPeerClosed.AddDynamic(this, &AMusubiHelloPeers::HandleClosed);
	M->OnMessage.AddDynamic(this, &AMusubiHelloPeers::HandleMessage);

	const FString Code = JoinCode.IsEmpty() && bMeetInOneProcess ? CodeInThisProcess : JoinCode;
	FMusubiError Error;
	const bool bBegun = Code.IsEmpty() ? M->HostRoom(8, TArray<uint8>(), Error) : M->JoinByCode(Code, Error);
	Say(bBegun ? (Code.IsEmpty() ? FString(TEXT("Hosting ...")) : FString(TEXT("Joining ")) + Code) : Error.Sentence);
}

void AMusubiHelloPeers::EndPlay(const EEndPlayReason::Type Reason)
{
	if (UMusubiSubsystem* M = Musubi())
	{
		if (M->IsHost())
		{
			CodeInThisProcess = FString();
		}
		FMusubiError Ignored; // in no room: nothing to leave
		M->LeaveRoom(Ignored);
		M->OnHosted.RemoveAll(this);
		M->OnJoined.RemoveAll(this);
		M->OnPeerConnected.RemoveAll(this);
		M->OnRouteChanged.RemoveAll(this);
		M->OnPeerClosed.RemoveAll(this);
		M->OnMessage.RemoveAll(this);
	}
	Super::EndPlay(Reason);
}

void AMusubiHelloPeers::HandleHosted(const FString& Code, const FMusubiError& Error)
{
	if (Error.IsError())
	{
		Say(Error.Sentence);
		return;
	}
	CodeInThisProcess = Code;
	Say(FString(TEXT("Others join with the code ")) + Code);
}

void AMusubiHelloPeers::HandleJoined(const FMusubiPeer&, const FMusubiError& Error)
{
	Say(Error.IsError() ? Error.Sentence : FString(TEXT("Joined.")));
}

void AMusubiHelloPeers::HandleConnected(const FMusubiPeer& Peer)
{
	FMusubiError Error;
	if (!Musubi()->SendToPeer(Peer.Id, UMusubiBytes::TextToBytes(TEXT("hello")), EMusubiDelivery::ReliableOrdered, 0, Error))
	{
		Say(Error.Sentence);
	}
}

void AMusubiHelloPeers::HandleRoute(const FMusubiPeer& Peer, const FString& Why)
{
	Say(FString::Printf(TEXT("%s is now %s (%s)"), *Peer.UserId, Peer.Route > EMusubiRoute::Relay ? TEXT("direct") : TEXT("relayed"), *Why));
}

void AMusubiHelloPeers::HandleClosed(const FMusubiPeer& Peer, const FMusubiError& Error)
{
	Say(FString::Printf(TEXT("%s has gone. %s"), *Peer.UserId, *Error.Sentence));
}

void AMusubiHelloPeers::HandleMessage(int64 Peer, int32, const TArray<uint8>& Data)
{
	FMusubiPeer From;
	Musubi()->GetPeer(Peer, From);
	Say(FString::Printf(TEXT("%s says: %s"), *From.UserId, *UMusubiBytes::BytesToText(Data)));
}

void AMusubiHelloPeers::Say(const FString& Line) const
{
	UE_LOG(LogMusubi, Display, TEXT("HelloPeers: %s"), *Line);
	if (GEngine != nullptr)
	{
		constexpr int32 NewLine = -1;
		constexpr float Seconds = 30.0f;
		GEngine->AddOnScreenDebugMessage(NewLine, Seconds, FColor::Cyan, Line);
	}
}
