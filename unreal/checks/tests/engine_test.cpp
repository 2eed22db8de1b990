// The engine modules as they ship, on stand-ins for the engine, with the real library and a server: what Blueprints and C++ games call
// and are told. Two game instances in this process are what two windows of play-in-editor are.
//   engine_test SERVER LIBRARY
#include "MusubiConvert.h"
#include "MusubiNodes.h"
#include "MusubiSubsystem.h"
#include "Samples/MusubiHelloPeers.h"

#include "engine_world.h"

#include <arpa/inet.h>
#include <sys/socket.h>

using namespace MusubiConvert;

static server Server;

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

	UMusubiJoinByCode* Join = UMusubiJoinByCode::JoinByCode(&B.World, ToString(Code), FString());
	Join->Joined.AddLambda([&](const FMusubiPeer& Peer, const FMusubiError&) {
		Joined++;
		CHECK(Peer.bHost && Peer.bConnected && Peer.Id != 0 && Peer.Route != EMusubiRoute::None);
	});
	Join->Activate();
	TICK(Joined > 0 && A.Musubi->GetPeers().Num() == 1 && A.Musubi->GetPeers()[0].bConnected, &B, &A);
	CHECK(ToUtf8(B.Musubi->GetHostUrl()) == "musubi." + Code && Join->bShimReadyToDestroy && B.Musubi->IsServerConnected());

	// A second join is refused at once, at the Failed pin; the first one's pins stay silent.
	UMusubiJoinByCode* Again = UMusubiJoinByCode::JoinByCode(&B.World, TEXT("ABCDEF"), FString());
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
	TICK(Outcomes == 2 && A.Musubi->GetPeers().Num() == 1 && A.Musubi->GetPeers()[0].bConnected, &B, &A);
	const int64 ToB = A.Musubi->GetPeers()[0].Id;
	CHECK(A.Musubi->ClosePeer(ToB, 42, TEXT("you cheated \u2014 twice"), Error));
	TICK(Closed.Code != 0, &B, &A);
	CHECK(Closed.Code == 42 && Has(Closed.Sentence, "you cheated \xe2\x80\x94 twice"));

	CHECK(!A.Musubi->SendToPeer(12345, TArray<uint8>(), EMusubiDelivery::Unreliable, 0, Error) && Error.Code == MUSUBI_ERR_PEER && Has(Error.Sentence, "Could not send"));
	CHECK(!A.Musubi->SendToAll(TArray<uint8>(), EMusubiDelivery::Unreliable, 255, Error) && Has(Error.Sentence, "0 to 254"));
	CHECK(!A.Musubi->SendToAll(TArray<uint8>(), EMusubiDelivery::Unreliable, -1, Error) && Error.Code == MUSUBI_ERR_VALUE);
	CHECK(!A.Musubi->HostRoom(-1, TArray<uint8>(), Error) && Error.Code == MUSUBI_ERR_ALREADY);
	CHECK(!A.Musubi->SimulateNetwork(TEXT("loss=200"), Error) && Has(Error.Sentence, "0 to 100") && !A.Musubi->SimulateNetwork(TEXT("5g"), Error) && Has(Error.Sentence, "not a preset"));
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

