// What the tests here share: the library loaded by hand, sessions that write down what they are told, and waiting for something
// without sleeping.
#ifndef MUSUBI_UNREAL_TEST_WORLD_H
#define MUSUBI_UNREAL_TEST_WORLD_H

#include "MusubiDriverLogic.h"
#include "MusubiLibraryCheck.h"
#include "MusubiSession.h"

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "../../../bindings/c/tests/server.h"

extern unsigned long Allocations; // operator new of the test program counts

const musubi_api* LoadLibrary(const char* File);

inline double Seconds() { return static_cast<double>(now_ns()) / 1e9; }

/** A player of a test. */
struct FPlayer : MusubiCore::ISessionListener
{
	MusubiCore::FSession Session;
	std::vector<std::string> Story; // one line for each thing it was told, messages excepted
	std::vector<std::string> Messages;
	int Others = 0;   // events of peers that are no messages: rare, and may allocate
	int Outcomes = 0; // of Host and Join
	MusubiCore::FError Outcome;
	std::string Code;
	std::function<void()> InOutcome;

	FPlayer(const musubi_api* Api, const char* Server, uint32_t Flags = 0, double Patience = 20)
	{
		MusubiCore::FSessionConfig Config;
		Config.Server = Server;
		Config.App = "unreal-test";
		Config.Bind = "127.0.0.1:0";
		Config.Flags = Flags | MUSUBI_CONFIG_NO_PORT_MAPPING | MUSUBI_CONFIG_SCRIBBLE;
		Config.PatienceSeconds = Patience;
		const MusubiCore::FError Error = Session.Start(Api, Config);
		if (Error)
		{
			std::fprintf(stderr, "%s\n", Error.Sentence.c_str());
			std::exit(1);
		}
		Session.AddListener(this);
	}

	~FPlayer() override { Session.Stop(); } // while its story is still there

	void HostEnded(const MusubiCore::FError& Error, std::string_view RoomCode) override { Done(Error, RoomCode); }
	void JoinEnded(const MusubiCore::FError& Error, musubi_peer) override { Done(Error, ""); }
	void RoomLeft(const MusubiCore::FError& Error) override { Story.push_back("left " + std::to_string(Error.Code)); }
	void MemberJoined(const MusubiCore::FPeer&) override { Others++; }
	void RouteChanged(const MusubiCore::FPeer&, std::string_view) override { Others++; }
	void PeerInterrupted(const MusubiCore::FPeer&, std::string_view) override { Others++; }
	void PeerRecovered(const MusubiCore::FPeer&) override { Others++; }
	void PeerConnected(const MusubiCore::FPeer&) override { Story.push_back("connected"); }
	void PeerClosed(const MusubiCore::FPeer&, const MusubiCore::FError& Error, uint64_t) override { Story.push_back("closed " + std::to_string(Error.Code) + " " + Error.Sentence); }
	void ServerLost(const MusubiCore::FError& Error) override { Story.push_back("lost " + std::to_string(Error.Code)); }
	void Stopped() override { Story.push_back("stopped"); }
	void MessageArrived(musubi_peer, uint32_t, musubi::Mode, musubi::View Data) override { Messages.emplace_back(Data.text()); }

	bool Told(const char* Line) const
	{
		for (const std::string& L : Story)
		{
			if (L.rfind(Line, 0) == 0)
			{
				return true;
			}
		}
		return false;
	}

private:
	void Done(const MusubiCore::FError& Error, std::string_view RoomCode)
	{
		Outcomes++;
		Outcome = Error;
		Code = RoomCode;
		if (InOutcome)
		{
			InOutcome();
		}
	}
};

/** Pumps all of them until the condition holds; 20 s are a failure. The first one's wait lets the processor go. */
template <class Condition>
void Until(std::initializer_list<FPlayer*> Players, Condition&& Holds, const char* What)
{
	const uint64_t End = now_ns() + 20000000000u;
	while (true)
	{
		for (FPlayer* Player : Players)
		{
			Player->Session.Pump(Seconds());
		}
		if (Holds())
		{
			return;
		}
		if (now_ns() > End)
		{
			std::fprintf(stderr, "not within 20 s: %s\n", What);
			std::exit(1);
		}
		if (Players.size() > 0)
		{
			(*Players.begin())->Session.Library().wait(2).ignore();
		}
	}
}
#define UNTIL(condition, ...) Until({__VA_ARGS__}, [&] { return (condition); }, #condition)

/** Host and guest in one room, connected. */
void Meet(FPlayer& Host, FPlayer& Guest);

#endif
