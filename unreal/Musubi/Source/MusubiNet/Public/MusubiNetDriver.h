// The engine's replication over Musubi. What it decides is MusubiCore::FDriverLogic's; here the engine is told.
//
//   open musubi.CODE          joins the room with that code and connects to its host
//   open musubi.host          connects to the host of the room that this player is in
//   open MyMap?listen         over Musubi if this player hosts a room (Host Room first), otherwise plain IP as ever
//   open MyMap?listen?musubi  makes the room by itself; On Hosted tells its code
#pragma once

#include "CoreMinimal.h"
#include "IpNetDriver.h"
#include "MusubiDriverLogic.h"

#include "MusubiNetDriver.generated.h"

class UMusubiSubsystem;

UCLASS(Transient, Config = Engine)
class MUSUBINET_API UMusubiNetDriver : public UIpNetDriver
{
	GENERATED_BODY()

public:
	virtual bool InitConnectionClass() override;
	virtual bool InitBase(bool bInitAsClient, FNetworkNotify* InNotify, const FURL& URL, bool bReuseAddressAndPort, FString& Error) override;
	virtual bool InitConnect(FNetworkNotify* InNotify, const FURL& ConnectURL, FString& Error) override;
	virtual bool InitListen(FNetworkNotify* InNotify, FURL& ListenURL, bool bReuseAddressAndPort, FString& Error) override;
	virtual ISocketSubsystem* GetSocketSubsystem() override;
	virtual void TickDispatch(float DeltaTime) override;
	virtual void TickFlush(float DeltaSeconds) override;
	virtual void LowLevelDestroy() override;

	/** Over Musubi, not plain IP. */
	bool IsOverMusubi() const { return Route == MusubiCore::EDriverRoute::Musubi; }

	/** The engine's packets, at most 1024 bytes: with our headers they fit every path. */
	UPROPERTY(Config)
	int32 MaxDatagramBytes = 1024;

private:
	UMusubiSubsystem* FindMusubi() const;
	class FMusubiSocket* MakeSocket(const TCHAR* Description);
	bool Refuse(const MusubiCore::FError& Why, FString& Error);
	void CloseWhatEnded();

	MusubiCore::EDriverRoute Route = MusubiCore::EDriverRoute::PlainIp;
	TSharedPtr<FSocket> MusubiSocket; // outlives Logic, which points at it
	MusubiCore::FDriverLogic Logic;
};
