// Replication: the net driver, its connections and sockets as they ship, on stand-ins for the engine, with the real library and a server;
// the start-up check; and the plugin's own automation tests.   replication_test SERVER LIBRARY
#include "MusubiInternetAddr.h"
#include "MusubiNetConnection.h"
#include "MusubiNetDriver.h"
#include "MusubiNetModule.h"
#include "MusubiSocket.h"

#include "engine_world.h"

using namespace MusubiConvert;

static server Server;

/** The client's side as the engine's pending game makes it: no world yet. */
static void ReplicationOverMusubi()
{
	FWindow A, B;
	A.Host();
	UMusubiNetDriver Listen, Client;
	FNetworkNotify Notify;
	FURL ListenUrl, Url;
	FString Error;
	Listen.ShimWorld = &A.World;
	CHECK(Listen.InitListen(&Notify, ListenUrl, false, Error) && Listen.IsOverMusubi() && !Listen.bShimPlainIp);
	CHECK(Listen.LocalAddr->GetPort() == 7777);
	CHECK(Has(Listen.NetConnectionClassName, "/Script/MusubiNet.MusubiNetConnection"));

	Url.Host = ToString("musubi." + A.Code);
	GEngine->ShimPendingDriver = &Client;
	GEngine->ShimPending.OwningGameInstance = &B.Game;
	CHECK(Client.InitConnect(&Notify, Url, Error) && Client.IsOverMusubi() && Client.GetSocket() != nullptr);
	UMusubiNetConnection ToServer, ToClient;
	ToServer.InitLocalConnection(&Client, Client.GetSocket(), Url, USOCK_Pending);
	Client.ServerConnection = &ToServer;
	CHECK(!ToServer.bShimResolves && ToServer.ShimMaxPacket == 1024 && ToUtf8(ToServer.RemoteAddr->ToString(true)) == "musubi." + A.Code + ":7777");

	const auto Send = [](UMusubiNetDriver& Driver, const FInternetAddr& To, const char* Text) {
		int32 Sent = 0;
		return Driver.GetSocket()->SendTo(reinterpret_cast<const uint8*>(Text), static_cast<int32>(std::strlen(Text)), Sent, To) && Sent == static_cast<int32>(std::strlen(Text));
	};
	const auto Turn = [&] {
		Listen.TickDispatch(0.016f);
		Client.TickDispatch(0.016f);
		Client.TickFlush(0.016f);
		Listen.TickFlush(0.016f);
	};
	// The drivers alone poll the sessions: no subsystem ticks while a level loads.
	DRIVE(Turn, Send(Client, *ToServer.RemoteAddr, "challenge") && !Listen.ShimReceived.empty());
	CHECK(Listen.ShimReceived[0] == "challenge");
	ToClient.InitRemoteConnection(&Listen, Listen.GetSocket(), ListenUrl, *Listen.ShimFrom, USOCK_Open);
	Listen.ClientConnections.Add(&ToClient);
	CHECK(!ToClient.bShimResolves && Send(Listen, *ToClient.RemoteAddr, "response"));
	DRIVE(Turn, !Client.ShimReceived.empty());
	CHECK(Client.ShimReceived[0] == "response" && ToServer.RemoteAddr->CompareEndpoints(*Client.ShimFrom) && Client.ShimFrom->GetTypeHash() == ToServer.RemoteAddr->GetTypeHash());

	// Thousands of the engine's packets through its own socket and address types: nothing is allocated for a datagram.
	uint8 Packet[1024] = {7};
	const TSharedRef<FInternetAddr> From = Listen.GetSocketSubsystem()->CreateInternetAddr();
	int32 Count = 0, Got = 0;
	unsigned long Made = 0;
	size_t Silences = 0;
	for (FWindow* Window : {&A, &B})
	{
		Window->Musubi->OnPeerInterrupted.AddLambda([&](const FMusubiPeer&, const FString&) { Silences++; });
		Window->Musubi->OnPeerRecovered.AddLambda([&](const FMusubiPeer&) { Silences++; });
	}
	DRIVE(([&] {
		const unsigned long Before = Allocations;
		const size_t Others = ShimLog.size() + Silences;
		A.Musubi->GetSession().Pump(Seconds());
		B.Musubi->GetSession().Pump(Seconds());
		for (int I = 0; I < 20; I++)
		{
			CHECK(Client.GetSocket()->SendTo(Packet, sizeof Packet, Count, *ToServer.RemoteAddr) && Count == 1024);
		}
		while (Listen.GetSocket()->RecvFrom(Packet, sizeof Packet, Count, *From))
		{
			Got += Count == 1024; // copies of "challenge" may come late
		}
		Made += ShimLog.size() + Silences == Others ? Allocations - Before : 0; // a change of the route is logged and no datagram
	}), Got >= 4000);
	std::printf("%d packets of the engine, %lu allocations\n", Got, Made);
	CHECK(Made == 0 && Listen.GetSocketSubsystem()->GetLastErrorCode() == SE_EWOULDBLOCK);

	// The player is closed: both engines know why at once.
	FMusubiError Why;
	CHECK(A.Musubi->ClosePeer(A.Musubi->GetPeers()[0].Id, 7, TEXT("match over"), Why));
	DRIVE(Turn, ToServer.bShimClosed && ToClient.bShimClosed);
	CHECK(GEngine->ShimFailures.size() == 1 && GEngine->ShimFailures[0].first == ENetworkFailure::PendingConnectionFailure && GEngine->ShimFailures[0].second == "match over (Musubi 7)");
	Client.Shutdown();
	Client.LowLevelDestroy();
	Listen.LowLevelDestroy();
	Listen.LowLevelDestroy(); // once more does nothing
	CHECK(Client.GetSocket() == nullptr);
	GEngine->ShimFailures.clear();
}

