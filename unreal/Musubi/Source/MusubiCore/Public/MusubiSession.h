// One player of one game instance: a client of the library, its room, its peers, and the two things that players ask for, to
// host a room and to join one by code. Play-in-editor has one session for each window.
//
//     None ──Host/Join──▶ link to the server, room ──▶ HostEnded / JoinEnded (no error)
//                              └─ refused, lost, too slow ──▶ HostEnded / JoinEnded (error), exactly once
//
// A session belongs to one thread, the game's. Listeners may call anything of it, Stop included, but Pump.
#pragma once

#include "MusubiCoreTypes.h"
#include "MusubiPortSwitch.h"

#include <vector>

namespace MusubiCore
{

/** Another player of the room, as this one sees it. */
struct FPeer
{
	musubi_peer Id = 0;
	std::string UserId;         // as the server vouches for it; empty until MEMBER_JOINED
	bool bMember = false;       // of the room now
	bool bConnected = false;    // messages may be sent
	bool bInterrupted = false;  // silent for the moment
	uint32_t Route = MUSUBI_ROUTE_NONE;
	uint32_t RttMicroseconds = 0; // at the last change of the route
};

/** Told of what happens, on the thread that pumps. Views and references end with the call. */
class MUSUBICORE_API ISessionListener
{
public:
	virtual ~ISessionListener() = default;

	virtual void HostEnded(const FError&, std::string_view /*Code*/) {}
	virtual void JoinEnded(const FError&, musubi_peer /*Host: 0 if it is this player*/) {}

	virtual void ServerConnected(std::string_view /*UserId*/) {}
	virtual void ServerLost(const FError&) {}
	virtual void RoomJoined(std::string_view /*Code*/) {}
	virtual void RoomLeft(const FError&) {}
	virtual void RoomDataChanged(musubi::View, uint32_t /*Version*/, bool /*bConflict: this player's change came too late*/) {}
	virtual void RoomOptionsChanged(uint32_t /*MUSUBI_ROOM_*/, uint32_t /*Most*/) {}
	virtual void JoinRequested(uint64_t /*Request*/, std::string_view /*UserId*/, musubi::View) {}
	virtual void JoinWithdrawn(uint64_t /*Request*/) {}
	virtual void RequestFailed(uint32_t /*MUSUBI_REQUEST_*/, const FError&) {}
	virtual void RoomListed(std::string_view /*Code*/, musubi::View /*first bytes of its data*/, uint32_t /*Members*/, uint32_t /*Most*/, uint32_t /*MUSUBI_ROOM_*/) {}
	virtual void RoomListEnded(uint32_t /*Rooms*/, musubi::View /*After: of the next page; empty: that was all*/) {}
	virtual void UserFound(std::string_view /*UserId*/, uint32_t /*MUSUBI_USER_*/) {}
	virtual void InviteAnswered(std::string_view /*UserId*/, const FError&) {}
	virtual void Invited(std::string_view /*Code*/, std::string_view /*From*/, musubi::View) {}
	virtual void TokenAnswered(const FError&, uint64_t /*Seconds that it counts for*/) {}
	virtual void TokenEnding(uint64_t /*Seconds left*/) {}
	virtual void MemberJoined(const FPeer&) {}
	virtual void MemberLeft(const FPeer&, const FError&) {}
	virtual void HostChanged(musubi_peer /*0: this player*/) {}
	virtual void PeerRequested(const FPeer&, musubi::View) {}
	virtual void PeerConnected(const FPeer&) {}
	virtual void PeerClosed(const FPeer&, const FError&, uint64_t /*Undelivered*/) {}
	virtual void RouteChanged(const FPeer&, std::string_view /*Why*/) {}
	virtual void PeerInterrupted(const FPeer&, std::string_view /*Why*/) {}
	virtual void PeerRecovered(const FPeer&) {}
	virtual void MessageArrived(musubi_peer, uint32_t /*Channel*/, musubi::Mode, musubi::View) {}
	virtual void Delivered(musubi_peer, uint64_t /*Id*/, const FError&) {}
	virtual void Writable(musubi_peer) {}
	virtual void MessagesDropped(uint64_t /*Count*/) {}
	virtual void NatProfiled(std::string_view /*Summary*/) {}
	virtual void LanHostFound(std::string_view /*Address*/, musubi::View /*Data*/, uint32_t /*Members*/, uint32_t /*Most*/) {}
	virtual void LanHostLost(std::string_view /*Address*/) {}
	virtual void Logged(int32_t /*Level: 0 debug to 3 error*/, std::string_view) {}

