#include "MusubiInternetAddr.h"

#include "MusubiConvert.h"

const FName MusubiProtocol(TEXT("Musubi"));

TArray<uint8> FMusubiInternetAddr::GetRawIp() const
{
	TArray<uint8> Raw;
	for (int32 Shift = 56; Shift >= 0; Shift -= 8) // network byte order
	{
		Raw.Add(static_cast<uint8>(Address.Peer >> Shift));
	}
	return Raw;
}

void FMusubiInternetAddr::SetRawIp(const TArray<uint8>& RawAddr)
{
	Address.Peer = 0;
	for (int32 Index = 0; Index < RawAddr.Num() && Index < 8; Index++)
	{
		Address.Peer = Address.Peer << 8 | RawAddr[Index];
	}
}

void FMusubiInternetAddr::SetIp(uint32)
{
	Address.Peer = 0; // four bytes are nobody here
}

void FMusubiInternetAddr::SetIp(const TCHAR* InAddr, bool& bIsValid)
{
	bIsValid = MusubiCore::ParseAddress(MusubiConvert::ToUtf8(FString(InAddr)), Address);
}

void FMusubiInternetAddr::GetIp(uint32& OutAddr) const
{
	OutAddr = static_cast<uint32>(Address.Peer);
}

void FMusubiInternetAddr::SetPort(int32 InPort)
{
	Address.Port = InPort >= 0 && InPort <= 65535 ? static_cast<uint16>(InPort) : uint16(0);
}

void FMusubiInternetAddr::GetPort(int32& OutPort) const
{
	OutPort = Address.Port;
}

int32 FMusubiInternetAddr::GetPort() const
{
	return Address.Port;
}

void FMusubiInternetAddr::SetAnyAddress()
{
	Address = MusubiCore::FAddress();
}

void FMusubiInternetAddr::SetBroadcastAddress()
{
	SetAnyAddress(); // nobody is everybody here
}

void FMusubiInternetAddr::SetLoopbackAddress()
{
	SetAnyAddress();
}

FString FMusubiInternetAddr::ToString(bool bAppendPort) const
{
	return MusubiConvert::ToString(MusubiCore::ToText(Address, bAppendPort));
}

bool FMusubiInternetAddr::operator==(const FInternetAddr& Other) const
{
	return IsOurs(Other) && Address == static_cast<const FMusubiInternetAddr&>(Other).Address;
}

uint32 FMusubiInternetAddr::GetTypeHash() const
{
	const uint64 Mixed = (Address.Peer ^ static_cast<uint64>(Address.Port) << 48) * 0x9E3779B97F4A7C15u; // 2^64 over the golden ratio
	return static_cast<uint32>(Mixed >> 32);
}

bool FMusubiInternetAddr::IsValid() const
{
	return true; // nobody is the host
}

TSharedRef<FInternetAddr> FMusubiInternetAddr::Clone() const
{
	return MakeShared<FMusubiInternetAddr>(Address);
}
