// What Blueprints and C++ see of Musubi: errors, players, figures.
#pragma once

#include "CoreMinimal.h"

#include "MusubiTypes.generated.h"

MUSUBI_API DECLARE_LOG_CATEGORY_EXTERN(LogMusubi, Log, All);

/** How a message is delivered. */
UENUM(BlueprintType)
enum class EMusubiDelivery : uint8
{
	/** Once, in order within its channel. Channels never wait for each other. */
	ReliableOrdered = 0,
	/** Once, as it arrives. */
	ReliableUnordered = 1,
	/** At most once, as it arrives. */
	Unreliable = 2,
	/** At most once, never older than what the channel delivered before: the state of something that moves. */
	UnreliableSequenced = 3
};

/** The way that a connection's data travels now. */
UENUM(BlueprintType)
enum class EMusubiRoute : uint8
{
	/** Not connected. */
	None = 0,
	/** Through the server's relay, which can't read it. */
	Relay = 1,
	/** Direct, in the same network. */
	Lan = 2,
	/** Direct over IPv4. */
	DirectIPv4 = 3,
	/** Direct over IPv6. */
	DirectIPv6 = 4
};

/** Who may learn this player's addresses. Of what the server, the room and both players ask for, the strictest holds. */
UENUM(BlueprintType)
enum class EMusubiPrivacy : uint8
{
	/** Whoever it connects to. */
	Direct = 0,
	/** Nobody before both games agreed: Accept Peer. */
	Consent = 1,
	/** Nobody: everything is relayed. */
	RelayOnly = 2
};

/** Where a user of this game is. */
UENUM(BlueprintType)
enum class EMusubiUserState : uint8
{
	Offline = 0,
	Online = 1,
	InRoom = 2
};

/** What On Request Failed is about. */
UENUM(BlueprintType)
enum class EMusubiRequest : uint8
{
	Other = 0,
	SetRoomData = 1,
	SetRoomOptions = 2,
	MakeHost = 3,
	KickPlayer = 4,
	AnswerJoinRequest = 5,
	ListRooms = 6,
	FindUser = 7
};

/** Why something did not work. */
USTRUCT(BlueprintType)
struct MUSUBI_API FMusubiError
{
	GENERATED_BODY()

	/** 0: nothing is wrong. Negative: a code of the library, the same as MUSUBI_ERR_ in musubi.h. Positive: the code that the other player's game gave when it closed. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	int32 Code = 0;

	/** A sentence for people that says what happened and what to do. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	FString Sentence;

	bool IsError() const { return Code != 0; }
};

/** Another player of the room. */
USTRUCT(BlueprintType)
struct MUSUBI_API FMusubiPeer
{
	GENERATED_BODY()

	/** The number by which this player's functions know the other one; 0 is nobody. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	int64 Id = 0;

	/** The user id that the server vouches for. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	FString UserId;

	/** Messages may be sent. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	bool bConnected = false;

	/** Silent for the moment; it is given up after the idle time-out. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	bool bInterrupted = false;

	/** The room's host. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	bool bHost = false;

	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	EMusubiRoute Route = EMusubiRoute::None;
};

/** Figures of one connection, at most 100 ms old. */
USTRUCT(BlueprintType)
struct MUSUBI_API FMusubiStats
{
	GENERATED_BODY()

	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	EMusubiRoute Route = EMusubiRoute::None;

	/** Round trip, milliseconds, smoothed. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	float RttMs = 0;

	/** Its mean deviation, milliseconds. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	float JitterMs = 0;

	/** Packets lost on the way to the other player in the last 8 seconds, percent. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	float LossOutPercent = 0;

	/** And on the way from it. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	float LossInPercent = 0;

	/** Kilobytes sent in the last second, headers included. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	float SendKBps = 0;

	/** And received. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	float ReceiveKBps = 0;

	/** Bytes that wait: accepted, not acknowledged yet. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	int64 QueuedBytes = 0;

	/** How long a message that is sent now waits to leave, milliseconds. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	float QueueMs = 0;

	/** How often the route changed since the connection began. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	int32 RouteChanges = 0;
};

/** A host in the local network. */
USTRUCT(BlueprintType)
struct MUSUBI_API FMusubiLanHost
{
	GENERATED_BODY()

	/** For Join Lan. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	FString Address;

	/** What the host shows: up to 255 bytes. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	TArray<uint8> Data;

	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	int32 Members = 0;

	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	int32 MaxMembers = 0;
};

/** What a room is like. */
USTRUCT(BlueprintType)
struct MUSUBI_API FMusubiRoomOptions
{
	GENERATED_BODY()

	/** This player included, 2 to 64. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Musubi")
	int32 MaxPlayers = 16;

	/** List Rooms shows it. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Musubi")
	bool bPublic = false;

	/** Nobody enters. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Musubi")
	bool bLocked = false;

	/** The host is asked about everybody: On Join Request. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Musubi")
	bool bAskHost = false;

	/** Every member may set the room's data. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Musubi")
	bool bSharedData = false;

	/** The server never learns it; members with another one don't get connected. Set when the room is made. Empty: none. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Musubi")
	FString Password;
};

/** A public room, as List Rooms finds it. */
USTRUCT(BlueprintType)
struct MUSUBI_API FMusubiRoomListing
{
	GENERATED_BODY()

	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	FString Code;

	/** The first 256 bytes of its data. */
	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	TArray<uint8> Data;

	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	int32 Members = 0;

	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	int32 MaxMembers = 0;

	UPROPERTY(BlueprintReadOnly, Category = "Musubi")
	bool bPassword = false;
};
