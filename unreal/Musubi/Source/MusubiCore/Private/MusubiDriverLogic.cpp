#include "MusubiDriverLogic.h"

#include <algorithm>

namespace MusubiCore
{

EDriverRoute ChooseRoute(bool bClient, std::string_view UrlHost, bool bMusubiOption, const FSession* Session)
{
	if (bClient)
	{
		return IsMusubiHost(UrlHost) ? EDriverRoute::Musubi : EDriverRoute::PlainIp;
	}
	const bool bRoom = Session != nullptr && (Session->InRoom() || Session->IsMoving());
	return bMusubiOption || bRoom ? EDriverRoute::Musubi : EDriverRoute::PlainIp;
}

FDriverLogic::~FDriverLogic()
{
	Close();
}

static bool SameCode(std::string_view A, std::string_view B)
{
	const auto Upper = [](char C) { return C >= 'a' && C <= 'z' ? static_cast<char>(C - 'a' + 'A') : C; };
	return std::equal(A.begin(), A.end(), B.begin(), B.end(), [&](char X, char Y) { return Upper(X) == Upper(Y); });
}

FError FDriverLogic::Connect(FSession& To, std::string_view UrlHost, FDatagramSocket& With)
{
	Close();
	FAddress Host;
	if (!ParseAddress(UrlHost, Host))
	{
		return {MUSUBI_ERR_VALUE, "\"" + std::string(UrlHost) + "\" is not a Musubi address: expected musubi.CODE with the room's join code, or musubi.host."};
	}
	const std::string_view Code = Host.RoomCode;
	if (!To.IsRunning())
	{
		return {MUSUBI_ERR_HANDLE, "Musubi's session is not running; the log says why, under LogMusubi."};
	}
	if (To.IsHost())
	{
		return {MUSUBI_ERR_ALREADY, "This player hosts room " + To.RoomCode() + "; it can't connect to itself."};
	}
	if (Code.empty() && Host.Peer == 0 && !To.InRoom() && !To.IsMoving())
	{
		return {MUSUBI_ERR_NOT_IN_ROOM, "musubi.host is the host of the room that this player is in, and it is in none: join by code first, or open musubi.CODE."};
	}
	if (To.InRoom() && !Code.empty() && !SameCode(Code, To.RoomCode()))
	{
		return {MUSUBI_ERR_ALREADY, "This player is in room " + To.RoomCode() + "; leave it before opening musubi." + std::string(Code) + "."};
	}
	if (To.IsMoving() && !Code.empty() && !SameCode(Code, To.JoiningCode()))
	{
		return {MUSUBI_ERR_ALREADY, "Hosting or joining another room is under way; wait for its outcome or leave first."};
	}
	if (const ESocketResult Result = With.Bind(To, 0); Result != ESocketResult::Ok)
	{
		return {MUSUBI_ERR_LIMIT, "No virtual port is free."};
	}
	Of = &To;
	Socket = &With;
	bClient = true;
	To.AddListener(this);
	if (!To.InRoom() && !To.IsMoving())
	{
		if (FError Error = To.Join(Code))
		{
			Close();
			return Error;
		}
	}
	return {};
}

FError FDriverLogic::Listen(FSession& To, uint16_t Port, bool bHostRoom, FDatagramSocket& With)
{
	Close();
	if (!To.IsRunning())
	{
		return {MUSUBI_ERR_HANDLE, "Musubi's session is not running; the log says why, under LogMusubi."};
	}
	if (With.Bind(To, Port) != ESocketResult::Ok)
	{
		return {MUSUBI_ERR_ALREADY, "Virtual port " + std::to_string(Port) + " is in use by another net driver of this game instance."};
	}
	Of = &To;
	Socket = &With;
	bClient = false;
	To.AddListener(this);
	if (bHostRoom && !To.InRoom() && !To.IsMoving())
	{
		if (FError Error = To.Host(0, {}))
		{
			Close();
			return Error;
		}
	}
	return {};
}

void FDriverLogic::Close()
{
	if (Of != nullptr)
	{
		Of->RemoveListener(this);
	}
	if (Socket != nullptr)
	{
		Socket->Close();
	}
	Of = nullptr;
	Socket = nullptr;
	bFailed = bFailureTold = false;
	ClosedPeers.clear();
}

bool FDriverLogic::TakeFailure(FError& Why)
{
	if (!bFailed || bFailureTold)
	{
		return false;
	}
	bFailureTold = true;
	Why = Failure;
	return true;
}

bool FDriverLogic::TakeClosedPeer(musubi_peer& Peer, FError& Why)
{
	if (ClosedPeers.empty())
	{
		return false;
	}
	Peer = ClosedPeers.back().Peer;
	Why = std::move(ClosedPeers.back().Why);
	ClosedPeers.pop_back();
	return true;
}

void FDriverLogic::Fail(const FError& Error)
{
	if (!bFailed)
	{
		bFailed = true;
		Failure = Error;
	}
}

void FDriverLogic::JoinEnded(const FError& Error, musubi_peer Host)
{
	if (!bClient)
	{
		return;
	}
	if (Error)
	{
		Fail(Error);
	}
	else if (Host == 0)
	{
		Fail({MUSUBI_ERR_PEER_GONE, "The room's host has left; this player is its host now."});
	}
}

void FDriverLogic::HostEnded(const FError& Error, std::string_view)
{
	if (!bClient && Error)
	{
		Fail(Error);
	}
}

void FDriverLogic::PeerClosed(const FPeer& Peer, const FError& Error, uint64_t)
{
	const FError Why = Error ? Error : FError{MUSUBI_ERR_REMOTE_CLOSED, "The other player closed the connection."};
	const musubi_peer Host = Socket->Host() != 0 ? Socket->Host() : Of->HostPeer();
	if (bClient && Host == Peer.Id)
	{
		Fail(Why);
	}
	if (ClosedPeers.size() >= MUSUBI_MAX_PEERS) // of a driver that nobody ticks: the oldest ones run into the engine's time-out
	{
		ClosedPeers.erase(ClosedPeers.begin());
	}
	ClosedPeers.push_back({Peer.Id, Why});
}

void FDriverLogic::Failed(const FError& Error)
{
	Fail(Error);
}

void FDriverLogic::Stopped()
{
	Fail({MUSUBI_ERR_CLOSED, "Musubi's session was stopped."});
	Of = nullptr;
}

std::vector<std::string> CheckDriverDefinitions(const std::vector<FDriverDefinition>& Definitions)
{
	std::vector<std::string> Found;
	for (const char* Name : {"GameNetDriver", "BeaconNetDriver"})
	{
		const FDriverDefinition* First = nullptr;
		bool bOursLater = false;
		for (const FDriverDefinition& Definition : Definitions)
		{
			if (Definition.Name != Name)
			{
				continue;
			}
			bOursLater = bOursLater || (First != nullptr && Definition.Class == DriverClass);
			First = First == nullptr ? &Definition : First;
		}
		const std::string What = std::string(Name) == "GameNetDriver" ? "Replication" : "Beacons";
		if (First == nullptr)
		{
			Found.push_back(What + " can't use Musubi: no NetDriverDefinitions has DefName=\"" + Name + "\". Copy the lines of the plugin's Config/NetDriver.ini into Config/DefaultEngine.ini.");
		}
		else if (First->Class != DriverClass && bOursLater)
		{
			Found.push_back(What + " won't use Musubi: " + First->Class + " comes before it in NetDriverDefinitions for " + Name +
				", and the first one counts. Put !NetDriverDefinitions=ClearArray before your lines in Config/DefaultEngine.ini, as in the plugin's Config/NetDriver.ini.");
		}
		else if (First->Class != DriverClass)
		{
			Found.push_back(What + " won't use Musubi: NetDriverDefinitions has " + First->Class + " for " + Name +
				". Another .ini file or plugin set it, or yours was never changed; copy the lines of the plugin's Config/NetDriver.ini into Config/DefaultEngine.ini.");
		}
	}
	return Found;
}

} // namespace MusubiCore
