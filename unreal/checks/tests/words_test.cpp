// MusubiCore without a network: what it says when the library is missing, addresses, virtual ports with hostile datagrams, the
// ring, NetDriverDefinitions, the console's words.
#include "MusubiCommands.h"
#include "MusubiDriverLogic.h"
#include "MusubiLibraryCheck.h"

#include "../../../bindings/c/tests/test.h"

using namespace MusubiCore;

static bool Has(const std::string& Text, const char* Part)
{
	if (Text.find(Part) != std::string::npos)
	{
		return true;
	}
	std::fprintf(stderr, "\"%s\" lacks \"%s\"\n", Text.c_str(), Part);
	return false;
}

static musubi_api Table;
static const musubi_api* Given(uint32_t Version) { return Version == MUSUBI_ABI_VERSION ? &Table : nullptr; }
static const musubi_api* Nothing(uint32_t) { return nullptr; }

static void MissingAndWrongLibraries()
{
	FError Why;
	Table.struct_size = sizeof Table;
	Table.event_size = sizeof(musubi_event);
	Table.message_size = sizeof(musubi_message);
	Table.version = [] { return "0.0.9"; };
	CHECK(CheckLibrary("/x/libmusubi.so", true, Given, Why) == &Table && !Why);
	CHECK(CheckLibrary("", false, nullptr, Why) == nullptr && Has(Why.Sentence, "no library for this platform"));
	CHECK(CheckLibrary("/x/libmusubi.so", false, nullptr, Why) == nullptr && Has(Why.Sentence, "/x/libmusubi.so") && Has(Why.Sentence, "not found"));
	CHECK(CheckLibrary("/x/other.so", true, nullptr, Why) == nullptr && Has(Why.Sentence, "no function musubi_get_api"));
	CHECK(CheckLibrary("/x/libmusubi.so", true, Nothing, Why) == nullptr && Has(Why.Sentence, "version 1") && Why.Code == MUSUBI_ERR_VERSION);
	Table.struct_size = sizeof Table - sizeof(void*);
	CHECK(CheckLibrary("/x/libmusubi.so", true, Given, Why) == nullptr && Has(Why.Sentence, "0.0.9") && Has(Why.Sentence, MUSUBI_VERSION));
	Table.struct_size = sizeof Table + 64; // a newer one
	CHECK(CheckLibrary("/x/libmusubi.so", true, Given, Why) == &Table && !Why && LibraryFile() != nullptr);
}

static void Errors()
{
	CHECK(!ErrorOf(musubi::Result(3), "x") && ErrorOf(musubi::Result(-3, "gone"), "send").Sentence == "Could not send: gone.");
	CHECK(!ErrorOf(nullptr, 0, "ignored") && ErrorOf(nullptr, -5, "why").Sentence == "why" && Has(ErrorOf(nullptr, 42, "").Sentence, "42"));
	CHECK(!ErrorOf(nullptr, -5, "").Sentence.empty());
}

static void Addresses()
{
	FAddress A;
	A.Port = 7777;
	CHECK(ParseAddress("musubi.E4K7Q2XM", A) && A.Peer == 0 && A.Port == 7777 && std::string(A.RoomCode) == "E4K7Q2XM");
	CHECK(ToText(A, true) == "musubi.E4K7Q2XM:7777" && ToText(A, false) == "musubi.E4K7Q2XM");
	CHECK(ParseAddress("Musubi.HOST:15000", A) && A.Peer == 0 && A.Port == 15000 && A.RoomCode[0] == 0 && ToText(A, true) == "musubi.host:15000");
	CHECK(ParseAddress("musubi.peer-1f:49152", A) && A.Peer == 0x1f && A.Port == 49152 && ToText(A, true) == "musubi.peer-1f:49152");
	const FAddress Before = A;
	for (const char* Bad : {"", "musubi", "musubi.", "127.0.0.1:7777", "musubi.a b", "musubi.ABC:", "musubi.ABC:0", "musubi.ABC:65536", "musubi.ABC:7x", "musubi.peer-", "musubi.peer-0",
			 "musubi.peer-xyz", "musubi.12345678901234567", "musubi.\xc3\xa9", "steam.123"})
	{
		CHECK(!ParseAddress(Bad, A) && A == Before);
	}
	FAddress B = A, C = A;
	B.Port++;
	C.RoomCode[0] = 'X';
	CHECK(A != B && A == C && IsMusubiHost("MUSUBI.x") && !IsMusubiHost("musubix"));
}

