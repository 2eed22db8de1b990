// The engine's way to our sockets and addresses. One for the process, registered beside the platform's, never as the default.
#pragma once

#include "CoreMinimal.h"
#include "SocketSubsystem.h"

class MUSUBINET_API FMusubiSocketSubsystem : public ISocketSubsystem
{
public:
	virtual bool Init(FString& Error) override;
	virtual void Shutdown() override;
	virtual FSocket* CreateSocket(const FName& SocketType, const FString& SocketDescription, const FName& ProtocolName) override;
	virtual void DestroySocket(FSocket* Socket) override;
	virtual FAddressInfoResult GetAddressInfo(const TCHAR* HostName, const TCHAR* ServiceName = nullptr, EAddressInfoFlags QueryFlags = EAddressInfoFlags::Default,
		const FName ProtocolTypeName = NAME_None, ESocketType SocketType = ESocketType::SOCKTYPE_Unknown) override;
	virtual TSharedPtr<FInternetAddr> GetAddressFromString(const FString& InAddress) override;
	virtual bool RequiresChatDataBeSeparate() override { return false; }
	virtual bool RequiresEncryptedPackets() override { return false; } // Musubi encrypts everything
	virtual bool GetHostName(FString& HostName) override;
	virtual TSharedRef<FInternetAddr> CreateInternetAddr() override;
	virtual TSharedRef<FInternetAddr> CreateInternetAddr(const FName ProtocolType) override;
	virtual bool HasNetworkDevice() override { return true; }
	virtual const TCHAR* GetSocketAPIName() const override { return TEXT("Musubi"); }
	virtual ESocketErrors GetLastErrorCode() override { return LastError; }
	virtual ESocketErrors TranslateErrorCode(int32 Code) override { return static_cast<ESocketErrors>(Code); }
	virtual bool GetLocalAdapterAddresses(TArray<TSharedPtr<FInternetAddr>>& OutAddresses) override;
	virtual TArray<TSharedRef<FInternetAddr>> GetLocalBindAddresses() override;
	virtual TSharedRef<FInternetAddr> GetLocalBindAddr(FOutputDevice& Out) override;
	virtual bool IsSocketWaitSupported() const override { return false; } // no receive thread: the ring is read by the game's

	ESocketErrors LastError = SE_NO_ERROR; // of the socket that was used last; game thread
};
