#include "MusubiPortSwitch.h"

#include "MusubiDatagramSocket.h"

#include <algorithm>

namespace MusubiCore
{

void FPortSwitch::Receive(musubi_peer From, musubi::Mode Mode, musubi::View Data)
{
	if (Mode != musubi::Mode::unreliable || Data.size() <= PortHeader || Data.size() > PortHeader + MaxDatagram)
	{
		Drops.Malformed++;
		return;
	}
	const uint8_t* Bytes = Data.data();
	const uint16_t To = static_cast<uint16_t>(Bytes[0] | Bytes[1] << 8), FromPort = static_cast<uint16_t>(Bytes[2] | Bytes[3] << 8);
	FDatagramSocket* Socket = Find(To);
	if (FromPort == 0)
	{
		Drops.Malformed++;
	}
	else if (Socket == nullptr)
	{
		Drops.NoSocket++;
	}
	else if (!Socket->Deliver(From, FromPort, Bytes + PortHeader, Data.size() - PortHeader))
	{
		Drops.Full++;
	}
}

void FPortSwitch::Detach()
{
	for (FDatagramSocket* Socket : Sockets)
	{
		Socket->Session = nullptr;
	}
	Sockets.clear();
}

uint16_t FPortSwitch::Add(FDatagramSocket* Socket, uint16_t Port)
{
	for (uint32_t Tries = 0; Port == 0 && Tries <= 65535u - FirstFreePort; Tries++)
	{
		const uint16_t Candidate = NextFree;
		NextFree = NextFree == 65535 ? FirstFreePort : static_cast<uint16_t>(NextFree + 1);
		Port = Find(Candidate) == nullptr ? Candidate : uint16_t{0};
	}
	if (Port == 0 || Find(Port) != nullptr)
	{
		return 0;
	}
	Sockets.push_back(Socket);
	return Port;
}

void FPortSwitch::Remove(FDatagramSocket* Socket)
{
	Sockets.erase(std::remove(Sockets.begin(), Sockets.end(), Socket), Sockets.end());
}

FDatagramSocket* FPortSwitch::Find(uint16_t Port) const
{
	for (FDatagramSocket* Socket : Sockets)
	{
		if (Socket->Port() == Port)
		{
			return Socket;
		}
	}
	return nullptr;
}

} // namespace MusubiCore