static musubi::View Datagram(std::string& Bytes, uint16_t To, uint16_t From, size_t Size)
{
	Bytes = {static_cast<char>(To), static_cast<char>(To >> 8), static_cast<char>(From), static_cast<char>(From >> 8)};
	Bytes.append(Size, 'd');
	return Bytes;
}

// Sessions without a client have ports all the same.
static void PortsAndHostileDatagrams()
{
	FSession Session;
	FPortSwitch& Ports = Session.Ports;
	FDatagramSocket Game, Beacon, Client, Other;
	FAddress From;
	size_t Read = 0;
	uint8_t Buffer[MaxDatagram];
	std::string Bytes;

	CHECK(Game.SendTo(From, "x", 1) == ESocketResult::Closed && Game.ReceiveFrom(Buffer, 10, Read, From) == ESocketResult::Closed);
	CHECK(Game.Bind(Session, 7777) == ESocketResult::Ok && Beacon.Bind(Session, 15000) == ESocketResult::Ok && Other.Bind(Session, 7777) == ESocketResult::InUse && !Other.IsOpen());
	CHECK(Client.Bind(Session, 0) == ESocketResult::Ok && Client.Port() == FirstFreePort);
	CHECK(Client.Bind(Session, 0) == ESocketResult::Ok && Client.Port() == FirstFreePort + 1); // never the one just left

	Ports.Receive(5, musubi::Mode::unreliable, Datagram(Bytes, 15000, 50000, 3));
	Ports.Receive(5, musubi::Mode::unreliable, Datagram(Bytes, 7777, 50001, 7));
	CHECK(Game.NextSize() == 7 && Game.ReceiveFrom(Buffer, sizeof Buffer, Read, From) == ESocketResult::Ok && Read == 7 && From.Peer == 5 && From.Port == 50001);
	CHECK(Game.ReceiveFrom(Buffer, sizeof Buffer, Read, From) == ESocketResult::NothingThere && Game.NextSize() == 0);
	Ports.Receive(6, musubi::Mode::unreliable, Datagram(Bytes, 15000, 50000, 2));
	CHECK(Beacon.ReceiveFrom(Buffer, 2, Read, From) == ESocketResult::Ok && Read == 2 && From.Peer == 6 && Beacon.TooLong == 1); // the longer one is skipped
	CHECK(Beacon.ReceiveFrom(Buffer, 2, Read, From) == ESocketResult::NothingThere);

	for (size_t Size = 0; Size <= PortHeader; Size++) // too short for a payload
	{
		Ports.Receive(5, musubi::Mode::unreliable, musubi::View(Bytes.data(), Size));
	}
	Ports.Receive(5, musubi::Mode::unreliable, Datagram(Bytes, 7777, 1, MaxDatagram + 1));
	Ports.Receive(5, musubi::Mode::reliable_ordered, Datagram(Bytes, 7777, 1, 1));
	Ports.Receive(5, musubi::Mode::unreliable, Datagram(Bytes, 7777, 0, 1));
	CHECK(Ports.Drops.Malformed == PortHeader + 4 && Ports.Drops.NoSocket == 0 && Game.NextSize() == 0);
	Ports.Receive(5, musubi::Mode::unreliable, Datagram(Bytes, 7778, 1, 1));
	CHECK(Ports.Drops.NoSocket == 1);

	From = {};
	From.Port = 1;
	CHECK(Game.SendTo(From, Buffer, MaxDatagram + 1) == ESocketResult::TooLarge && Game.SendTo(From, Buffer, 0) == ESocketResult::TooLarge);
	CHECK(Game.SendTo(From, Buffer, 1) == ESocketResult::Ok && Ports.Drops.NoHost == 1); // no room, no host
	From.Peer = 9;
	CHECK(Game.SendTo(From, Buffer, 1) == ESocketResult::Ok && Ports.Drops.Refused == 1); // no such peer
}

