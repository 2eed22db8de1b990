// FInternetAddr, FSocket, ISocketSubsystem and its registry.
#pragma once

#include "ShimModules.h"

enum ESocketErrors
{
	SE_NO_ERROR,
	SE_EBADF,
	SE_EWOULDBLOCK,
	SE_EMSGSIZE,
	SE_EPROTONOSUPPORT,
	SE_EOPNOTSUPP,
	SE_EAFNOSUPPORT,
	SE_EADDRINUSE,
	SE_HOST_NOT_FOUND
};
enum ESocketType
{
	SOCKTYPE_Unknown,
	SOCKTYPE_Datagram,
	SOCKTYPE_Streaming
};
enum ESocketConnectionState
{
	SCS_NotConnected,
	SCS_Connected,
	SCS_ConnectionError
};
enum class ESocketShutdownMode
{
	Read,
	Write,
	ReadWrite
};
namespace ESocketReceiveFlags
{
enum Type
{
	None,
	Peek = 2,
	WaitAll = 0x100
};
}
namespace ESocketWaitConditions
{
enum Type
{
	WaitForRead,
	WaitForWrite,
	WaitForReadOrWrite
};
}
enum class EAddressInfoFlags : uint32
{
	Default = 0
};
struct FTimespan
{
};
struct FRecvMulti;
#define PLATFORM_SOCKETSUBSYSTEM FName(TEXT("SHIMPLATFORM"))

class FInternetAddr
{
protected:
	FInternetAddr() = default;

public:
	virtual ~FInternetAddr() = default;
	virtual bool CompareEndpoints(const FInternetAddr& InAddr) const { return *this == InAddr; }
	virtual void SetIp(uint32 InAddr) = 0;
	virtual void SetIp(const TCHAR* InAddr, bool& bIsValid) = 0;
	virtual void GetIp(uint32& OutAddr) const = 0;
	virtual void SetPort(int32 InPort) = 0;
	virtual void GetPort(int32& OutPort) const { OutPort = GetPort(); }
	virtual int32 GetPort() const = 0;
	virtual void SetPlatformPort(int32 InPort) { SetPort(InPort); }
	virtual int32 GetPlatformPort() const { return GetPort(); }
	virtual void SetRawIp(const TArray<uint8>& RawAddr) = 0;
	virtual TArray<uint8> GetRawIp() const = 0;
	virtual void SetAnyAddress() = 0;
	virtual void SetBroadcastAddress() = 0;
	virtual void SetLoopbackAddress() = 0;
	virtual FString ToString(bool bAppendPort) const = 0;
	virtual bool operator==(const FInternetAddr& Other) const = 0;
	virtual uint32 GetTypeHash() const = 0;
	virtual bool IsValid() const = 0;
	virtual TSharedRef<FInternetAddr> Clone() const = 0;
	virtual FName GetProtocolType() const { return NAME_None; }
};

