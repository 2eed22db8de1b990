// What a net driver decides: whether a game's connection goes over Musubi or plain IP, when it joins a room by itself, and when it
// is over. UMusubiNetDriver asks this and tells the engine.
#pragma once

#include "MusubiDatagramSocket.h"
#include "MusubiSession.h"

namespace MusubiCore
{

/** The way of a driver, decided once, when it is initialised. */
enum class EDriverRoute : uint8_t
{
	PlainIp, // "open 127.0.0.1", play-in-editor's own windows, a listen server without a room: the engine's sockets
	Musubi
};

/** A client goes where its URL's host says. A listen server goes over Musubi when its player is in a room or on the way into
 *  one, or when the URL has the option "musubi": so that play-in-editor without Musubi works as ever. */
MUSUBICORE_API EDriverRoute ChooseRoute(bool bClient, std::string_view UrlHost, bool bMusubiOption, const FSession* Session);

/** One driver over Musubi. Its socket belongs to the caller and has to live until Close. */
class MUSUBICORE_API FDriverLogic final : public ISessionListener
{
public:
	~FDriverLogic() override;

	/** As a client of "musubi.CODE" or "musubi.host": binds a fresh port and joins the room, unless this player is in it
	 *  already or on the way. Datagrams to the host are dropped until it is connected; the engine's handshake repeats its own. */
	FError Connect(FSession& To, std::string_view UrlHost, FDatagramSocket& With);

	/** As a listen server at a virtual port. bHostRoom: makes a room if the player is in none. */
	FError Listen(FSession& To, uint16_t Port, bool bHostRoom, FDatagramSocket& With);

	/** True once, when a client's connection has no future: the join failed, the host is gone, Musubi stopped. */
	bool TakeFailure(FError& Why);

	/** True for each peer whose connection ended, until there are no more: its connections of the engine can be closed now
	 *  instead of after their time-out. */
	bool TakeClosedPeer(musubi_peer& Peer, FError& Why);

	void Close();
	FSession* Session() const { return Of; } // nullptr: closed, or the session ended

	void JoinEnded(const FError& Error, musubi_peer Host) override;
	void HostEnded(const FError& Error, std::string_view Code) override;
	void PeerClosed(const FPeer& Peer, const FError& Error, uint64_t Undelivered) override;
	void Failed(const FError& Error) override;
	void Stopped() override;

private:
	struct FClosed
	{
		musubi_peer Peer;
		FError Why;
	};

	void Fail(const FError& Error);

	FSession* Of = nullptr;
	FDatagramSocket* Socket = nullptr;
	bool bClient = false, bFailed = false, bFailureTold = false;
	FError Failure;
	std::vector<FClosed> ClosedPeers;
};

/** A line of NetDriverDefinitions as the engine has read it. */
struct FDriverDefinition
{
	std::string Name, Class, Fallback;
};

constexpr const char* DriverClass = "/Script/MusubiNet.MusubiNetDriver";

/** What is wrong with the definitions, in one sentence for each of the game's and the beacon's driver, with what to do; empty:
 *  nothing. The first definition of a name is the one that counts. */
MUSUBICORE_API std::vector<std::string> CheckDriverDefinitions(const std::vector<FDriverDefinition>& Definitions);

} // namespace MusubiCore
