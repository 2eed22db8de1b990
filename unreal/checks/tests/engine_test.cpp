// The engine modules as they ship, on stand-ins for the engine, with the real library and a server: what Blueprints and C++ games call
// and are told. Two game instances in this process are what two windows of play-in-editor are.
//   engine_test SERVER LIBRARY
#include "MusubiConvert.h"
#include "MusubiInternetAddr.h"
#include "MusubiModule.h"
#include "MusubiNetConnection.h"
#include "MusubiNetDriver.h"
#include "MusubiNetModule.h"
#include "MusubiNodes.h"
#include "MusubiSettings.h"
#include "MusubiSocket.h"
#include "MusubiSubsystem.h"
#include "Samples/MusubiHelloPeers.h"

#include "engine_world.h"

using namespace MusubiConvert;

static server Server;

// --- Blueprints ------------------------------------------------------------------------------------------------------

static void NodesHostAndJoin()
{
	FWindow A, B;
	std::string Code;
	int Hosted = 0, Joined = 0, Failed = 0;
	UMusubiHostRoom* Host = UMusubiHostRoom::HostRoom(&A.World, 4);
	Host->Hosted.AddLambda([&](const FString& C, const FMusubiError& Error) {
		Hosted++;
		Code = ToUtf8(C);
		CHECK(Error.Code == 0 && Error.Sentence.IsEmpty());
	});
	Host->Failed.AddLambda([&](const FString&, const FMusubiError& Error) {
		Failed++;
		std::fprintf(stderr, "%s\n", Error.Sentence.Utf8().c_str());
	});
	CHECK(Host->bShimRegistered);
	Host->Activate();
	TICK(Hosted + Failed > 0, &A);
	CHECK(Hosted == 1 && Failed == 0 && Host->bShimReadyToDestroy && A.Musubi->IsHost() && ToUtf8(A.Musubi->GetRoomCode()) == Code && A.Musubi->GetHostUrl().IsEmpty());

	UMusubiJoinByCode* Join = UMusubiJoinByCode::JoinByCode(&B.World, ToString(Code));
	Join->Joined.AddLambda([&](const FMusubiPeer& Peer, const FMusubiError&) {
		Joined++;
		CHECK(Peer.bHost && Peer.bConnected && Peer.Id != 0 && Peer.Route != EMusubiRoute::None);
	});
	Join->Activate();
	TICK(Joined > 0 && A.Musubi->GetPeers().Num() == 1, &B, &A);
	CHECK(ToUtf8(B.Musubi->GetHostUrl()) == "musubi." + Code && Join->bShimReadyToDestroy && B.Musubi->IsServerConnected());

	// A second join is refused at once, at the Failed pin; the first one's pins stay silent.
	UMusubiJoinByCode* Again = UMusubiJoinByCode::JoinByCode(&B.World, TEXT("ABCDEF"));
	FMusubiError Why;
	Again->Failed.AddLambda([&](const FMusubiPeer&, const FMusubiError& Error) { Why = Error; });
	Again->Activate();
	CHECK(Why.Code == MUSUBI_ERR_ALREADY && Has(Why.Sentence, Code.c_str()) && Joined == 1 && Hosted == 1);
	UMusubiHostRoom* Nowhere = UMusubiHostRoom::HostRoom(nullptr, 4);
	Nowhere->Failed.AddLambda([&](const FString&, const FMusubiError& Error) { Why = Error; });
	Nowhere->Activate();
	CHECK(Why.Code == MUSUBI_ERR_HANDLE && Has(Why.Sentence, "World Context"));
}

