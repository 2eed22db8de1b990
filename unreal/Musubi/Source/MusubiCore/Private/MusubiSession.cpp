#include "MusubiSession.h"

#include <algorithm>

namespace MusubiCore
{

FSession::~FSession()
{
	Stop();
}

FError FSession::Start(const musubi_api* Api, const FSessionConfig& Config)
{
	if (Client)
	{
		return {MUSUBI_ERR_ALREADY, "This game instance's Musubi session is running already."};
	}
	if (!Config.AppKey.empty() && Config.AppKey.size() != MUSUBI_APP_KEY_SIZE)
	{
		return {MUSUBI_ERR_VALUE, "The app key has " + std::to_string(Config.AppKey.size()) + " bytes; it is " + std::to_string(static_cast<int>(MUSUBI_APP_KEY_SIZE)) + " bytes, 64 hexadecimal digits."};
	}
	musubi::Config Wish(Config.Server.empty() ? nullptr : Config.Server.c_str());
	Wish.app = Config.App.empty() ? nullptr : Config.App.c_str();
	Wish.user = Config.UserId.empty() ? nullptr : Config.UserId.c_str();
	Wish.bind = Config.Bind.empty() ? nullptr : Config.Bind.c_str();
	Wish.token = Config.Token.empty() ? nullptr : Config.Token.data();
	Wish.token_size = static_cast<uint32_t>(Config.Token.size());
	Wish.flags = Config.Flags;
	Wish.privacy = Config.Privacy;
	Wish.app_key = Config.AppKey.size() == MUSUBI_APP_KEY_SIZE ? Config.AppKey.data() : nullptr;
	musubi::Result Why;
	Client = musubi::Client::create(Wish, Why, Api);
	if (!Client)
	{
		if (Why.code() == MUSUBI_ERR_ADDRESS)
		{
			return {Why.code(), "The server address \"" + Config.Server +
				"\" can't be read. It looks like musubi://host:3478/#key; `musubi server` prints it, key included."};
		}
		return ErrorOf(Why, "start Musubi");
	}
	Table = Api;
	Patience = Config.PatienceSeconds;
	bManualConnect = (Config.Flags & MUSUBI_CONFIG_MANUAL_CONNECT) != 0;
	Generation++;
	return {};
}

void FSession::Stop()
{
	if (!Client)
	{
		return;
	}
	Generation++;
	if (!Finish({MUSUBI_ERR_CLOSED, "The game left."}))
	{
		return; // a listener was quicker
	}
	Ports.Detach();
	Client.reset();
	Forget();
	bServerWanted = bServerConnected = false;
	Me.clear();
	Tell([](ISessionListener& L) { L.Stopped(); });
}

/** Takes removed listeners out, when nobody iterates. */
void FSession::Sweep()
{
	Listeners.erase(std::remove(Listeners.begin(), Listeners.end(), nullptr), Listeners.end());
}

void FSession::AddListener(ISessionListener* Listener)
{
	if (std::find(Listeners.begin(), Listeners.end(), Listener) == Listeners.end())
	{
		Listeners.push_back(Listener);
	}
}

void FSession::RemoveListener(ISessionListener* Listener)
{
	std::replace(Listeners.begin(), Listeners.end(), Listener, static_cast<ISessionListener*>(nullptr));
	if (Telling == 0)
	{
		Sweep();
	}
}

void FSession::Pump(double Now)
{
	Clock = Now;
	if (!Client || bPumping)
	{
		return;
	}
	bPumping = true;
	const uint64_t Mine = Generation;
	for (musubi::Event Event : Client.poll())
	{
		Handle(Event);
		if (Generation != Mine)
		{
			break; // a listener stopped the session, perhaps started another one
		}
	}
	if (Generation == Mine && Move != EMove::None)
	{
		if (Deadline == 0)
		{
			Deadline = Now + Patience;
		}
		else if (Now >= Deadline)
		{
			const std::string Seconds = std::to_string(static_cast<int>(Patience + 0.5));
			const char* Why = !bServerConnected ? ": the server does not answer. Is its address right, does it run, is UDP allowed?"
				: bInRoom ? ": the host can't be reached. `musubi.Status` in the console tells what was tried."
						  : ": the room's host has not let this player in yet, or the server is busy.";
			Client.room_leave().ignore();
			Finish({MUSUBI_ERR_TIMEOUT, "No answer within " + Seconds + " s" + Why});
		}
	}
	bPumping = false;
	Flush();
}

void FSession::Flush() const
{
	if (Client)
	{
		Client.flush().ignore();
	}
}

FError FSession::Begin(EMove What, const char* Words)
{
	if (!Client)
	{
		return {MUSUBI_ERR_HANDLE, std::string("Could not ") + Words + ": Musubi's session is not running."};
	}
	if (Move != EMove::None || bInRoom)
	{
		return {MUSUBI_ERR_ALREADY, std::string("Could not ") + Words + ": " + (bInRoom ? "this player is in room " + Code + " already; leave it first."
			: std::string("hosting or joining is under way already."))};
	}
	Move = What;
	Deadline = 0;
	return {};
}

/** The library's answer to the call behind a Begin; a refused one leaves no move behind. */
FError FSession::Started(const FError& Error)
{
	if (Error)
	{
		Move = EMove::None;
		Wanted.clear();
	}
	else
	{
		bServerWanted = true;
	}
	return Error;
}

/** A code as people paste it, without the spaces around it. */
static std::string Trimmed(std::string_view Text)
{
	const size_t First = Text.find_first_not_of(" \t\r\n"), Last = Text.find_last_not_of(" \t\r\n");
	return First == std::string_view::npos ? std::string() : std::string(Text.substr(First, Last - First + 1));
}

FError FSession::Host(uint32_t MaxMembers, musubi::View Data)
{
	musubi::RoomConfig Room(0, Data);
	Room.max_members = MaxMembers;
	return Host(Room);
}

FError FSession::Host(const musubi::RoomConfig& Room)
{
	if (FError Error = Begin(EMove::Hosting, "host a room"))
	{
		return Error;
	}
	musubi::Result Result = bServerWanted ? musubi::Result() : Client.connect();
	if (Result || Result.code() == MUSUBI_ERR_ALREADY)
	{
		Result = Client.room_create(Room);
	}
	return Started(ErrorOf(Result, "host a room"));
}

FError FSession::Join(std::string_view Text, const musubi::JoinConfig& Wish)
{
	if (FError Error = Begin(EMove::Joining, "join a room"))
	{
		return Error;
	}
	Wanted = Trimmed(Text);
	musubi::Result Result = bServerWanted ? musubi::Result() : Client.connect();
	if (Result || Result.code() == MUSUBI_ERR_ALREADY)
	{
		Result = Client.room_join(Wanted.c_str(), Wish);
	}
	if (Result.code() == MUSUBI_ERR_VALUE)
	{
		return Started({Result.code(), "\"" + Wanted + "\" is not a join code: codes have 1 to 16 characters."});
	}
	return Started(ErrorOf(Result, "join a room"));
}

FError FSession::HostLan(uint32_t MaxMembers, musubi::View Data)
{
	if (FError Error = Begin(EMove::Hosting, "host in the local network"))
	{
		return Error;
	}
	return Started(ErrorOf(Client.lan_host(MaxMembers, Data), "host in the local network"));
}

FError FSession::JoinLan(std::string_view Address, std::string_view Text)
{
	if (FError Error = Begin(EMove::Joining, "join in the local network"))
	{
		return Error;
	}
	Wanted = Trimmed(Text);
	return Started(ErrorOf(Client.lan_join(std::string(Address).c_str(), Wanted.c_str()), "join in the local network"));
}

FError FSession::Leave()
{
	if (!Client)
	{
		return {MUSUBI_ERR_HANDLE, "Could not leave the room: Musubi's session is not running."};
	}
	const bool bMoving = Move != EMove::None;
	const FError Error = ErrorOf(Client.room_leave(), "leave the room");
	if (bMoving)
	{
		Finish({MUSUBI_ERR_CLOSED, "The game gave up."});
		return {};
	}
	return Error;
}

/** The one place where a move ends. */
bool FSession::Finish(const FError& Error)
{
	const EMove Ended = Move;
	const uint64_t Mine = Generation;
	if (Ended == EMove::None)
	{
		return true;
	}
	Move = EMove::None;
	Wanted.clear();
	const std::string RoomCodeNow = Error ? std::string() : Code;
	const musubi_peer Host = Error ? 0 : Owner;
	Tell([&](ISessionListener& L) {
		if (Ended == EMove::Hosting)
		{
			L.HostEnded(Error, RoomCodeNow);
		}
		else
		{
			L.JoinEnded(Error, Host);
		}
	});
	return Generation == Mine;
}

FError FSession::Send(musubi_peer Peer, musubi::Mode Mode, uint32_t Channel, musubi::View Data, uint32_t Flags, uint64_t Id)
{
	if (Channel == NetChannel)
	{
		return {MUSUBI_ERR_VALUE, "Channel 255 carries replication; use 0 to 254."};
	}
	return ErrorOf(Client.send(Peer, Mode, Channel, Data, Flags | MUSUBI_SEND_NO_WAKE, Id), "send");
}

FError FSession::Broadcast(musubi::Mode Mode, uint32_t Channel, musubi::View Data, uint32_t Flags)
{
	if (Channel == NetChannel)
	{
		return {MUSUBI_ERR_VALUE, "Channel 255 carries replication; use 0 to 254."};
	}
	return ErrorOf(Client.broadcast(Mode, Channel, Data, Flags | MUSUBI_SEND_NO_WAKE), "broadcast");
}

const FPeer* FSession::FindPeer(musubi_peer Id) const
{
	for (const FPeer& Peer : PeerTable)
	{
		if (Peer.Id == Id)
		{
			return &Peer;
		}
	}
	return nullptr;
}

} // namespace MusubiCore