	/** The library stopped itself. The session is over; Start makes a new one. */
	virtual void Failed(const FError&) {}
	/** The session ended (Stop): nothing of it may be used from now on. Connections are not told of one by one. */
	virtual void Stopped() {}
};

/** What a session is started with. Empty texts: the library's defaults. */
struct FSessionConfig
{
	std::string Server; // "musubi://…" as `musubi server` prints it; empty: local network only
	std::string App;
	std::string UserId;
	std::string Bind;
	std::vector<uint8_t> Token;
	std::vector<uint8_t> AppKey;      // MUSUBI_APP_KEY_SIZE bytes, or none
	uint32_t Flags = 0;               // MUSUBI_CONFIG_
	uint32_t Privacy = MUSUBI_PRIVACY_DIRECT;
	double PatienceSeconds = 30;      // of Host and Join, from the call to the outcome
};

class MUSUBICORE_API FSession
{
public:
	FSession() = default;
	~FSession();
	FSession(const FSession&) = delete;
	FSession& operator=(const FSession&) = delete;

	/** Makes the client. Api: from CheckLibrary. */
	FError Start(const musubi_api* Api, const FSessionConfig& Config);
	/** Ends it; may take up to a second to deliver what was sent. Listeners and sockets are let go. */
	void Stop();
	bool IsRunning() const { return bool(Client); }

	void AddListener(ISessionListener* Listener);
	void RemoveListener(ISessionListener* Listener);

	/** Handles what happened since the last call, and flushes. Now: seconds, any origin, never backwards. Calls from
	 *  within a listener do nothing. */
	void Pump(double Now);
	void Flush() const;

	/** Makes a room, or enters one by code, connecting to the server first if need be. HostEnded or JoinEnded follows exactly
	 *  once, unless an error is returned. A join is done when the host can be talked to. */
	FError Host(uint32_t MaxMembers, musubi::View Data);
	FError Host(const musubi::RoomConfig& Room);
	FError Join(std::string_view Text) { return Join(Text, musubi::JoinConfig()); }
	FError Join(std::string_view Text, const musubi::JoinConfig& Wish);
	FError HostLan(uint32_t MaxMembers, musubi::View Data);
	FError JoinLan(std::string_view Address, std::string_view Text);
	/** Leaves the room, and gives up a Host or Join that is under way: its outcome is told as given up. */
	FError Leave();

	/** Replication's channel is refused; the library judges the rest. */
	FError Send(musubi_peer Peer, musubi::Mode Mode, uint32_t Channel, musubi::View Data, uint32_t Flags = 0, uint64_t Id = 0);
	FError Broadcast(musubi::Mode Mode, uint32_t Channel, musubi::View Data, uint32_t Flags = 0);

	const musubi::Client& Library() const { return Client; } // for everything else
	const musubi_api* Api() const { return Table; }

	bool InRoom() const { return bInRoom; }
	bool IsMoving() const { return Move != EMove::None; } // a Host or Join is under way
	bool IsHost() const { return bInRoom && Owner == 0; }
	bool IsServerConnected() const { return bServerConnected; }
	const std::string& RoomCode() const { return Code; }   // empty: in no room
	const std::string& JoiningCode() const { return Wanted; } // what Join was asked for, until its outcome
	const std::string& UserId() const { return Me; }
	musubi_peer HostPeer() const { return bInRoom ? Owner : 0; }
	const std::vector<FPeer>& Peers() const { return PeerTable; }
	const FPeer* FindPeer(musubi_peer Id) const;

	FPortSwitch Ports;

private:
	enum class EMove : uint8_t
	{
		None,
		Hosting,
		Joining
	};

	FError Begin(EMove What, const char* Words);
	FError Started(const FError& Error);
	bool Finish(const FError& Error); // false: a listener stopped the session meanwhile
	void Handle(const musubi::Event& Event);
	void HandleRoom(const musubi::Event& Event);
	void HandlePeer(const musubi::Event& Event);
	void HandleLobby(const musubi::Event& Event);
	void HandleMessage(const musubi::Event& Event);
	void CheckJoined();
	void Forget();
	FPeer& Touch(musubi_peer Id);
	void Drop(musubi_peer Id);
	FError Reason(const musubi::Event& Event) const { return ErrorOf(Table, Event.code(), Event.text()); }

	/** Tells every listener, until one of them stops the session: what the event shows is gone then. */
	template <class Call>
	void Tell(Call&& What)
	{
		const uint64_t Mine = Generation;
		Telling++;
		for (size_t i = 0; i < Listeners.size() && Generation == Mine; i++) // by index: listeners may add and remove
		{
			if (Listeners[i] != nullptr)
			{
				What(*Listeners[i]);
			}
		}
		if (--Telling == 0)
		{
			Sweep();
		}
	}
	void Sweep();

	const musubi_api* Table = nullptr;
	musubi::Client Client;
	std::vector<ISessionListener*> Listeners; // removed ones are nullptr until nobody iterates
	std::vector<FPeer> PeerTable;
	std::string Code, Wanted, Me;
	musubi_peer Owner = 0;
	EMove Move = EMove::None;
	bool bInRoom = false, bServerWanted = false, bServerConnected = false, bManualConnect = false, bPumping = false;
	double Patience = 30, Clock = 0, Deadline = 0; // seconds of Pump's clock; Deadline 0: set at the next Pump
	uint32_t Telling = 0;
	uint64_t Generation = 0; // counts Starts and Stops: a listener that stops the session ends the handling of its event
};

} // namespace MusubiCore