// Errors from the library, the server and the other player reach Blueprints with code and sentence.
static void ErrorsReachBlueprints()
{
	FWindow A, B;
	FMusubiError Error, Joined, Closed, Left;
	int Outcomes = 0;
	B.Musubi->OnJoined.AddLambda([&](const FMusubiPeer&, const FMusubiError& Why) {
		Outcomes++;
		Joined = Why;
	});
	CHECK(B.Musubi->JoinByCode(TEXT("WRONGCOD"), Error) && Error.Code == 0);
	TICK(Outcomes == 1, &B);
	CHECK(Joined.Code == MUSUBI_ERR_BAD_CODE && Has(Joined.Sentence, "code"));

	A.Host();
	B.Musubi->OnPeerClosed.AddLambda([&](const FMusubiPeer&, const FMusubiError& Why) { Closed = Why; });
	B.Musubi->OnRoomLeft.AddLambda([&](const FMusubiError& Why) { Left = Why; });
	CHECK(B.Musubi->JoinByCode(ToString(A.Code), Error));
	TICK(Outcomes == 2 && A.Musubi->GetPeers().Num() == 1, &B, &A);
	const int64 ToB = A.Musubi->GetPeers()[0].Id;
	CHECK(A.Musubi->ClosePeer(ToB, 42, TEXT("you cheated \u2014 twice"), Error));
	TICK(Closed.Code != 0, &B, &A);
	CHECK(Closed.Code == 42 && Has(Closed.Sentence, "you cheated \xe2\x80\x94 twice"));

	CHECK(!A.Musubi->SendToPeer(12345, TArray<uint8>(), EMusubiDelivery::Unreliable, 0, Error) && Error.Code == MUSUBI_ERR_PEER && Has(Error.Sentence, "Could not send"));
	CHECK(!A.Musubi->SendToAll(TArray<uint8>(), EMusubiDelivery::Unreliable, 255, Error) && Has(Error.Sentence, "0 to 254"));
	CHECK(!A.Musubi->SendToAll(TArray<uint8>(), EMusubiDelivery::Unreliable, -1, Error) && Error.Code == MUSUBI_ERR_VALUE);
	CHECK(!A.Musubi->HostRoom(-1, TArray<uint8>(), Error) && Error.Code == MUSUBI_ERR_ALREADY);
	CHECK(!A.Musubi->SimulateNetwork(TEXT("loss=200"), Error) && Has(Error.Sentence, "0 to 100") && !A.Musubi->SimulateNetwork(TEXT("5g"), Error) && Has(Error.Sentence, "no preset"));
	CHECK(!B.Musubi->AcceptPeer(99, Error) && !B.Musubi->RejectPeer(99, TEXT("no"), Error) && !B.Musubi->TryDirectAgain(99, Error) && Error.Code == MUSUBI_ERR_PEER);
	FMusubiStats Stats;
	CHECK(!B.Musubi->GetPeerStats(99, Stats, Error) && Error.IsError());
	CHECK(B.Musubi->LeaveRoom(Error));
	TICK(!B.Musubi->IsInRoom(), &B, &A);
	CHECK(!B.Musubi->LeaveRoom(Error) && Error.Code == MUSUBI_ERR_NOT_IN_ROOM);

	// The server's address can't be read: every call says so until it is set right.
	CHECK(!B.Musubi->UseServer(TEXT("nonsense"), FString(), TArray<uint8>(), Error) && Has(Error.Sentence, "nonsense"));
	CHECK(!B.Musubi->JoinByCode(TEXT("ABCDEF"), Error) && Error.Code == MUSUBI_ERR_ADDRESS && Has(B.Musubi->DescribeState(), "nonsense") && !B.Musubi->IsRunning(Error));
	CHECK(B.Musubi->UseServer(ToString(Server.address), FString(), TArray<uint8>(), Error) && B.Musubi->IsRunning(Error));
}

