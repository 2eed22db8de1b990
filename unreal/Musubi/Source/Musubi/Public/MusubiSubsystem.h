// Musubi for one game instance: rooms, players, messages. Play-in-editor has one for each window, and they meet each other.
//
//     UMusubiSubsystem* Musubi = GetGameInstance()->GetSubsystem<UMusubiSubsystem>();
//     Musubi->OnHosted.AddDynamic(this, &AMyActor::ShowCode);
//     FMusubiError Error;
//     if (!Musubi->HostRoom(4, {}, Error)) { ... Error.Sentence ... }
//
// Game thread only. It polls each frame, also while the game is paused; MusubiNet polls it beside that, before the engine reads
// its sockets. Everything is told by delegates, and every failure has a code and a sentence.
#pragma once

#include "CoreMinimal.h"
#include "MusubiSession.h"
#include "MusubiTypes.h"
#include "Subsystems/GameInstanceSubsystem.h"
#include "Tickable.h"

#include "MusubiSubsystem.generated.h"

DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiHosted, const FString&, Code, const FMusubiError&, Error);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiJoined, const FMusubiPeer&, Host, const FMusubiError&, Error);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FMusubiTextDelegate, const FString&, Text);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FMusubiErrorDelegate, const FMusubiError&, Error);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FMusubiBytesDelegate, const TArray<uint8>&, Data);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FMusubiPeerDelegate, const FMusubiPeer&, Peer);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiPeerTextDelegate, const FMusubiPeer&, Peer, const FString&, Why);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiPeerErrorDelegate, const FMusubiPeer&, Peer, const FMusubiError&, Error);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiPeerBytesDelegate, const FMusubiPeer&, Peer, const TArray<uint8>&, Data);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_ThreeParams(FMusubiMessageDelegate, int64, Peer, int32, Channel, const TArray<uint8>&, Data);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FMusubiOptionsDelegate, const FMusubiRoomOptions&, Options);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_ThreeParams(FMusubiJoinRequestDelegate, int64, Request, const FString&, UserId, const TArray<uint8>&, Data);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FMusubiNumberDelegate, int64, Number);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiRequestFailedDelegate, EMusubiRequest, Request, const FMusubiError&, Error);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FMusubiRoomListedDelegate, const FMusubiRoomListing&, Room);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiRoomListEndDelegate, int32, Rooms, bool, bMore);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiUserDelegate, const FString&, UserId, EMusubiUserState, State);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiUserErrorDelegate, const FString&, UserId, const FMusubiError&, Error);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_ThreeParams(FMusubiInvitedDelegate, const FString&, Code, const FString&, FromUserId, const TArray<uint8>&, Data);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FMusubiTokenDelegate, int64, Seconds, const FMusubiError&, Error);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FMusubiLanDelegate, const FMusubiLanHost&, Host);
DECLARE_MULTICAST_DELEGATE_ThreeParams(FMusubiRawMessage, int64 /*Peer*/, int32 /*Channel*/, TArrayView<const uint8> /*Data, during the call*/);

/** A plain name for UnrealHeaderTool, which reads the bases of a class. */
using FMusubiSessionListener = MusubiCore::ISessionListener;

UCLASS()
class MUSUBI_API UMusubiSubsystem : public UGameInstanceSubsystem, public FTickableGameObject, public FMusubiSessionListener
{
	GENERATED_BODY()

public:
	// --- rooms -------------------------------------------------------------------------------------------------------

