// Drivers and their sockets with the real library and a server on this machine: two drivers exchange datagrams, with none
// allocated for; lose some on a bad network; travel to a new virtual port; close.   driver_test SERVER LIBRARY
#include "world.h"

using namespace MusubiCore;

static const musubi_api* Api;
static server Server;

/** A listening driver of the host and a connecting one of the guest, as the engine has them between two travels. */
struct FDrivers
{
	FDatagramSocket ListenSocket, ClientSocket;
	FDriverLogic Listen, Client;
	FAddress Host; // as the engine's client addresses it

	FDrivers(FPlayer& HostPlayer, FPlayer& GuestPlayer, const char* Url, uint16_t Port)
	{
		CHECK(!Listen.Listen(HostPlayer.Session, Port, false, ListenSocket));
		CHECK(!Client.Connect(GuestPlayer.Session, Url, ClientSocket));
		CHECK(ParseAddress(Url, Host));
		Host.Port = Port;
	}
	~FDrivers()
	{
		Client.Close();
		Listen.Close();
	}
};

/** Reads what waits, as UIpNetDriver does each frame. */
static size_t Drain(FDatagramSocket& Socket, std::string* Last = nullptr, FAddress* From = nullptr)
{
	uint8_t Buffer[MaxDatagram];
	FAddress Source;
	size_t Read = 0, Count = 0;
	while (Socket.ReceiveFrom(Buffer, sizeof Buffer, Read, Source) == ESocketResult::Ok)
	{
		Count++;
		if (Last != nullptr)
		{
			Last->assign(reinterpret_cast<char*>(Buffer), Read);
		}
		if (From != nullptr)
		{
			*From = Source;
		}
	}
	return Count;
}

/** Until one datagram came, sending again now and then as the engine's handshake does. */
static std::string Arrives(FPlayer& To, FDatagramSocket& In, FPlayer& Sender, FDatagramSocket& Out, const FAddress& Address, const char* Text, FAddress* From = nullptr)
{
	std::string Last;
	int Turn = 0;
	UNTIL([&] {
		if (Turn++ % 20 == 0)
		{
			CHECK(Out.SendTo(Address, Text, std::strlen(Text)) == ESocketResult::Ok);
		}
		return Drain(In, &Last, From) > 0;
	}(), &To, &Sender);
	return Last;
}

// The whole story: the client's driver exists before it has joined, as `open musubi.CODE` makes it.
static void OpenExchangeTravelClose()
{
	FPlayer Host(Api, Server.address), Guest(Api, Server.address);
	CHECK(!Host.Session.Host(4, {}));
	UNTIL(Host.Outcomes == 1, &Host);
	const std::string Url = "musubi." + Host.Code;
	FAddress Client, FirstClient;
	std::string Late;
	{
		FDrivers First(Host, Guest, Url.c_str(), 7777);
		CHECK(Guest.Session.IsMoving() && First.ClientSocket.Port() >= FirstFreePort);
		CHECK(First.ClientSocket.SendTo(First.Host, "too early", 9) == ESocketResult::Ok && Guest.Session.Ports.Drops.NoHost == 1);
		CHECK(Arrives(Host, First.ListenSocket, Guest, First.ClientSocket, First.Host, "challenge", &Client) == "challenge");
		CHECK(Client.Peer != 0 && Client.Port == First.ClientSocket.Port());
		FAddress From;
		CHECK(Arrives(Guest, First.ClientSocket, Host, First.ListenSocket, Client, "response", &From) == "response");
		CHECK(From == First.Host); // what the client compares, though it never knew the peer's number
		FirstClient = Client;
	}
	{
		// Travel: both sides make new drivers; the server's port is the same, the client's a new one.
		FDrivers Second(Host, Guest, Url.c_str(), 7777);
		CHECK(Second.ClientSocket.Port() != FirstClient.Port);
		const uint64_t Nobody = Guest.Session.Ports.Drops.NoSocket;
		CHECK(Second.ListenSocket.SendTo(FirstClient, "for the past", 12) == ESocketResult::Ok); // what was still under way
		CHECK(Arrives(Host, Second.ListenSocket, Guest, Second.ClientSocket, Second.Host, "again", &Client) == "again");
		CHECK(Client.Peer == FirstClient.Peer && Client.Port == Second.ClientSocket.Port());
		UNTIL(Guest.Session.Ports.Drops.NoSocket > Nobody, &Guest, &Host);
		CHECK(Drain(Second.ClientSocket, &Late) == 0);

		// A beacon beside the game's driver; the game's port is taken.
		FDatagramSocket Taken;
		FDriverLogic Other;
		CHECK(Other.Listen(Host.Session, 7777, false, Taken).Code == MUSUBI_ERR_ALREADY && !Taken.IsOpen());
		FDrivers Beacon(Host, Guest, "musubi.host", 15000);
		CHECK(Arrives(Host, Beacon.ListenSocket, Guest, Beacon.ClientSocket, Beacon.Host, "beacon") == "beacon" && Drain(Second.ListenSocket) == 0);

		// The game goes: the client's drivers know it at once, the server's which peer it was.
		FError Why;
		musubi_peer Gone = 0;
		CHECK(!Second.Client.TakeFailure(Why) && !Second.Listen.TakeClosedPeer(Gone, Why));
		CHECK(Host.Session.Library().peer_close(Client.Peer, 7, "server closes"));
		UNTIL(Guest.Told("closed") && Host.Told("closed"), &Guest, &Host);
		CHECK(Second.Client.TakeFailure(Why) && Why.Code == 7 && Why.Sentence == "server closes" && !Second.Client.TakeFailure(Why));
		CHECK(Beacon.Client.TakeFailure(Why) && !Second.Listen.TakeFailure(Why));
		CHECK(Second.Listen.TakeClosedPeer(Gone, Why) && Gone == Client.Peer && !Why.Sentence.empty() && !Second.Listen.TakeClosedPeer(Gone, Why));
	}
	CHECK(Host.Session.IsHost() && Guest.Session.InRoom()); // drivers come and go, the room stays
}

