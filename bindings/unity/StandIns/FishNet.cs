// The public members of FishNet 4 that a transport sees, from its API reference. For tests; never shipped.
using System;
using UnityEngine;

namespace FishNet.Managing
{
    public class NetworkManager : MonoBehaviour { }
}

namespace FishNet.Transporting
{
    public enum Channel : byte { Reliable = 0, Unreliable = 1 }

    public enum IPAddressType : byte { IPv4 = 0, IPv6 = 1 }

    [Flags]
    public enum LocalConnectionState : int { Stopped = 1, Stopping = 2, Starting = 4, Started = 8 }

    public enum RemoteConnectionState : byte { Stopped = 0, Started = 2 }

    public struct ServerReceivedDataArgs
    {
        public ArraySegment<byte> Data;
        public Channel Channel;
        public int ConnectionId;
        public int TransportIndex;
        public Action FinalizeMethod;

        public ServerReceivedDataArgs(ArraySegment<byte> data, Channel channel, int connectionId, int transportIndex)
        {
            Data = data;
            Channel = channel;
            ConnectionId = connectionId;
            TransportIndex = transportIndex;
            FinalizeMethod = null;
        }
    }

    public struct ClientReceivedDataArgs
    {
        public ArraySegment<byte> Data;
        public Channel Channel;
        public int TransportIndex;

        public ClientReceivedDataArgs(ArraySegment<byte> data, Channel channel, int transportIndex)
        {
            Data = data;
            Channel = channel;
            TransportIndex = transportIndex;
        }
    }

    public struct RemoteConnectionStateArgs
    {
        public int TransportIndex;
        public RemoteConnectionState ConnectionState;
        public int ConnectionId;

        public RemoteConnectionStateArgs(RemoteConnectionState connectionState, int connectionId, int transportIndex)
        {
            ConnectionState = connectionState;
            ConnectionId = connectionId;
            TransportIndex = transportIndex;
        }
    }

    public struct ServerConnectionStateArgs
    {
        public int TransportIndex;
        public LocalConnectionState ConnectionState;

        public ServerConnectionStateArgs(LocalConnectionState connectionState, int transportIndex)
        {
            ConnectionState = connectionState;
            TransportIndex = transportIndex;
        }
    }

    public struct ClientConnectionStateArgs
    {
        public LocalConnectionState ConnectionState;
        public int TransportIndex;

        public ClientConnectionStateArgs(LocalConnectionState connectionState, int transportIndex)
        {
            ConnectionState = connectionState;
            TransportIndex = transportIndex;
        }
    }

    public abstract class Transport : MonoBehaviour
    {
        public FishNet.Managing.NetworkManager NetworkManager { get; private set; }
        public int Index { get; private set; }

        public virtual void Initialize(FishNet.Managing.NetworkManager networkManager, int transportIndex)
        {
            NetworkManager = networkManager;
            Index = transportIndex;
        }

        public abstract string GetConnectionAddress(int connectionId);
        public abstract event Action<ClientConnectionStateArgs> OnClientConnectionState;
        public abstract event Action<ServerConnectionStateArgs> OnServerConnectionState;
        public abstract event Action<RemoteConnectionStateArgs> OnRemoteConnectionState;
        public abstract void HandleClientConnectionState(ClientConnectionStateArgs connectionStateArgs);
        public abstract void HandleServerConnectionState(ServerConnectionStateArgs connectionStateArgs);
        public abstract void HandleRemoteConnectionState(RemoteConnectionStateArgs connectionStateArgs);
        public abstract LocalConnectionState GetConnectionState(bool server);
        public abstract RemoteConnectionState GetConnectionState(int connectionId);
        public abstract void SendToServer(byte channelId, ArraySegment<byte> segment);
        public abstract void SendToClient(byte channelId, ArraySegment<byte> segment, int connectionId);
        public abstract event Action<ClientReceivedDataArgs> OnClientReceivedData;
        public abstract void HandleClientReceivedDataArgs(ClientReceivedDataArgs receivedDataArgs);
        public abstract event Action<ServerReceivedDataArgs> OnServerReceivedData;
        public abstract void HandleServerReceivedDataArgs(ServerReceivedDataArgs receivedDataArgs);
        public virtual float GetPacketLoss(bool asServer) { return 0; }
        public abstract void IterateIncoming(bool asServer);
        public abstract void IterateOutgoing(bool asServer);
        public virtual bool IsLocalTransport(int connectionid) { return false; }
        public virtual float GetTimeout(bool asServer) { return -1; }
        public virtual void SetTimeout(float value, bool asServer) { }
        public virtual int GetMaximumClients() { return -1; }
        public virtual void SetMaximumClients(int value) { }
        public virtual void SetClientAddress(string address) { }
        public virtual string GetClientAddress() { return ""; }
        public virtual void SetServerBindAddress(string address, IPAddressType addressType) { }
        public virtual string GetServerBindAddress(IPAddressType addressType) { return ""; }
        public virtual void SetPort(ushort port) { }
        public virtual ushort GetPort() { return 0; }
        public abstract bool StartConnection(bool server);
        public abstract bool StopConnection(bool server);
        public abstract bool StopConnection(int connectionId, bool immediately);
        public abstract void Shutdown();
        public abstract int GetMTU(byte channel);
    }
}
