// Net drivers and connections. The bodies tell a test what reached the engine; the order of calls is the one that the public pages
// and open drivers show: InitConnect calls InitBase, makes the connection and gives it the driver's socket.
#pragma once

#include "ShimSockets.h"

struct FURL
{
	FString Host;
	int32 Port = 7777;
	std::vector<std::string> ShimOptions;
	bool HasOption(const TCHAR* Option) const
	{
		for (const std::string& O : ShimOptions)
		{
			if (O == FString(Option).Utf8())
			{
				return true;
			}
		}
		return false;
	}
};
enum EConnectionState
{
	USOCK_Invalid,
	USOCK_Closed,
	USOCK_Pending,
	USOCK_Open
};
class FNetworkNotify
{
};
class UNetConnection;

class UNetDriver : public UObject
{
public:
	FString NetConnectionClassName = TEXT("/Script/OnlineSubsystemUtils.IpConnection");
	TSharedPtr<FInternetAddr> LocalAddr;
	TObjectPtr<UNetConnection> ServerConnection;
	TArray<TObjectPtr<UNetConnection>> ClientConnections;

	virtual bool IsAvailable() const { return false; }
	virtual bool InitConnectionClass() { return true; }
	virtual bool InitBase(bool, FNetworkNotify*, const FURL&, bool, FString&) { return InitConnectionClass(); }
	virtual bool InitConnect(FNetworkNotify*, const FURL&, FString&) { return false; }
	virtual bool InitListen(FNetworkNotify*, FURL&, bool, FString&) { return false; }
	virtual ISocketSubsystem* GetSocketSubsystem() { return nullptr; }
	virtual void TickDispatch(float) {}
	virtual void TickFlush(float) {}
	virtual void Shutdown() {}
	virtual void LowLevelDestroy() {}
	virtual UWorld* GetWorld() const override { return ShimWorld; }
	UWorld* ShimWorld = nullptr;
};

class UNetConnection : public UObject
{
public:
	TSharedPtr<FInternetAddr> RemoteAddr;
	virtual TSharedPtr<const FInternetAddr> GetRemoteAddr() { return RemoteAddr; }
	void Close() { bShimClosed = true; }
	bool bShimClosed = false;
};

class UIpConnection : public UNetConnection
{
public:
	virtual void InitLocalConnection(UNetDriver*, class FSocket*, const FURL&, EConnectionState, int32 InMaxPacket = 0, int32 = 0) { ShimMaxPacket = InMaxPacket; }
	virtual void InitRemoteConnection(UNetDriver*, class FSocket*, const FURL&, const class FInternetAddr& InRemoteAddr, EConnectionState, int32 InMaxPacket = 0, int32 = 0)
	{
		RemoteAddr = InRemoteAddr.Clone();
		ShimMaxPacket = InMaxPacket;
	}
	void DisableAddressResolution() { bShimResolves = false; }
	bool bShimResolves = true;
	int32 ShimMaxPacket = 0;
};

class UIpNetDriver : public UNetDriver
{
public:
	bool IsAvailable() const override { return true; }
	virtual ISocketSubsystem* GetSocketSubsystem() override { return ISocketSubsystem::Get(PLATFORM_SOCKETSUBSYSTEM); }
	virtual bool InitBase(bool, FNetworkNotify*, const FURL&, bool, FString&) override
	{
		bShimPlainIp = true;
		return InitConnectionClass();
	}
	virtual bool InitConnect(FNetworkNotify* InNotify, const FURL& ConnectURL, FString& Error) override { return InitBase(true, InNotify, ConnectURL, false, Error); }
	virtual bool InitListen(FNetworkNotify* InNotify, FURL& ListenURL, bool bReuse, FString& Error) override { return InitBase(false, InNotify, ListenURL, bReuse, Error); }
	virtual void TickDispatch(float) override
	{
		uint8 Buffer[1024];
		int32 Read = 0;
		for (const TSharedRef<FInternetAddr> From = GetSocketSubsystem()->CreateInternetAddr(); ShimSocket.IsValid() && ShimSocket->RecvFrom(Buffer, sizeof Buffer, Read, *From);)
		{
			ShimReceived.push_back(std::string(reinterpret_cast<char*>(Buffer), static_cast<size_t>(Read)));
			ShimFrom = From->Clone();
		}
	}
	virtual void LowLevelDestroy() override
	{
		UNetDriver::LowLevelDestroy();
		if (ShimSocket.IsValid())
		{
			ShimSocket->Close();
			ShimSocket.Reset();
		}
	}
	FSocket* GetSocket() { return ShimSocket.Get(); }
	void SetSocketAndLocalAddress(const TSharedPtr<FSocket>& SharedSocket) { ShimSocket = SharedSocket; }

	bool bShimPlainIp = false;
	TSharedPtr<FSocket> ShimSocket;
	std::vector<std::string> ShimReceived;
	TSharedPtr<FInternetAddr> ShimFrom;
};
