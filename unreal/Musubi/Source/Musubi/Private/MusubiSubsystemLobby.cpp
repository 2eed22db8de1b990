// Rooms with options, lists of rooms, users, invitations, tokens: calls and what comes of them.
#include "MusubiConvert.h"
#include "MusubiSubsystem.h"

using namespace MusubiConvert;
using MusubiCore::ErrorOf;

/** The options that are flags of a room. */
static uint32 FlagsOf(const FMusubiRoomOptions& Options)
{
	uint32 Flags = 0;
	const auto Set = [&](bool bOn, uint32 Flag) { Flags |= bOn ? Flag : 0; };
	Set(Options.bPublic, MUSUBI_ROOM_PUBLIC);
	Set(Options.bLocked, MUSUBI_ROOM_LOCKED);
	Set(Options.bAskHost, MUSUBI_ROOM_ASK);
	Set(Options.bSharedData, MUSUBI_ROOM_SHARED);
	return Flags;
}

bool UMusubiSubsystem::HostRoomWithOptions(const FMusubiRoomOptions& Options, const TArray<uint8>& Data, FMusubiError& Error)
{
	const std::string Password = ToUtf8(Options.Password);
	musubi::RoomConfig Room(FlagsOf(Options), ToView(Data), Password.c_str());
	Room.max_members = static_cast<uint32>(Options.MaxPlayers);
	return Done(Session.Host(Room), Error);
}

bool UMusubiSubsystem::JoinWithPassword(const FString& Code, const FString& Password, const TArray<uint8>& Data, FMusubiError& Error)
{
	const std::string Secret = ToUtf8(Password);
	return Done(Session.Join(ToUtf8(Code), musubi::JoinConfig(Secret.c_str(), ToView(Data))), Error);
}

bool UMusubiSubsystem::SetRoomOptions(const FMusubiRoomOptions& Options, FMusubiError& Error)
{
	constexpr uint32 All = MUSUBI_ROOM_PUBLIC | MUSUBI_ROOM_LOCKED | MUSUBI_ROOM_ASK | MUSUBI_ROOM_SHARED;
	const uint32 Set = FlagsOf(Options);
	return Done(ErrorOf(Session.Library().room_configure(Set, All & ~Set, static_cast<uint32>(Options.MaxPlayers)), "change the room's options"), Error);
}

bool UMusubiSubsystem::MakeHost(int64 Peer, FMusubiError& Error)
{
	return Done(ErrorOf(Session.Library().room_set_owner(static_cast<musubi_peer>(Peer)), "make another player the host"), Error);
}

bool UMusubiSubsystem::KickPlayer(int64 Peer, bool bBan, const FString& Sentence, FMusubiError& Error)
{
	return Done(ErrorOf(Session.Library().room_kick(static_cast<musubi_peer>(Peer), bBan ? uint32(MUSUBI_KICK_BAN) : 0u, ToUtf8(Sentence).c_str()), "remove a player"), Error);
}

bool UMusubiSubsystem::AnswerJoinRequest(int64 Request, bool bAccept, const FString& Sentence, FMusubiError& Error)
{
	return Done(ErrorOf(Session.Library().room_admit(static_cast<uint64>(Request), bAccept, ToUtf8(Sentence).c_str()), "answer a join request"), Error);
}

bool UMusubiSubsystem::ListRooms(const TArray<uint8>& Prefix, bool bNextPage, FMusubiError& Error)
{
	return Done(ErrorOf(Session.Library().room_list(ToView(Prefix), bNextPage ? ToView(ListedUpTo) : musubi::View()), "list rooms"), Error);
}

bool UMusubiSubsystem::FindUser(const FString& UserId, FMusubiError& Error)
{
	return Done(ErrorOf(Session.Library().user_query(ToUtf8(UserId).c_str()), "find a user"), Error);
}

bool UMusubiSubsystem::InviteUser(const FString& UserId, const TArray<uint8>& Data, FMusubiError& Error)
{
	return Done(ErrorOf(Session.Library().user_invite(ToUtf8(UserId).c_str(), ToView(Data)), "invite a user"), Error);
}

