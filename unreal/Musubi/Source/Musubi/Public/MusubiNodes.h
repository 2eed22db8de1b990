// The two latent nodes, Host Room and Join By Code, and bytes for Blueprints.
#pragma once

#include "CoreMinimal.h"
#include "Kismet/BlueprintAsyncActionBase.h"
#include "Kismet/BlueprintFunctionLibrary.h"
#include "MusubiTypes.h"

#include "MusubiNodes.generated.h"

class UMusubiSubsystem;

DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiHostRoomPin, const FString&, Code, const FMusubiError&, Error);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiJoinByCodePin, const FMusubiPeer&, Host, const FMusubiError&, Error);

/** Makes a room and goes on at one of two pins, exactly once. */
UCLASS()
class MUSUBI_API UMusubiHostRoom : public UBlueprintAsyncActionBase
{
	GENERATED_BODY()

public:
	/** Makes a room, connecting to the server first. Hosted: Code is what the others join by. Failed: Error says why.
	 *  MaxPlayers counts this one, 2 to 64. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms", meta = (BlueprintInternalUseOnly = "true", WorldContext = "WorldContextObject", DisplayName = "Host Room"))
	static UMusubiHostRoom* HostRoom(UObject* WorldContextObject, int32 MaxPlayers = 16);

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiHostRoomPin Hosted;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiHostRoomPin Failed;

	virtual void Activate() override;

private:
	UFUNCTION()
	void HandleHosted(const FString& Code, const FMusubiError& Error);

	void Finish(const FString& Code, const FMusubiError& Error);

	UPROPERTY()
	TObjectPtr<UObject> Context;

	int32 Players = 0;
};

/** Enters a room by its code and goes on at one of two pins, exactly once. */
UCLASS()
class MUSUBI_API UMusubiJoinByCode : public UBlueprintAsyncActionBase
{
	GENERATED_BODY()

public:
	/** Enters a room and connects to its host. Password: the room's, empty for none. Joined: messages may be sent to Host, or replication opened with Open Level and
	 *  Get Host Url. Failed: Error says why. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms", meta = (BlueprintInternalUseOnly = "true", WorldContext = "WorldContextObject", DisplayName = "Join By Code", AutoCreateRefTerm = "Password"))
	static UMusubiJoinByCode* JoinByCode(UObject* WorldContextObject, const FString& Code, const FString& Password);

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiJoinByCodePin Joined;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiJoinByCodePin Failed;

	virtual void Activate() override;

private:
	UFUNCTION()
	void HandleJoined(const FMusubiPeer& Host, const FMusubiError& Error);

	void Finish(const FMusubiPeer& Host, const FMusubiError& Error);

	UPROPERTY()
	TObjectPtr<UObject> Context;

	FString RoomCode, RoomPassword;
};

/** Texts as the bytes of messages. */
UCLASS()
class MUSUBI_API UMusubiBytes : public UBlueprintFunctionLibrary
{
	GENERATED_BODY()

public:
	/** A text as UTF-8. */
	UFUNCTION(BlueprintPure, Category = "Musubi|Messages", meta = (DisplayName = "Text To Bytes"))
	static TArray<uint8> TextToBytes(const FString& Text);

	/** UTF-8 as a text; what is not UTF-8 becomes question marks. */
	UFUNCTION(BlueprintPure, Category = "Musubi|Messages", meta = (DisplayName = "Bytes To Text"))
	static FString BytesToText(const TArray<uint8>& Bytes);
};