class FSocket
{
protected:
	const ESocketType SocketType;
	FString SocketDescription;
	FName SocketProtocol;

public:
	FSocket(ESocketType InSocketType, const FString& InSocketDescription, const FName& InSocketProtocol) : SocketType(InSocketType), SocketDescription(InSocketDescription), SocketProtocol(InSocketProtocol) {}
	virtual ~FSocket() = default;
	virtual bool Shutdown(ESocketShutdownMode Mode) = 0;
	virtual bool Close() = 0;
	virtual bool Bind(const FInternetAddr& Addr) = 0;
	virtual bool Connect(const FInternetAddr& Addr) = 0;
	virtual bool Listen(int32 MaxBacklog) = 0;
	virtual bool WaitForPendingConnection(bool& bHasPendingConnection, const FTimespan& WaitTime) = 0;
	virtual bool HasPendingData(uint32& PendingDataSize) = 0;
	virtual FSocket* Accept(const FString& InSocketDescription) = 0;
	virtual FSocket* Accept(FInternetAddr& OutAddr, const FString& InSocketDescription) = 0;
	virtual bool SendTo(const uint8*, int32, int32&, const FInternetAddr&) { return false; }
	virtual bool Send(const uint8*, int32, int32&) { return false; }
	virtual bool RecvFrom(uint8*, int32, int32&, FInternetAddr&, ESocketReceiveFlags::Type = ESocketReceiveFlags::None) { return false; }
	virtual bool RecvFromWithPktInfo(uint8* Data, int32 BufferSize, int32& BytesRead, FInternetAddr& Source, FInternetAddr& Destination, ESocketReceiveFlags::Type Flags = ESocketReceiveFlags::None) = 0;
	virtual bool Recv(uint8*, int32, int32&, ESocketReceiveFlags::Type = ESocketReceiveFlags::None) { return false; }
	virtual bool RecvMulti(FRecvMulti&, ESocketReceiveFlags::Type = ESocketReceiveFlags::None) { return false; }
	virtual bool Wait(ESocketWaitConditions::Type Condition, FTimespan WaitTime) = 0;
	virtual ESocketConnectionState GetConnectionState() = 0;
	virtual void GetAddress(FInternetAddr& OutAddr) = 0;
	virtual bool GetPeerAddress(FInternetAddr& OutAddr) = 0;
	virtual bool SetNonBlocking(bool bIsNonBlocking = true) = 0;
	virtual bool SetBroadcast(bool bAllowBroadcast = true) = 0;
	virtual bool SetNoDelay(bool bIsNoDelay = true) = 0;
	virtual bool JoinMulticastGroup(const FInternetAddr& GroupAddress) = 0;
	virtual bool JoinMulticastGroup(const FInternetAddr& GroupAddress, const FInternetAddr& InterfaceAddress) = 0;
	virtual bool LeaveMulticastGroup(const FInternetAddr& GroupAddress) = 0;
	virtual bool LeaveMulticastGroup(const FInternetAddr& GroupAddress, const FInternetAddr& InterfaceAddress) = 0;
	virtual bool SetMulticastLoopback(bool bLoopback) = 0;
	virtual bool SetMulticastTtl(uint8 TimeToLive) = 0;
	virtual bool SetMulticastInterface(const FInternetAddr& InterfaceAddress) = 0;
	virtual bool SetReuseAddr(bool bAllowReuse = true) = 0;
	virtual bool SetLinger(bool bShouldLinger = true, int32 Timeout = 0) = 0;
	virtual bool SetRecvErr(bool bUseErrorQueue = true) = 0;
	virtual bool SetSendBufferSize(int32 Size, int32& NewSize) = 0;
	virtual bool SetReceiveBufferSize(int32 Size, int32& NewSize) = 0;
	virtual bool SetRetrieveTimestamp(bool = true) { return false; }
	virtual bool SetIpPktInfo(bool bEnable) = 0;
	virtual int32 GetPortNo() = 0;
	ESocketType GetSocketType() const { return SocketType; }
	const FName& GetProtocol() const { return SocketProtocol; }
};

struct FAddressInfoResultData
{
	FAddressInfoResultData(TSharedRef<FInternetAddr> InAddr, SIZE_T InAddrLen, const FName InProtocol, ESocketType InSocketConfiguration) : Address(InAddr), AddressLen(InAddrLen), AddressProtocolName(InProtocol), SocketConfiguration(InSocketConfiguration) {}
	TSharedRef<FInternetAddr> Address;
	SIZE_T AddressLen;
	FName AddressProtocolName;
	ESocketType SocketConfiguration;
};
struct FAddressInfoResult
{
	FAddressInfoResult(const TCHAR* Host, const TCHAR* Service) : QueryHostName(Host), QueryServiceName(Service) {}
	FString QueryHostName, QueryServiceName;
	ESocketErrors ReturnCode = SE_NO_ERROR;
	TArray<FAddressInfoResultData> Results;
};