bool UMusubiSubsystem::SetToken(const TArray<uint8>& Token, FMusubiError& Error)
{
	return Done(ErrorOf(Session.Library().set_token(ToView(Token)), "set the access token"), Error);
}

bool UMusubiSubsystem::SetCertificate(const TArray<uint8>& Certificate, FMusubiError& Error)
{
	return Done(ErrorOf(Session.Library().set_certificate(ToView(Certificate)), "set the identity certificate"), Error);
}

TArray<uint8> UMusubiSubsystem::GetIdentity() const
{
	uint8 Key[MUSUBI_IDENTITY_SIZE];
	return Session.Library().identity(Key) ? TArray<uint8>(Key, MUSUBI_IDENTITY_SIZE) : TArray<uint8>();
}

void UMusubiSubsystem::RoomOptionsChanged(uint32_t Flags, uint32_t Most)
{
	FMusubiRoomOptions Options;
	Options.MaxPlayers = static_cast<int32>(Most);
	Options.bPublic = (Flags & MUSUBI_ROOM_PUBLIC) != 0;
	Options.bLocked = (Flags & MUSUBI_ROOM_LOCKED) != 0;
	Options.bAskHost = (Flags & MUSUBI_ROOM_ASK) != 0;
	Options.bSharedData = (Flags & MUSUBI_ROOM_SHARED) != 0;
	OnRoomOptions.Broadcast(Options);
}

void UMusubiSubsystem::JoinRequested(uint64_t Request, std::string_view UserId, musubi::View Data)
{
	OnJoinRequest.Broadcast(static_cast<int64>(Request), ToString(UserId), ToBytes(Data));
}

void UMusubiSubsystem::JoinWithdrawn(uint64_t Request)
{
	OnJoinWithdrawn.Broadcast(static_cast<int64>(Request));
}

void UMusubiSubsystem::RequestFailed(uint32_t Request, const MusubiCore::FError& Error)
{
	const bool bKnown = Request <= static_cast<uint32>(EMusubiRequest::FindUser);
	OnRequestFailed.Broadcast(bKnown ? static_cast<EMusubiRequest>(Request) : EMusubiRequest::Other, ToError(Error));
}

void UMusubiSubsystem::RoomListed(std::string_view Code, musubi::View Data, uint32_t Members, uint32_t Most, uint32_t Flags)
{
	FMusubiRoomListing Room;
	Room.Code = ToString(Code);
	Room.Data = ToBytes(Data);
	Room.Members = static_cast<int32>(Members);
	Room.MaxMembers = static_cast<int32>(Most);
	Room.bPassword = (Flags & MUSUBI_ROOM_PASSWORD) != 0;
	OnRoomListed.Broadcast(Room);
}

void UMusubiSubsystem::RoomListEnded(uint32_t Rooms, musubi::View After)
{
	ListedUpTo = ToBytes(After);
	OnRoomListEnd.Broadcast(static_cast<int32>(Rooms), ListedUpTo.Num() > 0);
}

void UMusubiSubsystem::UserFound(std::string_view UserId, uint32_t State)
{
	OnUserFound.Broadcast(ToString(UserId), State <= static_cast<uint32>(EMusubiUserState::InRoom) ? static_cast<EMusubiUserState>(State) : EMusubiUserState::Offline);
}

void UMusubiSubsystem::InviteAnswered(std::string_view UserId, const MusubiCore::FError& Error)
{
	OnInviteAnswered.Broadcast(ToString(UserId), ToError(Error));
}

void UMusubiSubsystem::Invited(std::string_view Code, std::string_view From, musubi::View Data)
{
	OnInvited.Broadcast(ToString(Code), ToString(From), ToBytes(Data));
}

void UMusubiSubsystem::TokenAnswered(const MusubiCore::FError& Error, uint64_t Seconds)
{
	OnTokenAnswered.Broadcast(static_cast<int64>(Seconds), ToError(Error));
}

void UMusubiSubsystem::TokenEnding(uint64_t Seconds)
{
	OnTokenEnding.Broadcast(static_cast<int64>(Seconds));
}