static void FailuresOfDrivers()
{
	FWindow A, B;
	FNetworkNotify Notify;
	FURL Url;
	FString Error;
	{
		UMusubiNetDriver Driver; // a wrong code becomes the engine's network failure
		Driver.ShimWorld = &A.World;
		Url.Host = TEXT("musubi.WRONGCOD");
		CHECK(Driver.InitConnect(&Notify, Url, Error));
		UMusubiNetConnection Connection;
		Driver.ServerConnection = &Connection;
		DRIVE([&] { Driver.TickDispatch(0.016f); }, !GEngine->ShimFailures.empty());
		CHECK(GEngine->ShimFailures[0].first == ENetworkFailure::ConnectionLost && Has(ToString(GEngine->ShimFailures[0].second), "(Musubi -303)") && Connection.bShimClosed);
	}
	{
		UMusubiNetDriver Driver;
		Url.Host = TEXT("musubi.ABCDEF");
		CHECK(!Driver.InitConnect(&Notify, Url, Error) && Has(Error, "no game instance"));
		Driver.ShimWorld = &A.World;
		Url.Host = TEXT("musubi.a b");
		CHECK(!Driver.InitConnect(&Notify, Url, Error) && Has(Error, "musubi.CODE"));
		Url.Host = TEXT("musubi.host");
		CHECK(!Driver.InitConnect(&Notify, Url, Error) && Has(Error, "join by code first"));
	}
	{
		UMusubiNetDriver Client, Listen, Optional; // plain IP as ever, where nobody speaks of Musubi
		Client.ShimWorld = Listen.ShimWorld = Optional.ShimWorld = &A.World;
		Url.Host = TEXT("127.0.0.1");
		CHECK(Client.InitConnect(&Notify, Url, Error) && !Client.IsOverMusubi() && Client.bShimPlainIp && Client.GetSocketSubsystem() == nullptr);
		FURL ListenUrl;
		CHECK(Listen.InitListen(&Notify, ListenUrl, false, Error) && !Listen.IsOverMusubi() && Listen.bShimPlainIp);
		UMusubiNetConnection Plain;
		Plain.InitLocalConnection(&Client, nullptr, Url, USOCK_Pending, 512);
		CHECK(Plain.bShimResolves && Plain.ShimMaxPacket == 512);

		ListenUrl.ShimOptions.push_back("musubi"); // makes its room by itself
		CHECK(Optional.InitListen(&Notify, ListenUrl, false, Error) && Optional.IsOverMusubi());
		DRIVE([&] { Optional.TickDispatch(0.016f); }, A.Musubi->IsHost());
		UMusubiNetDriver Second;
		Second.ShimWorld = &A.World;
		CHECK(!Second.InitListen(&Notify, ListenUrl, false, Error) && Has(Error, "Virtual port 7777 is in use"));

		A.Musubi->Deinitialize(); // the window goes before its driver does
		Optional.TickDispatch(0.016f);
		Optional.LowLevelDestroy();
	}
	GEngine->ShimFailures.clear();
}