// A listed room with a password whose host is asked; a list, a search, an invitation, a kick, and what is refused.
static void TheLobby()
{
	FWindow A, B, C;
	FMusubiError Error, Joined, Left, Failed, Invitation;
	FMusubiRoomOptions Options, Now;
	Options.MaxPlayers = 3;
	Options.bPublic = Options.bAskHost = true;
	Options.Password = TEXT("sesam \u00f6ffne dich");
	std::string Code, Listed, Asked, Found, InvitedTo, From;
	int Outcomes = 0, Pages = 0;
	EMusubiRequest Which = EMusubiRequest::Other;
	A.Musubi->OnHosted.AddLambda([&](const FString& Text, const FMusubiError&) { Code = ToUtf8(Text); });
	A.Musubi->OnRoomOptions.AddLambda([&](const FMusubiRoomOptions& O) { Now = O; });
	A.Musubi->OnJoinRequest.AddLambda([&](int64 Request, const FString&, const TArray<uint8>& Data) {
		Asked = ToUtf8(UMusubiBytes::BytesToText(Data));
		CHECK(A.Musubi->AnswerJoinRequest(Request, Asked == "please", TEXT("not today"), Error));
	});
	for (FWindow* W : {&B, &C})
	{
		W->Musubi->OnJoined.AddLambda([&](const FMusubiPeer&, const FMusubiError& Why) {
			Outcomes++;
			Joined = Why;
		});
	}
	CHECK(A.Musubi->HostRoomWithOptions(Options, UMusubiBytes::TextToBytes(TEXT("map:forest")), Error));
	TICK(!Code.empty() && Now.MaxPlayers == 3, &A);
	CHECK(Now.bPublic && Now.bAskHost && !Now.bLocked && Now.Password.IsEmpty());

	// B looks around before it joins.
	B.Musubi->OnRoomListed.AddLambda([&](const FMusubiRoomListing& Room) {
		Listed = ToUtf8(Room.Code);
		CHECK(Room.bPassword && Room.Members == 1 && Room.MaxMembers == 3 && ToUtf8(UMusubiBytes::BytesToText(Room.Data)) == "map:forest");
	});
	B.Musubi->OnRoomListEnd.AddLambda([&](int32 Rooms, bool bMore) {
		CHECK(Rooms == 1 && !bMore);
		Pages++;
	});
	CHECK(!B.Musubi->ListRooms(TArray<uint8>(), false, Error) && Error.Code == MUSUBI_ERR_NOT_CONNECTED);
	CHECK(B.Musubi->ConnectToServer(Error) && B.Musubi->ListRooms(UMusubiBytes::TextToBytes(TEXT("map:")), false, Error));
	TICK(Pages == 1, &B, &A);
	CHECK(Listed == Code && B.Musubi->GetIdentity().Num() == 32);

	// No password, no entry; a wrong word to the host, no entry; a wrong password shows when the two connect.
	CHECK(B.Musubi->JoinByCode(ToString(Code), Error));
	TICK(Outcomes == 1, &B, &A);
	CHECK(Joined.Code == MUSUBI_ERR_BAD_PASSWORD && !Joined.Sentence.IsEmpty());
	CHECK(B.Musubi->JoinWithPassword(ToString(Code), Options.Password, UMusubiBytes::TextToBytes(TEXT("let me in")), Error));
	TICK(Outcomes == 2, &B, &A);
	CHECK(Joined.Code == MUSUBI_ERR_REJECTED && Has(Joined.Sentence, "not today") && Asked == "let me in");
	CHECK(B.Musubi->JoinWithPassword(ToString(Code), TEXT("wrong"), UMusubiBytes::TextToBytes(TEXT("please")), Error));
	TICK(Outcomes == 3, &B, &A);
	CHECK(Joined.Code == MUSUBI_ERR_BAD_PASSWORD);
	TICK(!B.Musubi->IsInRoom() && A.Musubi->GetPeers().Num() == 0, &B, &A);
	CHECK(B.Musubi->JoinWithPassword(ToString(Code), Options.Password, UMusubiBytes::TextToBytes(TEXT("please")), Error));
	TICK(Outcomes == 4, &B, &A);
	CHECK(Joined.Code == 0);

	// A member is no host; the host makes room, invites, and puts B out.
	B.Musubi->OnRequestFailed.AddLambda([&](EMusubiRequest Request, const FMusubiError& Why) {
		Which = Request;
		Failed = Why;
	});
	CHECK(B.Musubi->KickPlayer(B.HostId(), false, FString(), Error));
	TICK(Failed.Code != 0, &B, &A);
	CHECK(Which == EMusubiRequest::KickPlayer && Failed.Code == MUSUBI_ERR_NOT_OWNER && !Failed.Sentence.IsEmpty());
	Options.bAskHost = false;
	CHECK(A.Musubi->SetRoomOptions(Options, Error));
	TICK(!Now.bAskHost, &A, &B);

	std::string MyName;
	C.Musubi->OnServerConnected.AddLambda([&](const FString& UserId) { MyName = ToUtf8(UserId); });
	C.Musubi->OnInvited.AddLambda([&](const FString& Room, const FString& Who, const TArray<uint8>& Data) {
		InvitedTo = ToUtf8(Room);
		From = ToUtf8(Who) + "/" + ToUtf8(UMusubiBytes::BytesToText(Data));
	});
	CHECK(C.Musubi->ConnectToServer(Error));
	TICK(!MyName.empty(), &C);
	bool bAnswered = false;
	A.Musubi->OnInviteAnswered.AddLambda([&](const FString&, const FMusubiError& Why) {
		bAnswered = true;
		Invitation = Why;
	});
	A.Musubi->OnUserFound.AddLambda([&](const FString& Who, EMusubiUserState State) { Found = State == EMusubiUserState::Online ? ToUtf8(Who) : "?"; });
	CHECK(A.Musubi->FindUser(ToString(MyName), Error) && A.Musubi->InviteUser(ToString(MyName), UMusubiBytes::TextToBytes(TEXT("come")), Error));
	int Turn = 0; // asked again now and then: a server under load may refuse a question
	TICK((++Turn % 1000 != 0 || (A.Musubi->FindUser(ToString(MyName), Error) && A.Musubi->InviteUser(ToString(MyName), UMusubiBytes::TextToBytes(TEXT("come")), Error))) && bAnswered && !Found.empty() && !InvitedTo.empty(), &A, &C, &B);
	CHECK(Found == MyName && Invitation.Code == 0 && InvitedTo == Code && From.find("/come") != std::string::npos);

	B.Musubi->OnRoomLeft.AddLambda([&](const FMusubiError& Why) { Left = Why; });
	CHECK(A.Musubi->KickPlayer(A.Musubi->GetPeers()[0].Id, true, TEXT("out"), Error));
	TICK(Left.Code != 0, &B, &A);
	CHECK(Left.Code == MUSUBI_ERR_KICKED && Has(Left.Sentence, "out"));
	CHECK(!A.Musubi->SetCertificate(TArray<uint8>(std::vector<uint8>(2000).data(), 2000), Error) && Error.Code == MUSUBI_ERR_TOO_LARGE);
	CHECK(C.Musubi->SetToken(TArray<uint8>(), Error));
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

// A session that can't live, since another program has its port: told once with a sentence, not tried again each frame.
static void APortThatIsTaken()
{
	const int Taken = socket(AF_INET, SOCK_DGRAM, 0);
	sockaddr_in Address{};
	socklen_t Size = sizeof Address;
	Address.sin_family = AF_INET;
	Address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(Taken >= 0 && bind(Taken, reinterpret_cast<sockaddr*>(&Address), sizeof Address) == 0 && getsockname(Taken, reinterpret_cast<sockaddr*>(&Address), &Size) == 0);
	UMusubiSettings* Settings = GetMutableDefault<UMusubiSettings>();
	Settings->BindAddress = FString::Printf(TEXT("127.0.0.1:%d"), static_cast<int32>(ntohs(Address.sin_port)));
	{
		FWindow Window;
		int Failures = 0;
		FMusubiError Failed, Error;
		Window.Musubi->OnFailed.AddLambda([&](const FMusubiError& Why) {
			Failures++;
			Failed = Why;
		});
		TICK(Failures > 0, &Window);
		for (int I = 0; I < 20; I++)
		{
			Window.Musubi->Tick(0.016f);
		}
		CHECK(Failures == 1 && Failed.Code == MUSUBI_ERR_FAILED && !Failed.Sentence.IsEmpty() && !Window.Musubi->IsRunning(Error));
		CHECK(!Window.Musubi->HostRoom(4, TArray<uint8>(), Error) && Error.Code == MUSUBI_ERR_FAILED && Error.Sentence == Failed.Sentence);
		Settings->BindAddress = TEXT("127.0.0.1:0");
	}
	close(Taken);
	Settings->AppKey = TEXT("not hexadecimal");
	{
		FWindow Window;
		FMusubiError Error;
		CHECK(!Window.Musubi->HostRoom(4, TArray<uint8>(), Error) && Has(Error.Sentence, "64 hexadecimal digits"));
	}
	Settings->AppKey = FString();
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

int main(int Count, char** Words)
{
	CHECK(Count == 3);
	Server = server_start(Words[1]);
	StartEngine(Words[2], Server.address);
	NodesHostAndJoin();
	ErrorsReachBlueprints();
	MessagesAndFigures();
	TheLobby();
	HelloPeersMeet();
	WindowsClose();
	APortThatIsTaken();
	StopEngine();
	server_stop(&Server);
	return 0;
}
