// A connection of the engine over Musubi, or over plain IP where its driver is.
#pragma once

#include "CoreMinimal.h"
#include "IpConnection.h"

#include "MusubiNetConnection.generated.h"

UCLASS(Transient, Config = Engine)
class MUSUBINET_API UMusubiNetConnection : public UIpConnection
{
	GENERATED_BODY()

public:
	virtual void InitLocalConnection(UNetDriver* InDriver, class FSocket* InSocket, const FURL& InURL, EConnectionState InState, int32 InMaxPacket = 0, int32 InPacketOverhead = 0) override;
	virtual void InitRemoteConnection(UNetDriver* InDriver, class FSocket* InSocket, const FURL& InURL, const class FInternetAddr& InRemoteAddr, EConnectionState InState, int32 InMaxPacket = 0, int32 InPacketOverhead = 0) override;
};
