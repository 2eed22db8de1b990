// What a session does with each event of the library.
#include "MusubiSession.h"

#include <algorithm>

namespace MusubiCore
{

void FSession::Handle(const musubi::Event& Event)
{
	switch (Event.kind())
	{
	case MUSUBI_EVENT_MESSAGE: return HandleMessage(Event);
	case MUSUBI_EVENT_SERVER_CONNECTED:
		bServerConnected = true;
		Me = Event.text();
		return Tell([&](ISessionListener& L) { L.ServerConnected(Event.text()); });
	case MUSUBI_EVENT_SERVER_LOST:
	{
		const FError Why = Reason(Event);
		bServerWanted = bServerConnected = false;
		Tell([&](ISessionListener& L) { L.ServerLost(Why); });
		// Without a link nothing more comes of a move that has no room yet; one that waits for its host goes on.
		if (!bInRoom)
		{
			Finish(Why);
		}
		return;
	}
	case MUSUBI_EVENT_NAT_PROFILED:
		return Tell([&](ISessionListener& L) { L.NatProfiled(Event.text()); });
	case MUSUBI_EVENT_DELIVERED:
		return Tell([&, Why = Reason(Event)](ISessionListener& L) { L.Delivered(Event.peer(), Event.count(), Why); });
	case MUSUBI_EVENT_WRITABLE:
		return Tell([&](ISessionListener& L) { L.Writable(Event.peer()); });
	case MUSUBI_EVENT_QUEUE_FULL:
		return Tell([&](ISessionListener& L) { L.MessagesDropped(Event.count()); });
	case MUSUBI_EVENT_LOG:
		return Tell([&](ISessionListener& L) { L.Logged(Event.code(), Event.text()); });
	case MUSUBI_EVENT_LAN_FOUND:
		return Tell([&](ISessionListener& L) {
			L.LanHostFound(Event.text(), Event.data(), static_cast<uint32_t>(Event.count()), static_cast<uint32_t>(Event.code()));
		});
	case MUSUBI_EVENT_LAN_LOST:
		return Tell([&](ISessionListener& L) { L.LanHostLost(Event.text()); });
	case MUSUBI_EVENT_FAILED:
	{
		const FError Why{MUSUBI_ERR_FAILED, std::string(Event.text())};
		return Finish(Why) ? Tell([&](ISessionListener& L) { L.Failed(Why); }) : void();
	}
	case MUSUBI_EVENT_ROOM_JOINED:
	case MUSUBI_EVENT_ROOM_LEFT:
	case MUSUBI_EVENT_ROOM_DATA:
	case MUSUBI_EVENT_OWNER_CHANGED: return HandleRoom(Event);
	case MUSUBI_EVENT_MEMBER_JOINED:
	case MUSUBI_EVENT_MEMBER_LEFT:
	case MUSUBI_EVENT_PEER_REQUEST:
	case MUSUBI_EVENT_PEER_CONNECTED:
	case MUSUBI_EVENT_ROUTE_CHANGED:
	case MUSUBI_EVENT_PEER_INTERRUPTED:
	case MUSUBI_EVENT_PEER_RECOVERED:
	case MUSUBI_EVENT_PEER_CLOSED: return HandlePeer(Event);
	default: return HandleLobby(Event);
	}
}

void FSession::HandleRoom(const musubi::Event& Event)
{
	switch (Event.kind())
	{
	case MUSUBI_EVENT_ROOM_JOINED:
		bInRoom = true;
		Code = Event.data().text();
		Owner = Event.peer();
		Tell([&](ISessionListener& L) { L.RoomJoined(Event.data().text()); });
		if (Move == EMove::Hosting)
		{
			Finish({});
		}
		return CheckJoined();
	case MUSUBI_EVENT_ROOM_LEFT:
	{
		const FError Why = Reason(Event);
		Code.clear();
		bInRoom = false;
		Owner = 0;
		PeerTable.erase(std::remove_if(PeerTable.begin(), PeerTable.end(), [](const FPeer& Peer) { return !Peer.bConnected; }), PeerTable.end());
		for (FPeer& Peer : PeerTable)
		{
			Peer.bMember = false;
		}
		if (!Finish(Why ? Why : FError{MUSUBI_ERR_ROOM_CLOSED, "The room has ended."}))
		{
			return;
		}
		return Tell([&](ISessionListener& L) { L.RoomLeft(Why); });
	}
	case MUSUBI_EVENT_ROOM_DATA:
		return Tell([&](ISessionListener& L) { L.RoomDataChanged(Event.data(), static_cast<uint32_t>(Event.count()), Event.code() == MUSUBI_ERR_CONFLICT); });
	default: // OWNER_CHANGED
		Owner = Event.peer();
		Tell([&](ISessionListener& L) { L.HostChanged(Event.peer()); });
		return CheckJoined();
	}
}

void FSession::HandlePeer(const musubi::Event& Event)
{
	FPeer Peer = Touch(Event.peer()); // a copy for listeners, who may stop the session
	const auto Keep = [&] { Touch(Peer.Id) = Peer; };
	const FError Why = Reason(Event);
	switch (Event.kind())
	{
	case MUSUBI_EVENT_MEMBER_JOINED:
		Peer.UserId = Event.data().text();
		Peer.bMember = true;
		Keep();
		return Tell([&](ISessionListener& L) { L.MemberJoined(Peer); });
	case MUSUBI_EVENT_MEMBER_LEFT:
		Peer.bMember = false;
		Keep();
		Drop(Peer.Id);
		return Tell([&](ISessionListener& L) { L.MemberLeft(Peer, Why); });
	case MUSUBI_EVENT_PEER_REQUEST:
		return Tell([&](ISessionListener& L) { L.PeerRequested(Peer, Event.data()); });
	case MUSUBI_EVENT_PEER_CONNECTED:
		Peer.bConnected = true;
		Peer.bInterrupted = false;
		Peer.Route = Event.route();
		Keep();
		Tell([&](ISessionListener& L) { L.PeerConnected(Peer); });
		return CheckJoined();
	case MUSUBI_EVENT_ROUTE_CHANGED:
		Peer.Route = Event.route();
		Peer.RttMicroseconds = Event.rtt_us();
		Keep();
		return Tell([&](ISessionListener& L) { L.RouteChanged(Peer, Event.text()); });
	case MUSUBI_EVENT_PEER_INTERRUPTED:
		Peer.bInterrupted = true;
		Keep();
		return Tell([&](ISessionListener& L) { L.PeerInterrupted(Peer, Event.text()); });
	case MUSUBI_EVENT_PEER_RECOVERED:
		Peer.bInterrupted = false;
		Keep();
		return Tell([&](ISessionListener& L) { L.PeerRecovered(Peer); });
	case MUSUBI_EVENT_PEER_CLOSED:
	{
		Peer.bConnected = false;
		Peer.Route = MUSUBI_ROUTE_NONE;
		Keep();
		Drop(Peer.Id);
		if (Move == EMove::Joining && bInRoom && Peer.Id == Owner)
		{
			Client.room_leave().ignore();
			if (!Finish(Why ? Why : FError{MUSUBI_ERR_REMOTE_CLOSED, "The host closed the connection."}))
			{
				return;
			}
		}
		return Tell([&](ISessionListener& L) { L.PeerClosed(Peer, Why, Event.count()); });
	}
	default: // Handle sends nothing else here
		return;
	}
}

/** Rooms and users beyond one's own connections. */
void FSession::HandleLobby(const musubi::Event& Event)
{
	const uint32_t Low = static_cast<uint32_t>(Event.count()), High = static_cast<uint32_t>(Event.count() >> 32);
	const uint32_t Most = static_cast<uint32_t>(Event.code());
	const std::string_view Data = Event.data().text();
	switch (Event.kind())
	{
	case MUSUBI_EVENT_ROOM_OPTIONS: return Tell([&](ISessionListener& L) { L.RoomOptionsChanged(Low, Most); });
	case MUSUBI_EVENT_REQUEST_FAILED: return Tell([&, Why = Reason(Event)](ISessionListener& L) { L.RequestFailed(Low, Why); });
	case MUSUBI_EVENT_JOIN_REQUEST: return Tell([&](ISessionListener& L) { L.JoinRequested(Event.count(), Event.text(), Event.data()); });
	case MUSUBI_EVENT_JOIN_WITHDRAWN: return Tell([&](ISessionListener& L) { L.JoinWithdrawn(Event.count()); });
	case MUSUBI_EVENT_ROOM_LISTED: return Tell([&](ISessionListener& L) { L.RoomListed(Event.text(), Event.data(), Low, Most, High); });
	case MUSUBI_EVENT_ROOM_LIST_END: return Tell([&](ISessionListener& L) { L.RoomListEnded(Low, Event.data()); });
	case MUSUBI_EVENT_USER: return Tell([&](ISessionListener& L) { L.UserFound(Data, Low); });
	case MUSUBI_EVENT_INVITE_RESULT: return Tell([&, Why = Reason(Event)](ISessionListener& L) { L.InviteAnswered(Data, Why); });
	case MUSUBI_EVENT_INVITED:
	{
		const size_t Zero = Data.find('\0'); // behind the inviting user's id
		const std::string_view Rest = Zero == std::string_view::npos ? std::string_view() : Data.substr(Zero + 1);
		return Tell([&](ISessionListener& L) { L.Invited(Event.text(), Data.substr(0, Zero), musubi::View(Rest.data(), Rest.size())); });
	}
	case MUSUBI_EVENT_TOKEN_SET: return Tell([&, Why = Reason(Event)](ISessionListener& L) { L.TokenAnswered(Why, Event.count()); });
	case MUSUBI_EVENT_TOKEN_ENDING: return Tell([&](ISessionListener& L) { L.TokenEnding(Event.count()); });
	default: // PUNCH, and what a newer library may tell
		return;
	}
}

void FSession::HandleMessage(const musubi::Event& Event)
{
	if (Event.channel() == NetChannel)
	{
		return Ports.Receive(Event.peer(), Event.mode(), Event.data());
	}
	Tell([&](ISessionListener& L) { L.MessageArrived(Event.peer(), Event.channel(), Event.mode(), Event.data()); });
}

/** A join is done when the room's host can be talked to, or is this player, or connecting is the game's own business. */
void FSession::CheckJoined()
{
	if (Move != EMove::Joining || !bInRoom)
	{
		return;
	}
	const FPeer* Host = FindPeer(Owner);
	if (Owner == 0 || bManualConnect || (Host != nullptr && Host->bConnected))
	{
		Finish({});
	}
}

FPeer& FSession::Touch(musubi_peer Id)
{
	for (FPeer& Peer : PeerTable)
	{
		if (Peer.Id == Id)
		{
			return Peer;
		}
	}
	PeerTable.push_back({});
	PeerTable.back().Id = Id;
	return PeerTable.back();
}

/** Forgets a peer that is neither connected nor in the room. */
void FSession::Drop(musubi_peer Id)
{
	PeerTable.erase(std::remove_if(PeerTable.begin(), PeerTable.end(),
		[&](const FPeer& Peer) { return Peer.Id == Id && !Peer.bMember && !Peer.bConnected; }), PeerTable.end());
}

void FSession::Forget()
{
	PeerTable.clear();
	Code.clear();
	Wanted.clear();
	Owner = 0;
	Move = EMove::None;
	bInRoom = false;
}

} // namespace MusubiCore
