// Project Settings > Plugins > Musubi.
#pragma once

#include "CoreMinimal.h"
#include "Engine/DeveloperSettings.h"
#include "MusubiTypes.h"

#include "MusubiSettings.generated.h"

UCLASS(Config = Game, DefaultConfig, meta = (DisplayName = "Musubi"))
class MUSUBI_API UMusubiSettings : public UDeveloperSettings
{
	GENERATED_BODY()

public:
	/** The server, as `musubi server` prints it: musubi://host:3478/#key. Empty: local network only. */
	UPROPERTY(Config, EditAnywhere, BlueprintReadOnly, Category = "Server")
	FString ServerAddress;

	/** The game's name, at most 64 bytes: players of different games never meet. Empty: the project's name. */
	UPROPERTY(Config, EditAnywhere, BlueprintReadOnly, Category = "Server")
	FString GameName;

	/** Seconds that Host Room and Join By Code wait for their outcome. */
	UPROPERTY(Config, EditAnywhere, BlueprintReadOnly, Category = "Rooms", meta = (ClampMin = "1", ClampMax = "300"))
	float PatienceSeconds = 30.0f;

	/** Connections wait for Accept Peer or Reject Peer instead of being accepted at once. */
	UPROPERTY(Config, EditAnywhere, BlueprintReadOnly, Category = "Rooms")
	bool bAcceptByHand = false;

	/** Ask the router for a port (PCP, NAT-PMP, UPnP). */
	UPROPERTY(Config, EditAnywhere, BlueprintReadOnly, Category = "Network")
	bool bAskRouterForPort = true;

	/** Who may learn this player's addresses. */
	UPROPERTY(Config, EditAnywhere, BlueprintReadOnly, Category = "Network")
	EMusubiPrivacy Privacy = EMusubiPrivacy::Direct;

	/** The key under which the game's backend signs identity certificates, 64 hexadecimal digits: other players then have to show one, so
	 *  that not even the server can pose as them. Empty: the server is trusted to introduce the right players. */
	UPROPERTY(Config, EditAnywhere, BlueprintReadOnly, AdvancedDisplay, Category = "Network")
	FString AppKey;

	/** The local UDP address, "0.0.0.0:5000". Empty: any, which is right for players. */
	UPROPERTY(Config, EditAnywhere, BlueprintReadOnly, AdvancedDisplay, Category = "Network")
	FString BindAddress;

	/** A bad network to develop on, in the words of the console's musubi.Sim: "4g", or "loss=5 lag=80". Not used in shipping builds. */
	UPROPERTY(Config, EditAnywhere, BlueprintReadOnly, Category = "Development")
	FString SimulatedNetwork;

	/** Check at start that replication uses Musubi's net driver, and warn if not. Turn it off if the game uses messages only. */
	UPROPERTY(Config, EditAnywhere, BlueprintReadOnly, Category = "Development")
	bool bCheckNetDriver = true;

	virtual FName GetCategoryName() const override { return FName(TEXT("Plugins")); }
};