static void MessagesAndFigures()
{
	FWindow A, B;
	Meet(A, B);
	std::string Heard, Raw;
	int32 OnChannel = -1;
	A.Musubi->OnMessage.AddLambda([&](int64, int32 Channel, const TArray<uint8>& Data) {
		Heard = ToUtf8(UMusubiBytes::BytesToText(Data));
		OnChannel = Channel;
	});
	A.Musubi->OnRawMessage.AddLambda([&](int64, int32, TArrayView<const uint8> Data) { Raw.assign(reinterpret_cast<const char*>(Data.GetData()), static_cast<size_t>(Data.Num())); });
	FMusubiError Error;
	const FString Text = TEXT("h\u00e9llo \u7d50\u3073 \U0001F30F");
	CHECK(B.Musubi->SendToAll(UMusubiBytes::TextToBytes(Text), EMusubiDelivery::ReliableOrdered, 7, Error));
	TICK(!Heard.empty(), &A, &B);
	CHECK(Heard == ToUtf8(Text) && Raw == Heard && OnChannel == 7);
	FMusubiStats Stats;
	TICK(B.Musubi->GetPeerStats(B.HostId(), Stats, Error) && Stats.RttMs > 0, &B, &A);
	CHECK(Stats.Route != EMusubiRoute::None && Stats.LossInPercent == 0);
	std::string Data;
	B.Musubi->OnRoomData.AddLambda([&](const TArray<uint8>& Bytes) { Data = ToUtf8(UMusubiBytes::BytesToText(Bytes)); });
	CHECK(A.Musubi->SetRoomData(UMusubiBytes::TextToBytes(TEXT("map 2")), Error));
	TICK(Data == "map 2", &A, &B);

	// The console of one window touches that window only.
	CHECK(Console("musubi.Sim", &B.World, {TEXT("loss=5"), TEXT("lag=20")}) == "The network is now: loss=5 lag=20\n");
	CHECK(Has(Console("musubi.Sim", &B.World, {TEXT("speed=9")}), "unknown") && Has(Console("musubi.Sim", &B.World, {TEXT("off")}), "off"));
	CHECK(Has(Console("musubi.Status", &A.World, {}), A.Code.c_str()) && Has(Console("musubi.Status", nullptr, {}), "No game"));

	FCoreDelegates::ApplicationWillEnterBackgroundDelegate.Broadcast();
	FCoreDelegates::ApplicationHasEnteredForegroundDelegate.Broadcast();
	CHECK(B.Musubi->GetTickableTickType() == ETickableTickType::Always && GetDefault<UMusubiSubsystem>()->GetTickableTickType() == ETickableTickType::Never);
	CHECK(B.Musubi->IsTickableWhenPaused() && B.Musubi->GetTickableGameObjectWorld() == &B.World);
}

static void HelloPeersMeet()
{
	FWindow A, B;
	GEngine->ShimScreen.clear();
	AMusubiHelloPeers First, Second;
	First.ShimWorld = &A.World;
	Second.ShimWorld = &B.World;
	First.ShimBegin();
	TICK(A.Musubi->IsHost(), &A);
	Second.ShimBegin();
	const auto Said = [](const char* Part) {
		int Count = 0;
		for (const std::string& Line : GEngine->ShimScreen)
		{
			Count += Line.find(Part) != std::string::npos;
		}
		return Count;
	};
	TICK(Said("says: hello") == 2, &A, &B);
	CHECK(Said("Others join with the code") == 1 && Said("Joined.") == 1);
	Second.ShimEnd();
	TICK(Said("has gone.") == 1, &A, &B);
	First.ShimEnd();
	CHECK(!A.Musubi->OnMessage.IsBound() && !B.Musubi->OnMessage.IsBound());
}

// Windows close with a move under way, in a room, and connected; the others live on.
static void WindowsClose()
{
	FWindow Stays;
	Stays.Host();
	{
		FWindow Goes, Waits;
		FMusubiError Error;
		CHECK(Goes.Musubi->JoinByCode(ToString(Stays.Code), Error));
		TICK(Stays.Musubi->GetPeers().Num() == 1, &Stays, &Goes);
		CHECK(Waits.Musubi->HostRoom(4, TArray<uint8>(), Error));
	}
	TICK(Stays.Musubi->GetPeers().Num() == 0, &Stays);
	CHECK(Stays.Musubi->IsHost());
}

// --- replication -----------------------------------------------------------------------------------------------------

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
	const unsigned long Before = Allocations;
	DRIVE(([&] {
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
	}), Got >= 4000);
	std::printf("%d packets of the engine, %lu allocations\n", Got, Allocations - Before);
	CHECK(Allocations == Before && Listen.GetSocketSubsystem()->GetLastErrorCode() == SE_EWOULDBLOCK);

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
	NodesHostAndJoin();
	ErrorsReachBlueprints();
	MessagesAndFigures();
	HelloPeersMeet();
	WindowsClose();
	ReplicationOverMusubi();
	FailuresOfDrivers();
	AutomationTests();
	StopEngine();
	server_stop(&Server);
	return 0;
}