	/** Makes a room and enters it as its host, connecting to the server first. On Hosted follows with the join code or an error.
	 *  MaxPlayers counts this one, 2 to 64; 0: 16. Data: up to 4096 bytes that members see. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms")
	bool HostRoom(int32 MaxPlayers, const TArray<uint8>& Data, FMusubiError& Error);

	/** The same with options: listed, locked, with a password, or with a host who is asked. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms")
	bool HostRoomWithOptions(const FMusubiRoomOptions& Options, const TArray<uint8>& Data, FMusubiError& Error);

	/** Enters a room by its code, as players type it. On Joined follows when the host can be talked to, or an error. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms")
	bool JoinByCode(const FString& Code, FMusubiError& Error);

	/** The same with the room's password, and up to 256 bytes for a host who is asked. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms")
	bool JoinWithPassword(const FString& Code, const FString& Password, const TArray<uint8>& Data, FMusubiError& Error);

	/** Leaves the room, or gives up hosting or joining. Connections to its members are closed. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms")
	bool LeaveRoom(FMusubiError& Error);

	/** Replaces the room's data. The host may do this. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms")
	bool SetRoomData(const TArray<uint8>& Data, FMusubiError& Error);

	/** Changes the room's options, except the password; only the host may do that. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms")
	bool SetRoomOptions(const FMusubiRoomOptions& Options, FMusubiError& Error);

	/** Makes another member the host; only the host may do that. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms")
	bool MakeHost(int64 Peer, FMusubiError& Error);

	/** Removes a member, with a sentence for it; only the host may do that. Ban: its user id and identity don't come back while the room lives. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms")
	bool KickPlayer(int64 Peer, bool bBan, const FString& Sentence, FMusubiError& Error);

	/** Answers On Join Request. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Rooms")
	bool AnswerJoinRequest(int64 Request, bool bAccept, const FString& Sentence, FMusubiError& Error);

	/** Asks for public rooms whose data begins with Prefix: On Room Listed for each, then On Room List End. Next Page goes on behind the
	 *  last page. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Lobby")
	bool ListRooms(const TArray<uint8>& Prefix, bool bNextPage, FMusubiError& Error);

	/** Asks where a user of this game is: On User Found. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Lobby")
	bool FindUser(const FString& UserId, FMusubiError& Error);

	/** Invites a user into this player's room: On Invited there, On Invite Answered here. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Lobby")
	bool InviteUser(const FString& UserId, const TArray<uint8>& Data, FMusubiError& Error);

	/** Connects to the server without entering a room: to list rooms, find users, be invited. Host Room and Join By Code do it by
	 *  themselves. On Server Connected or On Server Lost follows. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Lobby")
	bool ConnectToServer(FMusubiError& Error);

	/** Hosts for players in the same local network, without any server. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Local Network")
	bool HostLan(int32 MaxPlayers, const TArray<uint8>& Data, FMusubiError& Error);

	/** Starts or ends looking for hosts in the local network. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Local Network")
	bool BrowseLan(bool bOn, FMusubiError& Error);

	/** Joins a host that On Lan Host Found told of, with the code that it shows its player. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Local Network")
	bool JoinLan(const FString& Address, const FString& Code, FMusubiError& Error);

	/** The join code of the room; empty: in none. */
	UFUNCTION(BlueprintPure, Category = "Musubi|Rooms")
	FString GetRoomCode() const;

	UFUNCTION(BlueprintPure, Category = "Musubi|Rooms")
	bool IsInRoom() const { return Session.InRoom(); }

	/** This player hosts the room. */
	UFUNCTION(BlueprintPure, Category = "Musubi|Rooms")
	bool IsHost() const { return Session.IsHost(); }

	/** What Open Level takes to connect replication to the room's host: "musubi.CODE". Empty: in no room, or its host. */
	UFUNCTION(BlueprintPure, Category = "Musubi|Rooms")
	FString GetHostUrl() const;

	// --- players and messages ----------------------------------------------------------------------------------------

	UFUNCTION(BlueprintPure, Category = "Musubi|Players")
	TArray<FMusubiPeer> GetPeers() const;

	UFUNCTION(BlueprintPure, Category = "Musubi|Players")
	bool GetPeer(int64 Peer, FMusubiPeer& Found) const;

	UFUNCTION(BlueprintCallable, Category = "Musubi|Players")
	bool GetPeerStats(int64 Peer, FMusubiStats& Stats, FMusubiError& Error) const;

	/** Sends to one player. Channel: 0 to 254, an ordering domain. Up to 1 MiB reliable, 64 KiB unreliable. Code -101 (would block): keep
	 *  the message and go on at On Writable. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Messages")
	bool SendToPeer(int64 Peer, const TArray<uint8>& Data, EMusubiDelivery Delivery, int32 Channel, FMusubiError& Error);

	/** Sends to every connected player. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Messages")
	bool SendToAll(const TArray<uint8>& Data, EMusubiDelivery Delivery, int32 Channel, FMusubiError& Error);

	/** Closes a connection after delivering what was sent. Code: 0 or a positive number of the game's, which the other side gets, with
	 *  the sentence. One that is still coming up ends too. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Players")
	bool ClosePeer(int64 Peer, int32 Code, const FString& Sentence, FMusubiError& Error);

	/** With "Accept By Hand" in the settings: answers On Peer Request. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Players")
	bool AcceptPeer(int64 Peer, FMusubiError& Error);

	UFUNCTION(BlueprintCallable, Category = "Musubi|Players")
	bool RejectPeer(int64 Peer, const FString& Sentence, FMusubiError& Error);

	/** Tries again, now, to reach a player directly who is relayed. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Players")
	bool TryDirectAgain(int64 Peer, FMusubiError& Error);

	// --- the session -------------------------------------------------------------------------------------------------

	/** The server to use from the next start of the session on, instead of the settings'; and the access token that the game's
	 *  backend gave this player. Restarts the session: it leaves its room. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Session")
	bool UseServer(const FString& ServerAddress, const FString& UserId, const TArray<uint8>& Token, FMusubiError& Error);

	/** A new access token of the game's backend, for the link as it is and the ones to come: On Token Answered. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Session")
	bool SetToken(const TArray<uint8>& Token, FMusubiError& Error);

	/** The certificate of the game's backend for this player's identity, which other players are shown. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Session")
	bool SetCertificate(const TArray<uint8>& Certificate, FMusubiError& Error);

	/** This player's public key, 32 bytes: what a backend binds tokens and certificates to. Fresh with each session. */
	UFUNCTION(BlueprintPure, Category = "Musubi|Session")
	TArray<uint8> GetIdentity() const;

