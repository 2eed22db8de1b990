#include "MusubiSocket.h"

#include "MusubiInternetAddr.h"
#include "MusubiSocketSubsystem.h"

using MusubiCore::ESocketResult;

FMusubiSocket::FMusubiSocket(FMusubiSocketSubsystem& InSubsystem, const FString& InDescription)
	: FSocket(ESocketType::SOCKTYPE_Datagram, InDescription, MusubiProtocol)
	, Subsystem(InSubsystem)
{
}

bool FMusubiSocket::Done(ESocketResult Result)
{
	switch (Result)
	{
	case ESocketResult::Ok: Subsystem.LastError = SE_NO_ERROR; break;
	case ESocketResult::NothingThere: Subsystem.LastError = SE_EWOULDBLOCK; break;
	case ESocketResult::TooLarge: Subsystem.LastError = SE_EMSGSIZE; break;
	case ESocketResult::InUse: Subsystem.LastError = SE_EADDRINUSE; break;
	case ESocketResult::Closed: Subsystem.LastError = SE_EBADF; break;
	}
	return Result == ESocketResult::Ok;
}

bool FMusubiSocket::NotForDatagrams()
{
	Subsystem.LastError = SE_EOPNOTSUPP;
	return false;
}

bool FMusubiSocket::SendTo(const uint8* Data, int32 Count, int32& BytesSent, const FInternetAddr& Destination)
{
	BytesSent = 0;
	if (!FMusubiInternetAddr::IsOurs(Destination) || Count < 0)
	{
		Subsystem.LastError = SE_EAFNOSUPPORT;
		return false;
	}
	const MusubiCore::FAddress& To = static_cast<const FMusubiInternetAddr&>(Destination).Address;
	if (!Done(Datagrams.SendTo(To, Data, static_cast<size_t>(Count))))
	{
		return false;
	}
	BytesSent = Count;
	return true;
}

bool FMusubiSocket::RecvFrom(uint8* Data, int32 BufferSize, int32& BytesRead, FInternetAddr& Source, ESocketReceiveFlags::Type Flags)
{
	BytesRead = 0;
	if (!FMusubiInternetAddr::IsOurs(Source) || BufferSize < 0 || Flags != ESocketReceiveFlags::None)
	{
		return NotForDatagrams();
	}
	size_t Read = 0;
	if (!Done(Datagrams.ReceiveFrom(Data, static_cast<size_t>(BufferSize), Read, static_cast<FMusubiInternetAddr&>(Source).Address)))
	{
		return false;
	}
	BytesRead = static_cast<int32>(Read);
	return true;
}

bool FMusubiSocket::RecvFromWithPktInfo(uint8* Data, int32 BufferSize, int32& BytesRead, FInternetAddr& Source, FInternetAddr& Destination, ESocketReceiveFlags::Type Flags)
{
	GetAddress(Destination);
	return RecvFrom(Data, BufferSize, BytesRead, Source, Flags);
}

bool FMusubiSocket::HasPendingData(uint32& PendingDataSize)
{
	PendingDataSize = static_cast<uint32>(Datagrams.NextSize());
	return PendingDataSize > 0;
}

bool FMusubiSocket::Close()
{
	Datagrams.Close();
	return true;
}

bool FMusubiSocket::Shutdown(ESocketShutdownMode)
{
	return true;
}

bool FMusubiSocket::Bind(const FInternetAddr&)
{
	// The net driver has bound it, or nobody can: a socket does not know whose session it is for.
	return Done(Datagrams.IsOpen() ? ESocketResult::Ok : ESocketResult::Closed);
}

ESocketConnectionState FMusubiSocket::GetConnectionState()
{
	return Datagrams.IsOpen() ? SCS_Connected : SCS_NotConnected;
}

void FMusubiSocket::GetAddress(FInternetAddr& OutAddr)
{
	OutAddr.SetAnyAddress();
	OutAddr.SetPort(Datagrams.Port());
}

int32 FMusubiSocket::GetPortNo()
{
	return Datagrams.Port();
}

// What means nothing here: set without an effect where the engine sets it on every socket, refused where it belongs to streams or
// groups.
bool FMusubiSocket::SetNonBlocking(bool) { return true; }
bool FMusubiSocket::SetReuseAddr(bool) { return true; }
bool FMusubiSocket::SetRecvErr(bool) { return true; }
bool FMusubiSocket::SetNoDelay(bool) { return true; }
bool FMusubiSocket::SetLinger(bool, int32) { return true; }

bool FMusubiSocket::SetSendBufferSize(int32 Size, int32& NewSize)
{
	NewSize = Size;
	return true;
}

bool FMusubiSocket::SetReceiveBufferSize(int32 Size, int32& NewSize)
{
	NewSize = Size;
	return true;
}

bool FMusubiSocket::SetBroadcast(bool bAllowBroadcast) { return !bAllowBroadcast || NotForDatagrams(); }
bool FMusubiSocket::SetIpPktInfo(bool) { return NotForDatagrams(); }
bool FMusubiSocket::Connect(const FInternetAddr&) { return NotForDatagrams(); }
bool FMusubiSocket::Listen(int32) { return NotForDatagrams(); }
bool FMusubiSocket::Send(const uint8*, int32, int32& BytesSent) { BytesSent = 0; return NotForDatagrams(); }
bool FMusubiSocket::Recv(uint8*, int32, int32& BytesRead, ESocketReceiveFlags::Type) { BytesRead = 0; return NotForDatagrams(); }
bool FMusubiSocket::Wait(ESocketWaitConditions::Type, FTimespan) { return NotForDatagrams(); }
bool FMusubiSocket::GetPeerAddress(FInternetAddr&) { return NotForDatagrams(); }
bool FMusubiSocket::JoinMulticastGroup(const FInternetAddr&) { return NotForDatagrams(); }
bool FMusubiSocket::JoinMulticastGroup(const FInternetAddr&, const FInternetAddr&) { return NotForDatagrams(); }
bool FMusubiSocket::LeaveMulticastGroup(const FInternetAddr&) { return NotForDatagrams(); }
bool FMusubiSocket::LeaveMulticastGroup(const FInternetAddr&, const FInternetAddr&) { return NotForDatagrams(); }
bool FMusubiSocket::SetMulticastLoopback(bool) { return NotForDatagrams(); }
bool FMusubiSocket::SetMulticastTtl(uint8) { return NotForDatagrams(); }
bool FMusubiSocket::SetMulticastInterface(const FInternetAddr&) { return NotForDatagrams(); }

bool FMusubiSocket::WaitForPendingConnection(bool& bHasPendingConnection, const FTimespan&)
{
	bHasPendingConnection = false;
	return NotForDatagrams();
}

FSocket* FMusubiSocket::Accept(const FString&)
{
	NotForDatagrams();
	return nullptr;
}

FSocket* FMusubiSocket::Accept(FInternetAddr&, const FString&)
{
	NotForDatagrams();
	return nullptr;
}
