// Sessions with the real library and a server on this machine: every Host and Join has exactly one outcome, with code and sentence;
// several sessions in one process; ends in every state, also from within a listener.   session_test SERVER LIBRARY
#include "MusubiCommands.h"
#include "world.h"

using namespace MusubiCore;

static const musubi_api* Api;
static server Server;

static bool Has(const std::string& Text, const char* Part)
{
	if (Text.find(Part) != std::string::npos)
	{
		return true;
	}
	std::fprintf(stderr, "\"%s\" lacks \"%s\"\n", Text.c_str(), Part);
	return false;
}

static void MeetTalkPart()
{
	FPlayer Host(Api, Server.address), Guest(Api, Server.address);
	Meet(Host, Guest);
	CHECK(Has(Host.Session.Host(2, {}).Sentence, Host.Code.c_str()) && Guest.Session.Join("ABCDEF").Code == MUSUBI_ERR_ALREADY);
	CHECK(!Guest.Session.Send(Guest.Session.HostPeer(), musubi::Mode::reliable_ordered, 3, "hello"));
	CHECK(!Host.Session.Broadcast(musubi::Mode::reliable_ordered, 0, "all"));
	UNTIL(Host.Messages.size() == 1 && Guest.Messages.size() == 1, &Host, &Guest);
	CHECK(Host.Messages[0] == "hello" && Guest.Messages[0] == "all");
	CHECK(Has(Status(Guest.Session), Host.Code.c_str()) && Has(Status(Host.Session), "hosts it"));
	const FPeer* Peer = Guest.Session.FindPeer(Guest.Session.HostPeer());
	CHECK(Peer != nullptr && Peer->bConnected && Peer->bMember && Peer->Route != MUSUBI_ROUTE_NONE && RouteName(Peer->Route)[0] != 'n');

	// Closed by the game with a code and a sentence: both reach the other side.
	CHECK(Host.Session.Library().peer_close(Host.Session.Peers()[0].Id, 42, "you cheated"));
	UNTIL(Guest.Told("closed"), &Guest, &Host);
	CHECK(Guest.Told("closed 42 you cheated"));
	CHECK(!Guest.Session.Leave());
	UNTIL(Guest.Told("left"), &Guest, &Host);
	CHECK(!Guest.Session.InRoom() && Guest.Session.RoomCode().empty() && Guest.Session.Leave().Code == MUSUBI_ERR_NOT_IN_ROOM);
	CHECK(Guest.Outcomes == 1 && Host.Outcomes == 1);
}

// What goes wrong, said with a code and a sentence that a player can act on.
static void Failures()
{
	FPlayer Guest(Api, Server.address), Host(Api, Server.address);
	CHECK(!Guest.Session.Join("WRONGCOD") && Guest.Session.JoiningCode() == "WRONGCOD" && Guest.Session.Join("X").Code == MUSUBI_ERR_ALREADY);
	UNTIL(Guest.Outcomes == 1, &Guest);
	CHECK(Guest.Outcome.Code == MUSUBI_ERR_BAD_CODE && Guest.Outcome.Sentence.size() > 10 && Guest.Session.JoiningCode().empty());
	CHECK(Has(Guest.Session.Join("much too long for a code").Sentence, "1 to 16") && Guest.Session.Join(" ").Code == MUSUBI_ERR_VALUE && !Guest.Session.IsMoving());

	CHECK(!Host.Session.Host(2, {}));
	UNTIL(Host.Outcomes == 1, &Host);
	FPlayer Second(Api, Server.address);
	CHECK(!Guest.Session.Join(Host.Code));
	UNTIL(Guest.Outcomes == 2, &Guest, &Host);
	CHECK(!Guest.Outcome && !Second.Session.Join(Host.Code));
	UNTIL(Second.Outcomes == 1, &Second, &Host, &Guest);
	CHECK(Second.Outcome.Code == MUSUBI_ERR_ROOM_FULL && !Second.Outcome.Sentence.empty());

	// A wrong password shows when the two connect: the join fails, and the room is left.
	FPlayer Keeper(Api, Server.address), Stranger(Api, Server.address);
	CHECK(!Keeper.Session.Host(musubi::RoomConfig(0, {}, "open sesame")));
	UNTIL(Keeper.Outcomes == 1, &Keeper);
	CHECK(!Stranger.Session.Join(Keeper.Code, musubi::JoinConfig("barley")));
	UNTIL(Stranger.Outcomes == 1 && !Stranger.Session.InRoom(), &Stranger, &Keeper);
	CHECK(Stranger.Outcome.Code == MUSUBI_ERR_BAD_PASSWORD && !Stranger.Outcome.Sentence.empty());

	FSession Session;
	FSessionConfig Config;
	Config.Server = "nonsense";
	const FError Bad = Session.Start(Api, Config);
	CHECK(Bad.Code == MUSUBI_ERR_ADDRESS && Has(Bad.Sentence, "nonsense") && Has(Bad.Sentence, "musubi://") && !Session.IsRunning());
	Config.Server = Server.address;
	CHECK(!Session.Start(Api, Config) && Session.Start(Api, Config).Code == MUSUBI_ERR_ALREADY);
}