// Thousands of datagrams both ways, 1,024 bytes each as the engine's packets: nothing is allocated. They are unreliable, so how many
// are sent for them is the machine's business.
static void NothingAllocatedForADatagram()
{
	FPlayer Host(Api, Server.address), Guest(Api, Server.address);
	Meet(Host, Guest);
	FDrivers Drivers(Host, Guest, "musubi.host", 7777);
	FAddress Client;
	Arrives(Host, Drivers.ListenSocket, Guest, Drivers.ClientSocket, Drivers.Host, "hello", &Client);
	uint8_t Packet[1024] = {1, 2, 3};
	size_t AtHost = 0, AtGuest = 0;
	unsigned long Made = 0;
	const uint64_t End = now_ns() + 20000000000u;
	while (AtHost < 4000 || AtGuest < 4000)
	{
		const unsigned long Before = Allocations;
		const int Others = Host.Others + Guest.Others;
		Host.Session.Pump(Seconds());
		Guest.Session.Pump(Seconds());
		for (int i = 0; i < 20; i++)
		{
			CHECK(Drivers.ClientSocket.SendTo(Drivers.Host, Packet, sizeof Packet) == ESocketResult::Ok);
			CHECK(Drivers.ListenSocket.SendTo(Client, Packet, sizeof Packet) == ESocketResult::Ok);
		}
		AtHost += Drain(Drivers.ListenSocket);
		AtGuest += Drain(Drivers.ClientSocket);
		Made += Host.Others + Guest.Others == Others ? Allocations - Before : 0; // a change of the route is no datagram
		CHECK(now_ns() < End);
		Host.Session.Library().wait(2).ignore();
	}
	std::printf("%zu datagrams of 1024 bytes, %lu allocations\n", AtHost + AtGuest, Made);
	CHECK(Made == 0 && Guest.Session.Ports.Drops.Malformed == 0);
}

