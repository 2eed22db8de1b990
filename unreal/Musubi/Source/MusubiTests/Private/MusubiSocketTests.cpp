// Session Frontend > Automation > Musubi: what the engine's own types make of ours. No server is needed.
#include "Misc/AutomationTest.h"
#include "MusubiInternetAddr.h"
#include "MusubiNetModule.h"
#include "MusubiSocketSubsystem.h"
#include "SocketSubsystem.h"

#if WITH_DEV_AUTOMATION_TESTS

static constexpr auto MusubiTestFlags = EAutomationTestFlags::EditorContext | EAutomationTestFlags::ClientContext | EAutomationTestFlags::ProductFilter;

IMPLEMENT_SIMPLE_AUTOMATION_TEST(FMusubiAddressesTest, "Musubi.Addresses", MusubiTestFlags)
bool FMusubiAddressesTest::RunTest(const FString&)
{
	ISocketSubsystem* Sockets = ISocketSubsystem::Get(MusubiProtocol);
	if (!TestNotNull(TEXT("the socket subsystem is registered"), Sockets))
	{
		return false;
	}
	const TSharedPtr<FInternetAddr> Host = Sockets->GetAddressFromString(TEXT("musubi.E4K7Q2XM:7777"));
	TestTrue(TEXT("a code is an address"), Host.IsValid() && Host->GetPort() == 7777);
	TestEqual(TEXT("and back"), Host->ToString(true), FString(TEXT("musubi.E4K7Q2XM:7777")));
	TestFalse(TEXT("an IP address is none of ours"), Sockets->GetAddressFromString(TEXT("127.0.0.1")).IsValid());
	const TSharedRef<FInternetAddr> Same = Host->Clone();
	TestTrue(TEXT("clones are equal"), *Same == *Host && Same->GetTypeHash() == Host->GetTypeHash());
	Same->SetPort(7778);
	TestFalse(TEXT("another port is another address"), *Same == *Host);
	return true;
}

IMPLEMENT_SIMPLE_AUTOMATION_TEST(FMusubiUnboundSocketTest, "Musubi.UnboundSocket", MusubiTestFlags)
bool FMusubiUnboundSocketTest::RunTest(const FString&)
{
	ISocketSubsystem* Sockets = ISocketSubsystem::Get(MusubiProtocol);
	FUniqueSocket Socket = Sockets->CreateUniqueSocket(NAME_DGram, TEXT("test"), MusubiProtocol);
	uint8 Byte = 1;
	int32 Count = 0;
	const TSharedRef<FInternetAddr> To = Sockets->CreateInternetAddr();
	To->SetPort(1);
	TestFalse(TEXT("nothing is sent"), Socket->SendTo(&Byte, 1, Count, *To));
	TestEqual(TEXT("and why"), static_cast<int32>(Sockets->GetLastErrorCode()), static_cast<int32>(SE_EBADF));
	TestFalse(TEXT("nothing is received"), Socket->RecvFrom(&Byte, 1, Count, *To));
	return true;
}

IMPLEMENT_SIMPLE_AUTOMATION_TEST(FMusubiDefinitionsTest, "Musubi.NetDriverDefinitions", MusubiTestFlags)
bool FMusubiDefinitionsTest::RunTest(const FString&)
{
	TestEqual(TEXT("warnings, which are in the log under LogMusubi"), FMusubiNetModule::CheckDefinitions(), 0);
	return true;
}

#endif
