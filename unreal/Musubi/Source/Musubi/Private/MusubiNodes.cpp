#include "MusubiNodes.h"

#include "Engine/Engine.h"
#include "Engine/GameInstance.h"
#include "Engine/World.h"
#include "MusubiConvert.h"
#include "MusubiSubsystem.h"

/** The subsystem of the world that a node is in; nullptr and why. */
static UMusubiSubsystem* MusubiOfContext(const UObject* Context, FMusubiError& Error)
{
	const UWorld* World = GEngine != nullptr ? GEngine->GetWorldFromContextObject(Context, EGetWorldErrorMode::ReturnNull) : nullptr;
	UGameInstance* Game = World != nullptr ? World->GetGameInstance() : nullptr;
	UMusubiSubsystem* Musubi = Game != nullptr ? Game->GetSubsystem<UMusubiSubsystem>() : nullptr;
	if (Musubi == nullptr)
	{
		Error.Code = MUSUBI_ERR_HANDLE;
		Error.Sentence = TEXT("This node needs a running game: its World Context has no game instance.");
	}
	return Musubi;
}

UMusubiHostRoom* UMusubiHostRoom::HostRoom(UObject* WorldContextObject, int32 MaxPlayers)
{
	UMusubiHostRoom* Node = NewObject<UMusubiHostRoom>();
	Node->Context = WorldContextObject;
	Node->Players = MaxPlayers;
	Node->RegisterWithGameInstance(WorldContextObject);
	return Node;
}

void UMusubiHostRoom::Activate()
{
	FMusubiError Error;
	UMusubiSubsystem* Musubi = MusubiOfContext(Context, Error);
	if (Musubi == nullptr || !Musubi->HostRoom(Players, TArray<uint8>(), Error))
	{
		Finish(FString(), Error);
		return;
	}
	Musubi->OnHosted.AddDynamic(this, &UMusubiHostRoom::HandleHosted);
}

void UMusubiHostRoom::HandleHosted(const FString& Code, const FMusubiError& Error)
{
	FMusubiError Unused;
	if (UMusubiSubsystem* Musubi = MusubiOfContext(Context, Unused))
	{
		Musubi->OnHosted.RemoveDynamic(this, &UMusubiHostRoom::HandleHosted);
	}
	Finish(Code, Error);
}

void UMusubiHostRoom::Finish(const FString& Code, const FMusubiError& Error)
{
	(Error.IsError() ? Failed : Hosted).Broadcast(Code, Error);
	SetReadyToDestroy();
}

UMusubiJoinByCode* UMusubiJoinByCode::JoinByCode(UObject* WorldContextObject, const FString& Code, const FString& Password)
{
	UMusubiJoinByCode* Node = NewObject<UMusubiJoinByCode>();
	Node->Context = WorldContextObject;
	Node->RoomCode = Code;
	Node->RoomPassword = Password;
	Node->RegisterWithGameInstance(WorldContextObject);
	return Node;
}

void UMusubiJoinByCode::Activate()
{
	FMusubiError Error;
	UMusubiSubsystem* Musubi = MusubiOfContext(Context, Error);
	if (Musubi == nullptr || !Musubi->JoinWithPassword(RoomCode, RoomPassword, TArray<uint8>(), Error))
	{
		Finish(FMusubiPeer(), Error);
		return;
	}
	Musubi->OnJoined.AddDynamic(this, &UMusubiJoinByCode::HandleJoined);
}

void UMusubiJoinByCode::HandleJoined(const FMusubiPeer& Host, const FMusubiError& Error)
{
	FMusubiError Unused;
	if (UMusubiSubsystem* Musubi = MusubiOfContext(Context, Unused))
	{
		Musubi->OnJoined.RemoveDynamic(this, &UMusubiJoinByCode::HandleJoined);
	}
	Finish(Host, Error);
}

void UMusubiJoinByCode::Finish(const FMusubiPeer& Host, const FMusubiError& Error)
{
	(Error.IsError() ? Failed : Joined).Broadcast(Host, Error);
	SetReadyToDestroy();
}

TArray<uint8> UMusubiBytes::TextToBytes(const FString& Text)
{
	const FTCHARToUTF8 Narrow(*Text);
	return TArray<uint8>(reinterpret_cast<const uint8*>(Narrow.Get()), Narrow.Length());
}

FString UMusubiBytes::BytesToText(const TArray<uint8>& Bytes)
{
	return MusubiConvert::ToString(std::string_view(reinterpret_cast<const char*>(Bytes.GetData()), static_cast<size_t>(Bytes.Num())));
}