// A server that does not answer: the patience ends it, or the library does, in one outcome either way.
static void NoServerThere()
{
	FPlayer Alone(Api, NO_SERVER, 0, 0.2);
	CHECK(!Alone.Session.Host(0, {}));
	UNTIL(Alone.Outcomes == 1, &Alone);
	CHECK(Alone.Outcome.Code < 0 && Has(Alone.Outcome.Sentence, "server") && !Alone.Session.IsMoving());
	CHECK(!Alone.Session.Join("ABCDEF") || Alone.Session.Leave()); // refused or under way: neither is a crash
}

static void Ends()
{
	{
		FPlayer Player(Api, Server.address); // destroyed with a move under way
		CHECK(!Player.Session.Host(0, {}));
		Player.Session.Stop();
		CHECK(Player.Outcomes == 1 && Player.Outcome.Code == MUSUBI_ERR_CLOSED && Player.Told("stopped"));
		Player.Session.Stop();
		CHECK(Player.Outcomes == 1 && Player.Session.Host(0, {}).Code == MUSUBI_ERR_HANDLE);
	}
	{
		FPlayer Player(Api, Server.address);
		CHECK(!Player.Session.Host(0, {}) && !Player.Session.Leave());
		CHECK(Player.Outcomes == 1 && Player.Outcome.Code == MUSUBI_ERR_CLOSED);
	}
	{
		FPlayer Player(Api, Server.address); // a listener stops the session, and removes itself
		Player.InOutcome = [&] {
			Player.Session.Stop();
			Player.Session.RemoveListener(&Player);
		};
		CHECK(!Player.Session.Host(0, {}));
		UNTIL(Player.Outcomes == 1, &Player);
		CHECK(!Player.Session.IsRunning());
		FSessionConfig Config;
		Config.Server = Server.address;
		Config.App = "unreal-test";
		CHECK(!Player.Session.Start(Api, Config) && Player.Session.IsRunning()); // and may begin again
	}
	{
		FPlayer Player(Api, Server.address); // stops and starts anew from within
		Player.InOutcome = [&] {
			FSessionConfig Config;
			Config.Server = Server.address;
			Config.App = "unreal-test";
			Player.InOutcome = nullptr;
			Player.Session.Stop();
			CHECK(!Player.Session.Start(Api, Config) && !Player.Session.Host(0, {}));
		};
		CHECK(!Player.Session.Host(0, {}));
		UNTIL(Player.Outcomes == 2, &Player);
		CHECK(!Player.Outcome && Player.Session.IsHost());
	}
}

// As many windows of play-in-editor: one process, eight sessions, one room.
static void SeveralInOneProcess()
{
	FPlayer Host(Api, Server.address), A(Api, Server.address), B(Api, Server.address), C(Api, Server.address), D(Api, Server.address), E(Api, Server.address), F(Api, Server.address), Stranger(Api, Server.address);
	CHECK(!Host.Session.Host(8, {}) && !Stranger.Session.Host(8, {}));
	UNTIL(Host.Outcomes == 1 && Stranger.Outcomes == 1, &Host, &Stranger);
	for (FPlayer* Player : {&A, &B, &C, &D, &E, &F})
	{
		CHECK(!Player->Session.Join(Host.Code));
	}
	UNTIL(A.Outcomes && B.Outcomes && C.Outcomes && D.Outcomes && E.Outcomes && F.Outcomes && Host.Session.Peers().size() == 6, &Host, &A, &B, &C, &D, &E, &F, &Stranger);
	for (FPlayer* Player : {&A, &B, &C, &D, &E, &F})
	{
		CHECK(!Player->Outcome && !Player->Session.Send(Player->Session.HostPeer(), musubi::Mode::reliable_ordered, 0, "here"));
	}
	UNTIL(Host.Messages.size() == 6, &Host, &A, &B, &C, &D, &E, &F, &Stranger);
	CHECK(Stranger.Messages.empty() && Stranger.Session.Peers().empty());
}

// The complaint of every plugin's users: the second time it does not connect any more.
static void AgainAndAgain()
{
	FPlayer Host(Api, Server.address), Guest(Api, Server.address);
	CHECK(!Host.Session.Host(2, {}));
	UNTIL(Host.Outcomes == 1, &Host);
	for (int i = 1; i <= 100; i++)
	{
		CHECK(!Guest.Session.Join(Host.Code));
		UNTIL(Guest.Outcomes == i, &Guest, &Host);
		CHECK(!Guest.Outcome);
		Guest.Story.clear();
		CHECK(!Guest.Session.Leave());
		UNTIL(!Guest.Session.InRoom() && Guest.Told("closed") && Host.Session.Peers().empty(), &Guest, &Host);
	}
}

int main(int Count, char** Words)
{
	CHECK(Count == 3);
	Api = LoadLibrary(Words[2]);
	Server = server_start(Words[1]);
	MeetTalkPart();
	Failures();
	NoServerThere();
	Ends();
	SeveralInOneProcess();
	AgainAndAgain();
	server_stop(&Server);
	return 0;
}
