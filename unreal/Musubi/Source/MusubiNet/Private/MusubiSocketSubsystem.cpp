#include "MusubiSocketSubsystem.h"

#include "MusubiConvert.h"
#include "MusubiInternetAddr.h"
#include "MusubiSocket.h"

bool FMusubiSocketSubsystem::Init(FString&)
{
	return true;
}

void FMusubiSocketSubsystem::Shutdown()
{
}

FSocket* FMusubiSocketSubsystem::CreateSocket(const FName& SocketType, const FString& SocketDescription, const FName&)
{
	if (SocketType != NAME_DGram)
	{
		LastError = SE_EPROTONOSUPPORT; // streams don't exist here
		return nullptr;
	}
	return new FMusubiSocket(*this, SocketDescription);
}

void FMusubiSocketSubsystem::DestroySocket(FSocket* Socket)
{
	delete Socket;
}

FAddressInfoResult FMusubiSocketSubsystem::GetAddressInfo(const TCHAR* HostName, const TCHAR* ServiceName, EAddressInfoFlags, const FName, ESocketType)
{
	FAddressInfoResult Result(HostName, ServiceName);
	const TSharedPtr<FInternetAddr> Address = HostName != nullptr ? GetAddressFromString(FString(HostName)) : TSharedPtr<FInternetAddr>();
	if (!Address.IsValid())
	{
		Result.ReturnCode = SE_HOST_NOT_FOUND;
		return Result;
	}
	if (ServiceName != nullptr && FString(ServiceName).IsNumeric())
	{
		Address->SetPort(FCString::Atoi(ServiceName));
	}
	Result.ReturnCode = SE_NO_ERROR;
	Result.Results.Add(FAddressInfoResultData(Address.ToSharedRef(), 0, MusubiProtocol, ESocketType::SOCKTYPE_Datagram));
	return Result;
}

TSharedPtr<FInternetAddr> FMusubiSocketSubsystem::GetAddressFromString(const FString& InAddress)
{
	MusubiCore::FAddress Address;
	if (!MusubiCore::ParseAddress(MusubiConvert::ToUtf8(InAddress), Address))
	{
		return nullptr;
	}
	return MakeShared<FMusubiInternetAddr>(Address);
}

bool FMusubiSocketSubsystem::GetHostName(FString& HostName)
{
	HostName = TEXT("musubi.host");
	return true;
}

TSharedRef<FInternetAddr> FMusubiSocketSubsystem::CreateInternetAddr()
{
	return MakeShared<FMusubiInternetAddr>();
}

TSharedRef<FInternetAddr> FMusubiSocketSubsystem::CreateInternetAddr(const FName)
{
	return CreateInternetAddr();
}

bool FMusubiSocketSubsystem::GetLocalAdapterAddresses(TArray<TSharedPtr<FInternetAddr>>& OutAddresses)
{
	OutAddresses.Add(CreateInternetAddr());
	return true;
}

TArray<TSharedRef<FInternetAddr>> FMusubiSocketSubsystem::GetLocalBindAddresses()
{
	TArray<TSharedRef<FInternetAddr>> Addresses;
	Addresses.Add(CreateInternetAddr());
	return Addresses;
}

TSharedRef<FInternetAddr> FMusubiSocketSubsystem::GetLocalBindAddr(FOutputDevice&)
{
	return CreateInternetAddr();
}