// On a network that loses a third, a driver still gets what comes through, each datagram once and whole.
static void LossAndOversize()
{
	FPlayer Host(Api, Server.address), Guest(Api, Server.address);
	Meet(Host, Guest);
	FDrivers Drivers(Host, Guest, "musubi.host", 7777);
	FAddress Client;
	Arrives(Host, Drivers.ListenSocket, Guest, Drivers.ClientSocket, Drivers.Host, "hello", &Client);
	musubi::Simulation Bad;
	Bad.loss_ppm = 300000;
	Bad.seed = 7;
	CHECK(Guest.Session.Library().simulate(&Bad, nullptr));
	std::vector<int> Seen(400);
	uint32_t Next = 0;
	int Arrived = 0, Doubled = 0, Quiet = 0;
	UNTIL([&] {
		for (int i = 0; i < 4 && Next < Seen.size(); i++, Next++)
		{
			uint8_t Packet[1200];
			std::memset(Packet, static_cast<int>(Next), sizeof Packet);
			std::memcpy(Packet, &Next, sizeof Next);
			CHECK(Drivers.ClientSocket.SendTo(Drivers.Host, Packet, sizeof Packet) == ESocketResult::Ok);
		}
		uint8_t Buffer[MaxDatagram];
		size_t Read = 0;
		FAddress From;
		Quiet++;
		while (Drivers.ListenSocket.ReceiveFrom(Buffer, sizeof Buffer, Read, From) == ESocketResult::Ok)
		{
			uint32_t Number = 0;
			std::memcpy(&Number, Buffer, sizeof Number);
			if (Read == 1200) // "hello" may come late
			{
				CHECK(Number < Seen.size() && Buffer[1199] == static_cast<uint8_t>(Number));
				Doubled += Seen[Number]++ > 0;
				Arrived++;
				Quiet = 0;
			}
		}
		return Next == Seen.size() && Quiet > 100;
	}(), &Host, &Guest);
	std::printf("of 400 datagrams at 30 %% loss %d arrived, %d twice\n", Arrived, Doubled);
	CHECK(Arrived > 100 && Doubled == 0);
	std::string Large(MaxDatagram + 1, 'x');
	CHECK(Drivers.ClientSocket.SendTo(Drivers.Host, Large.data(), Large.size()) == ESocketResult::TooLarge);
	CHECK(Drivers.ClientSocket.SendTo(Drivers.Host, Large.data(), MaxDatagram) == ESocketResult::Ok);
}

static void WhatCantBeOpened()
{
	FPlayer Host(Api, Server.address), Guest(Api, Server.address);
	FDatagramSocket Socket, Listening;
	FDriverLogic Driver, Server_;
	FError Why;
	CHECK(Driver.Connect(Guest.Session, "musubi.host", Socket).Code == MUSUBI_ERR_NOT_IN_ROOM);
	CHECK(!Driver.Connect(Guest.Session, "musubi.WRONGCOD", Socket));
	UNTIL(Driver.TakeFailure(Why), &Guest);
	CHECK(Why.Code == MUSUBI_ERR_BAD_CODE && !Why.Sentence.empty());

	// Listening with "?musubi" makes the room; the route follows the room.
	CHECK(ChooseRoute(false, "", false, &Host.Session) == EDriverRoute::PlainIp);
	CHECK(!Server_.Listen(Host.Session, 7777, true, Listening));
	CHECK(ChooseRoute(false, "", false, &Host.Session) == EDriverRoute::Musubi);
	UNTIL(Host.Outcomes == 1, &Host);
	CHECK(!Host.Outcome && Driver.Connect(Host.Session, "musubi.host", Socket).Code == MUSUBI_ERR_ALREADY);
	CHECK(!Driver.Connect(Guest.Session, "musubi." + Host.Code, Socket));
	CHECK(Driver.Connect(Guest.Session, "musubi.OTHER", Socket).Code == MUSUBI_ERR_ALREADY); // on the way into another room
	CHECK(!Driver.Connect(Guest.Session, "musubi." + Host.Code, Socket));                    // the same one: joins in
	UNTIL(Guest.Outcomes == 2, &Guest, &Host);
	CHECK(Driver.Connect(Guest.Session, "musubi.OTHER", Socket).Code == MUSUBI_ERR_ALREADY);
	std::string Lower = Host.Code;
	for (char& C : Lower)
	{
		C = C >= 'A' && C <= 'Z' ? static_cast<char>(C + 32) : C;
	}
	CHECK(!Driver.Connect(Guest.Session, "musubi." + Lower, Socket) && Socket.IsOpen());

	// The session ends under the driver.
	Guest.Session.Stop();
	CHECK(!Socket.IsOpen() && Driver.TakeFailure(Why) && Driver.Session() == nullptr && Socket.SendTo({}, "x", 1) == ESocketResult::Closed);
	Driver.Close();
}

int main(int Count, char** Words)
{
	CHECK(Count == 3);
	Api = LoadLibrary(Words[2]);
	Server = server_start(Words[1]);
	OpenExchangeTravelClose();
	NothingAllocatedForADatagram();
	LossAndOversize();
	WhatCantBeOpened();
	server_stop(&Server);
	return 0;
}