// A ring that nobody reads fills and says so; read while it is written, nothing is lost, mixed up or doubled over many laps.
static void TheRing()
{
	FSession Session;
	FDatagramSocket Socket;
	FAddress From;
	size_t Read = 0;
	uint8_t Buffer[MaxDatagram];
	std::string Bytes;
	CHECK(Socket.Bind(Session, 7777) == ESocketResult::Ok);
	uint64_t Sent = 0;
	for (; Session.Ports.Drops.Full == 0; Sent++)
	{
		Session.Ports.Receive(Sent + 1, musubi::Mode::unreliable, Datagram(Bytes, 7777, 1, 1024));
		CHECK(Sent < 1000);
	}
	CHECK(Sent > 240);
	for (uint64_t i = 1; i < Sent; i++)
	{
		CHECK(Socket.ReceiveFrom(Buffer, sizeof Buffer, Read, From) == ESocketResult::Ok && Read == 1024 && From.Peer == i);
	}
	CHECK(Socket.ReceiveFrom(Buffer, sizeof Buffer, Read, From) == ESocketResult::NothingThere);
	uint64_t Got = 0;
	for (Sent = 0; Sent < 20000; Sent++)
	{
		Session.Ports.Receive(Sent + 1, musubi::Mode::unreliable, Datagram(Bytes, 7777, static_cast<uint16_t>(Sent % 65535 + 1), Sent * 37 % MaxDatagram + 1));
		for (int i = 0; Sent % 50 == 49 && i < 50; i++, Got++)
		{
			CHECK(Socket.ReceiveFrom(Buffer, sizeof Buffer, Read, From) == ESocketResult::Ok && From.Peer == Got + 1);
			CHECK(Read == Got * 37 % MaxDatagram + 1 && Buffer[0] == 'd' && Buffer[Read - 1] == 'd' && From.Port == Got % 65535 + 1);
		}
	}
	CHECK(Got == 20000 && Session.Ports.Drops.Full == 1);
}

static void FreshPortsGoRound()
{
	FSession Session;
	FDatagramSocket Stays, Moves;
	CHECK(Stays.Bind(Session, 0) == ESocketResult::Ok && Stays.Port() == FirstFreePort);
	for (uint32_t i = 1; i <= 65535u - FirstFreePort; i++)
	{
		CHECK(Moves.Bind(Session, 0) == ESocketResult::Ok && Moves.Port() == FirstFreePort + i);
	}
	CHECK(Moves.Bind(Session, 0) == ESocketResult::Ok && Moves.Port() == FirstFreePort + 1); // the first one is taken
}

static void Definitions()
{
	const FDriverDefinition Game{"GameNetDriver", DriverClass, "/Script/OnlineSubsystemUtils.IpNetDriver"}, Beacon{"BeaconNetDriver", DriverClass, ""};
	const FDriverDefinition Ip{"GameNetDriver", "/Script/OnlineSubsystemUtils.IpNetDriver", ""}, Demo{"DemoNetDriver", "/Script/Engine.DemoNetDriver", ""};
	CHECK(CheckDriverDefinitions({Demo, Game, Beacon}).empty());
	CHECK(CheckDriverDefinitions({}).size() == 2 && Has(CheckDriverDefinitions({})[0], "DefName=\"GameNetDriver\"") && Has(CheckDriverDefinitions({Game})[0], "Beacons"));
	CHECK(Has(CheckDriverDefinitions({Ip, Game, Beacon})[0], "ClearArray") && Has(CheckDriverDefinitions({Ip, Beacon})[0], "IpNetDriver for GameNetDriver"));
	CHECK(CheckDriverDefinitions({Game, Ip, Beacon}).empty()); // ours stands first
}