	/** The link to the server is up. */
	UFUNCTION(BlueprintPure, Category = "Musubi|Session")
	bool IsServerConnected() const { return Session.IsServerConnected(); }

	/** Does the session run? If not, why is in the error: the native library is missing, the server's address can't be read. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Session")
	bool IsRunning(FMusubiError& Error) const;

	/** Puts a bad network between this player and everybody, as the console's musubi.Sim: "4g", "loss=5 lag=80", "off". */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Session")
	bool SimulateNetwork(const FString& Words, FMusubiError& Error);

	/** Everything that is known, for a log or a bug report: link, NAT, players, routes, advice. No names, keys or messages.
	 *  It may wait up to 50 milliseconds: not each frame. */
	UFUNCTION(BlueprintCallable, Category = "Musubi|Session")
	FString DescribeState() const;

	// --- what happens ------------------------------------------------------------------------------------------------

	/** The outcome of Host Room. Error's code 0: hosted, and Code is for the others. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiHosted OnHosted;

	/** The outcome of Join By Code. Error's code 0: joined, and Host can be talked to. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiJoined OnJoined;

	/** In the room, with its code. The host may not be connected yet: On Joined tells that. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiTextDelegate OnRoomJoined;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiErrorDelegate OnRoomLeft;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiBytesDelegate OnRoomData;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiOptionsDelegate OnRoomOptions;

	/** Somebody wants to enter a room whose host is asked: Answer Join Request, within 60 seconds. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiJoinRequestDelegate OnJoinRequest;

	/** The player no longer wants to enter: it gave up, or was answered. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiNumberDelegate OnJoinWithdrawn;

	/** The server did not do what was asked: not the host, too late, too often. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiRequestFailedDelegate OnRequestFailed;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Lobby")
	FMusubiRoomListedDelegate OnRoomListed;

	/** The end of a page; More: List Rooms with Next Page finds others. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Lobby")
	FMusubiRoomListEndDelegate OnRoomListEnd;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Lobby")
	FMusubiUserDelegate OnUserFound;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Lobby")
	FMusubiInvitedDelegate OnInvited;

	/** Error's code 0: it has the invitation. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Lobby")
	FMusubiUserErrorDelegate OnInviteAnswered;

	/** Error's code 0: the token counts for so many seconds. Otherwise the old one does. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Session")
	FMusubiTokenDelegate OnTokenAnswered;

	/** The link ends in so many seconds unless Set Token comes before. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Session")
	FMusubiNumberDelegate OnTokenEnding;

	/** The room has another host; Id 0: this player. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Rooms")
	FMusubiPeerDelegate OnHostChanged;

	/** The link to the server is up, with this player's user id. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Session")
	FMusubiTextDelegate OnServerConnected;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Session")
	FMusubiErrorDelegate OnServerLost;

	/** Musubi stopped itself; the room is gone. It is started again, unless that was within ten seconds of its start: then every call
	 *  gives this error, until Use Server starts it. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Session")
	FMusubiErrorDelegate OnFailed;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Players")
	FMusubiPeerDelegate OnMemberJoined;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Players")
	FMusubiPeerErrorDelegate OnMemberLeft;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Players")
	FMusubiPeerBytesDelegate OnPeerRequest;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Players")
	FMusubiPeerDelegate OnPeerConnected;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Players")
	FMusubiPeerErrorDelegate OnPeerClosed;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Players")
	FMusubiPeerTextDelegate OnRouteChanged;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Players")
	FMusubiPeerTextDelegate OnPeerInterrupted;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Players")
	FMusubiPeerDelegate OnPeerRecovered;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Messages")
	FMusubiMessageDelegate OnMessage;

	/** For C++: the same without a copy. */
	FMusubiRawMessage OnRawMessage;

	/** After a message was refused with code -101: there is room again. */
	UPROPERTY(BlueprintAssignable, Category = "Musubi|Messages")
	FMusubiPeerDelegate OnWritable;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Local Network")
	FMusubiLanDelegate OnLanHostFound;