static void TheSocketTypes()
{
	ISocketSubsystem* Sockets = ISocketSubsystem::Get(MusubiProtocol);
	CHECK(Sockets != nullptr && !FModuleManager::LoadModuleChecked<FSocketSubsystemModule>(TEXT("Sockets")).bShimDefaultTaken);
	CHECK(Sockets->CreateSocket(TEXT("Stream"), TEXT("x"), MusubiProtocol) == nullptr && Sockets->GetLastErrorCode() == SE_EPROTONOSUPPORT);
	const FAddressInfoResult Found = Sockets->GetAddressInfo(TEXT("musubi.E4K7Q2XM"), TEXT("7778")), Not = Sockets->GetAddressInfo(TEXT("example.com"), nullptr);
	CHECK(Found.ReturnCode == SE_NO_ERROR && Found.Results.Num() == 1 && ToUtf8(Found.Results[0].Address->ToString(true)) == "musubi.E4K7Q2XM:7778");
	CHECK(Not.ReturnCode == SE_HOST_NOT_FOUND && Not.Results.Num() == 0);
	FMusubiInternetAddr Address;
	bool bValid = false;
	Address.SetIp(TEXT("musubi.peer-abcdef"), bValid);
	FMusubiInternetAddr Copy;
	Copy.SetRawIp(Address.GetRawIp());
	CHECK(bValid && Copy == Address && Address.GetRawIp().Num() == 8 && Copy.Address.Peer == 0xabcdef);
	Copy.SetPort(70000);
	CHECK(Copy.GetPort() == 0);
	Address.SetIp(TEXT("1.2.3.4"), bValid);
	CHECK(!bValid && Address.Address.Peer == 0xabcdef);
}

static void StartUpCheck()
{
	ShimLog.clear();
	GEngine->NetDriverDefinitions = {{TEXT("GameNetDriver"), TEXT("/Script/OnlineSubsystemUtils.IpNetDriver"), NAME_None}, {TEXT("GameNetDriver"), TEXT("/Script/MusubiNet.MusubiNetDriver"), NAME_None}};
	FCoreDelegates::OnPostEngineInit.Broadcast();
	CHECK(ShimLog.size() == 2 && ShimLog[0].Verbosity == ELogVerbosity::Warning && Has(ToString(ShimLog[0].Text), "ClearArray") && Has(ToString(ShimLog[1].Text), "BeaconNetDriver"));
	GetMutableDefault<UMusubiSettings>()->bCheckNetDriver = false;
	CHECK(FMusubiNetModule::CheckDefinitions() == 0);
	GetMutableDefault<UMusubiSettings>()->bCheckNetDriver = true;
	GEngine->NetDriverDefinitions = {{TEXT("GameNetDriver"), TEXT("/Script/MusubiNet.MusubiNetDriver"), NAME_None}, {TEXT("BeaconNetDriver"), TEXT("/Script/MusubiNet.MusubiNetDriver"), NAME_None}};
	CHECK(FMusubiNetModule::CheckDefinitions() == 0);
}

// The plugin's own automation tests, as the engine's Session Frontend would run them.
static void AutomationTests()
{
	int Count = 0;
	for (FAutomationTestBase* Test : FAutomationTestBase::ShimAll())
	{
		Test->RunTest(FString());
		for (const std::string& Error : Test->ShimErrors)
		{
			std::fprintf(stderr, "%s: %s\n", Test->ShimName.c_str(), Error.c_str());
		}
		CHECK(Test->ShimErrors.empty());
		Count++;
	}
	std::printf("%d automation tests\n", Count);
	CHECK(Count == 4);
}

int main(int Count, char** Words)
{
	CHECK(Count == 3);
	Server = server_start(Words[1]);
	StartEngine(Words[2], Server.address);
	TheSocketTypes();
	StartUpCheck();
	ReplicationOverMusubi();
	FailuresOfDrivers();
	AutomationTests();
	StopEngine();
	server_stop(&Server);
	return 0;
}
