// Sample: drop it into a level, press play twice (or play with two windows), and both greet each other.
//
// The actor whose JoinCode is empty hosts and prints its code on the screen; the other one gets that code and joins. For two
// windows of play-in-editor: leave JoinCode empty and turn bMeetInOneProcess on; the second window finds the first one's code.
#pragma once

#include "CoreMinimal.h"
#include "GameFramework/Actor.h"
#include "MusubiTypes.h"

#include "MusubiHelloPeers.generated.h"

class UMusubiSubsystem;

UCLASS()
class MUSUBI_API AMusubiHelloPeers : public AActor
{
	GENERATED_BODY()

public:
	/** Join this room; empty: host one. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Musubi")
	FString JoinCode;

	/** For play-in-editor: the second window joins the first one's room. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Musubi")
	bool bMeetInOneProcess = true;

protected:
	virtual void BeginPlay() override;
	virtual void EndPlay(const EEndPlayReason::Type Reason) override;

private:
	UFUNCTION()
	void HandleHosted(const FString& Code, const FMusubiError& Error);

	UFUNCTION()
	void HandleJoined(const FMusubiPeer& Host, const FMusubiError& Error);

	UFUNCTION()
	void HandleConnected(const FMusubiPeer& Peer);

	UFUNCTION()
	void HandleRoute(const FMusubiPeer& Peer, const FString& Why);

	UFUNCTION()
	void HandleClosed(const FMusubiPeer& Peer, const FMusubiError& Error);

	UFUNCTION()
	void HandleMessage(int64 Peer, int32 Channel, const TArray<uint8>& Data);

	void Say(const FString& Line) const;
	UMusubiSubsystem* Musubi() const;

	/** The first window's code, for the second one. */
	static FString CodeInThisProcess;
};