	UPROPERTY(BlueprintAssignable, Category = "Musubi|Local Network")
	FMusubiTextDelegate OnLanHostLost;

	/** For MusubiNet and for whatever has no function here: the session itself. */
	MusubiCore::FSession& GetSession() { return Session; }

	// --- the engine's business ---------------------------------------------------------------------------------------
	virtual void Initialize(FSubsystemCollectionBase& Collection) override;
	virtual void Deinitialize() override;
	virtual void Tick(float DeltaTime) override;
	virtual ETickableTickType GetTickableTickType() const override;
	virtual bool IsTickableWhenPaused() const override { return true; }
	virtual UWorld* GetTickableGameObjectWorld() const override;
	virtual TStatId GetStatId() const override;

private:
	// ISessionListener: converts and broadcasts.
	virtual void HostEnded(const MusubiCore::FError& Error, std::string_view Code) override;
	virtual void JoinEnded(const MusubiCore::FError& Error, musubi_peer Host) override;
	virtual void ServerConnected(std::string_view UserId) override;
	virtual void ServerLost(const MusubiCore::FError& Error) override;
	virtual void RoomJoined(std::string_view Code) override;
	virtual void RoomLeft(const MusubiCore::FError& Error) override;
	virtual void RoomDataChanged(musubi::View Data, uint32_t Version, bool bConflict) override;
	virtual void RoomOptionsChanged(uint32_t Flags, uint32_t Most) override;
	virtual void JoinRequested(uint64_t Request, std::string_view UserId, musubi::View Data) override;
	virtual void JoinWithdrawn(uint64_t Request) override;
	virtual void RequestFailed(uint32_t Request, const MusubiCore::FError& Error) override;
	virtual void RoomListed(std::string_view Code, musubi::View Data, uint32_t Members, uint32_t Most, uint32_t Flags) override;
	virtual void RoomListEnded(uint32_t Rooms, musubi::View After) override;
	virtual void UserFound(std::string_view UserId, uint32_t State) override;
	virtual void InviteAnswered(std::string_view UserId, const MusubiCore::FError& Error) override;
	virtual void Invited(std::string_view Code, std::string_view From, musubi::View Data) override;
	virtual void TokenAnswered(const MusubiCore::FError& Error, uint64_t Seconds) override;
	virtual void TokenEnding(uint64_t Seconds) override;
	virtual void MemberJoined(const MusubiCore::FPeer& Peer) override;
	virtual void MemberLeft(const MusubiCore::FPeer& Peer, const MusubiCore::FError& Error) override;
	virtual void HostChanged(musubi_peer Host) override;
	virtual void PeerRequested(const MusubiCore::FPeer& Peer, musubi::View Data) override;
	virtual void PeerConnected(const MusubiCore::FPeer& Peer) override;
	virtual void PeerClosed(const MusubiCore::FPeer& Peer, const MusubiCore::FError& Error, uint64_t Undelivered) override;
	virtual void RouteChanged(const MusubiCore::FPeer& Peer, std::string_view Why) override;
	virtual void PeerInterrupted(const MusubiCore::FPeer& Peer, std::string_view Why) override;
	virtual void PeerRecovered(const MusubiCore::FPeer& Peer) override;
	virtual void MessageArrived(musubi_peer Peer, uint32_t Channel, musubi::Mode Mode, musubi::View Data) override;
	virtual void Writable(musubi_peer Peer) override;
	virtual void MessagesDropped(uint64_t Count) override;
	virtual void NatProfiled(std::string_view Summary) override;
	virtual void LanHostFound(std::string_view Address, musubi::View Data, uint32_t Members, uint32_t Most) override;
	virtual void LanHostLost(std::string_view Address) override;
	virtual void Logged(int32_t Level, std::string_view Text) override;
	virtual void Failed(const MusubiCore::FError& Error) override;

	bool Start(FMusubiError& Error);
	bool Done(const MusubiCore::FError& Error, FMusubiError& Out) const;
	FMusubiPeer Convert(const MusubiCore::FPeer& Peer) const;
	FMusubiPeer Find(musubi_peer Peer) const;
	void Pump();
	void CountStats() const;
	void HandleBackground();
	void HandleForeground();

	MusubiCore::FSession Session;
	MusubiCore::FSessionConfig Config;
	TArray<uint8> ListedUpTo; // where the last page of the list of rooms ended
	FMusubiError StartError;  // why the session does not run
	FMusubiError Failure;     // of the session, seen while it was pumped: what to do about it comes after that
	double StartedAt = 0;     // seconds of FPlatformTime
	FDelegateHandle BackgroundHandle, ForegroundHandle;
};