class ISocketSubsystem;
class FSocketDeleter
{
public:
	FSocketDeleter() = default;
	explicit FSocketDeleter(ISocketSubsystem* InSubsystem) : Subsystem(InSubsystem) {}
	void operator()(FSocket* Socket) const;

private:
	ISocketSubsystem* Subsystem = nullptr;
};
using FUniqueSocket = TUniquePtr<FSocket, FSocketDeleter>;

class ISocketSubsystem
{
public:
	virtual ~ISocketSubsystem() = default;
	static ISocketSubsystem* Get(const FName& Name);
	virtual bool Init(FString& Error) = 0;
	virtual void Shutdown() = 0;
	virtual FSocket* CreateSocket(const FName& SocketType, const FString& SocketDescription, const FName& ProtocolName) = 0;
	FUniqueSocket CreateUniqueSocket(const FName& SocketType, const FString& SocketDescription, const FName& ProtocolName) { return FUniqueSocket(CreateSocket(SocketType, SocketDescription, ProtocolName), FSocketDeleter(this)); }
	virtual void DestroySocket(FSocket* Socket) = 0;
	virtual FAddressInfoResult GetAddressInfo(const TCHAR* HostName, const TCHAR* ServiceName = nullptr, EAddressInfoFlags QueryFlags = EAddressInfoFlags::Default, const FName ProtocolTypeName = NAME_None, ESocketType SocketType = ESocketType::SOCKTYPE_Unknown) = 0;
	virtual TSharedPtr<FInternetAddr> GetAddressFromString(const FString& InAddress) = 0;
	virtual bool RequiresChatDataBeSeparate() = 0;
	virtual bool RequiresEncryptedPackets() = 0;
	virtual bool GetHostName(FString& HostName) = 0;
	virtual TSharedRef<FInternetAddr> CreateInternetAddr() = 0;
	virtual TSharedRef<FInternetAddr> CreateInternetAddr(const FName) { return CreateInternetAddr(); }
	virtual bool HasNetworkDevice() = 0;
	virtual const TCHAR* GetSocketAPIName() const = 0;
	virtual ESocketErrors GetLastErrorCode() = 0;
	virtual ESocketErrors TranslateErrorCode(int32 Code) = 0;
	virtual bool GetLocalAdapterAddresses(TArray<TSharedPtr<FInternetAddr>>&) { return false; }
	virtual TArray<TSharedRef<FInternetAddr>> GetLocalBindAddresses() { return {}; }
	virtual TSharedRef<FInternetAddr> GetLocalBindAddr(FOutputDevice&) { return CreateInternetAddr(); }
	virtual bool IsSocketRecvMultiSupported() const { return false; }
	virtual bool IsSocketWaitSupported() const = 0;
};
inline void FSocketDeleter::operator()(FSocket* Socket) const
{
	if (Subsystem != nullptr && Socket != nullptr)
	{
		Subsystem->DestroySocket(Socket);
	}
}

class FSocketSubsystemModule : public IModuleInterface
{
public:
	virtual void RegisterSocketSubsystem(const FName FactoryName, ISocketSubsystem* Factory, bool bMakeDefault = false)
	{
		ShimSystems[FactoryName.ToString().Utf8()] = Factory;
		bShimDefaultTaken = bShimDefaultTaken || bMakeDefault;
	}
	virtual void UnregisterSocketSubsystem(const FName FactoryName) { ShimSystems.erase(FactoryName.ToString().Utf8()); }
	std::map<std::string, ISocketSubsystem*> ShimSystems;
	bool bShimDefaultTaken = false;
};
inline ISocketSubsystem* ISocketSubsystem::Get(const FName& Name)
{
	auto& Systems = FModuleManager::LoadModuleChecked<FSocketSubsystemModule>(TEXT("Sockets")).ShimSystems;
	const auto Found = Systems.find(Name.ToString().Utf8());
	return Found != Systems.end() ? Found->second : nullptr;
}
