// A player and a virtual port as the engine's address.
#pragma once

#include "CoreMinimal.h"
#include "IPAddress.h"
#include "MusubiDatagramSocket.h"

/** The protocol of our sockets and addresses, and the socket subsystem's name. */
MUSUBINET_API extern const FName MusubiProtocol;

class MUSUBINET_API FMusubiInternetAddr : public FInternetAddr
{
public:
	FMusubiInternetAddr() = default;
	explicit FMusubiInternetAddr(const MusubiCore::FAddress& InAddress) : Address(InAddress) {}

	/** Is it one of ours? Only then may it be cast. */
	static bool IsOurs(const FInternetAddr& Addr) { return Addr.GetProtocolType() == MusubiProtocol; }

	virtual TArray<uint8> GetRawIp() const override;
	virtual void SetRawIp(const TArray<uint8>& RawAddr) override;
	virtual void SetIp(uint32 InAddr) override;
	virtual void SetIp(const TCHAR* InAddr, bool& bIsValid) override;
	virtual void GetIp(uint32& OutAddr) const override;
	virtual void SetPort(int32 InPort) override;
	virtual void GetPort(int32& OutPort) const override;
	virtual int32 GetPort() const override;
	virtual void SetAnyAddress() override;
	virtual void SetBroadcastAddress() override;
	virtual void SetLoopbackAddress() override;
	virtual FString ToString(bool bAppendPort) const override;
	virtual bool operator==(const FInternetAddr& Other) const override;
	virtual uint32 GetTypeHash() const override;
	virtual bool IsValid() const override;
	virtual TSharedRef<FInternetAddr> Clone() const override;
	virtual FName GetProtocolType() const override { return MusubiProtocol; }

	MusubiCore::FAddress Address;
};