static void Routes()
{
	FSession None;
	CHECK(ChooseRoute(true, "musubi.ABCDEF", false, nullptr) == EDriverRoute::Musubi && ChooseRoute(true, "127.0.0.1", true, nullptr) == EDriverRoute::PlainIp);
	CHECK(ChooseRoute(false, "", false, &None) == EDriverRoute::PlainIp && ChooseRoute(false, "", false, nullptr) == EDriverRoute::PlainIp && ChooseRoute(false, "", true, &None) == EDriverRoute::Musubi);
	FDriverLogic Logic;
	FDatagramSocket Socket;
	CHECK(Has(Logic.Connect(None, "musubi.ABCDEF", Socket).Sentence, "is not running") && Has(Logic.Connect(None, "1.2.3.4", Socket).Sentence, "1.2.3.4"));
	CHECK(Logic.Listen(None, 7777, true, Socket) && Logic.Session() == nullptr && !Socket.IsOpen());
}

static void SimulationWords()
{
	FSimulationWish Wish;
	CHECK(!ParseSimulation("loss=5 lag=80  jitter=10.5 reorder=1 dup=0.5 burst=3 rate=2000 ", Wish) && !Wish.bOff && Wish.Preset.empty());
	CHECK(Wish.Each.loss_ppm == 50000 && Wish.Each.latency_us == 80000 && Wish.Each.jitter_us == 10500 && Wish.Each.reorder_ppm == 10000 && Wish.Each.duplicate_ppm == 5000);
	CHECK(Wish.Each.loss_burst == 3 && Wish.Each.rate == 2000000);
	CHECK(!ParseSimulation("off", Wish) && Wish.bOff && !ParseSimulation("bad-wifi", Wish) && Wish.Preset == "bad-wifi" && !Wish.bOff);
	for (const char* Bad : {"", "  ", "loss", "loss=5 4g", "4g loss=5", "off off", "loss=", "loss=x", "loss=-1", "loss=101", "lag=nan", "rate=1e30", "speed=3", "off lag=3"})
	{
		const FError Error = ParseSimulation(Bad, Wish);
		if (std::string(Bad) == "loss") // might be a preset: the library says no
		{
			CHECK(!Error && Wish.Preset == "loss");
			continue;
		}
		CHECK(Error.Code == MUSUBI_ERR_VALUE && Has(Error.Sentence, "Allowed"));
	}
	CHECK(Has(ParseSimulation("loss=101", Wish).Sentence, "0 to 100"));
}

static void Keys()
{
	std::vector<uint8_t> Bytes;
	CHECK(ParseHex("00fF 1a", Bytes) && Bytes == (std::vector<uint8_t>{0, 255, 26}) && ParseHex("", Bytes) && Bytes.empty());
	CHECK(!ParseHex("0", Bytes) && !ParseHex("0g", Bytes) && !ParseHex("0x00", Bytes));
	FSession Session;
	FSessionConfig Config;
	Config.AppKey.assign(31, 1);
	CHECK(Has(Session.Start(nullptr, Config).Sentence, "31 bytes") && !Session.IsRunning());
}

static void WithoutASession()
{
	FSession Session;
	CHECK(Session.Host(4, {}) && Session.Join("ABCDEF") && Session.Leave() && Session.HostLan(0, {}) && Session.JoinLan("x", "y"));
	CHECK(Session.Send(1, musubi::Mode::unreliable, 0, "x").Code == MUSUBI_ERR_HANDLE && Session.Send(1, musubi::Mode::unreliable, 255, "x").Code == MUSUBI_ERR_VALUE);
	CHECK(Session.Broadcast(musubi::Mode::unreliable, 255, "x").Code == MUSUBI_ERR_VALUE && Has(Status(Session), "no session"));
	FSessionConfig Config;
	CHECK(Session.Start(nullptr, Config).Code == MUSUBI_ERR_VERSION);
	Session.Pump(1);
	Session.Stop();
}

int main()
{
	MissingAndWrongLibraries();
	Errors();
	Addresses();
	PortsAndHostileDatagrams();
	TheRing();
	FreshPortsGoRound();
	Definitions();
	Routes();
	SimulationWords();
	Keys();
	WithoutASession();
	return 0;
}
