#include "MusubiNetConnection.h"

#include "MusubiConvert.h"
#include "MusubiInternetAddr.h"
#include "MusubiNetDriver.h"

/** Bytes that Musubi, UDP and IP put around a packet: for the engine's estimate of bandwidth. */
static constexpr int32 MusubiOverhead = 80;

static const UMusubiNetDriver* OverMusubi(const UNetDriver* Driver)
{
	const UMusubiNetDriver* Ours = Cast<const UMusubiNetDriver>(Driver);
	return Ours != nullptr && Ours->IsOverMusubi() ? Ours : nullptr;
}

void UMusubiNetConnection::InitLocalConnection(UNetDriver* InDriver, FSocket* InSocket, const FURL& InURL, EConnectionState InState, int32 InMaxPacket, int32 InPacketOverhead)
{
	const UMusubiNetDriver* Ours = OverMusubi(InDriver);
	if (Ours == nullptr)
	{
		Super::InitLocalConnection(InDriver, InSocket, InURL, InState, InMaxPacket, InPacketOverhead);
		return;
	}
	DisableAddressResolution(); // codes are no host names
	Super::InitLocalConnection(InDriver, InSocket, InURL, InState, Ours->MaxDatagramBytes, MusubiOverhead);
	MusubiCore::FAddress Host;
	Host.Port = static_cast<uint16>(InURL.Port);
	if (MusubiCore::ParseAddress(MusubiConvert::ToUtf8(InURL.Host), Host))
	{
		RemoteAddr = MakeShared<FMusubiInternetAddr>(Host); // whatever the base made of it
	}
}

void UMusubiNetConnection::InitRemoteConnection(UNetDriver* InDriver, FSocket* InSocket, const FURL& InURL, const FInternetAddr& InRemoteAddr, EConnectionState InState, int32 InMaxPacket, int32 InPacketOverhead)
{
	const UMusubiNetDriver* Ours = OverMusubi(InDriver);
	if (Ours != nullptr)
	{
		DisableAddressResolution();
		InMaxPacket = Ours->MaxDatagramBytes;
		InPacketOverhead = MusubiOverhead;
	}
	Super::InitRemoteConnection(InDriver, InSocket, InURL, InRemoteAddr, InState, InMaxPacket, InPacketOverhead);
}
