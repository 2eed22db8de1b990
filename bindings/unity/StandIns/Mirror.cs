// The public members of Mirror (90 and later) that a transport sees, from its documentation. For tests; never shipped.
using System;
using UnityEngine;

namespace Mirror
{
    public static class Channels
    {
        public const int Reliable = 0;
        public const int Unreliable = 1;
    }

    public enum TransportError : byte { DnsResolve, Refused, Timeout, Congestion, InvalidReceive, InvalidSend, ConnectionClosed, Unexpected }

    public abstract class Transport : MonoBehaviour
    {
        public static Transport active;

        public Action OnClientConnected;
        public Action<ArraySegment<byte>, int> OnClientDataReceived;
        public Action<ArraySegment<byte>, int> OnClientDataSent;
        public Action<TransportError, string> OnClientError;
        public Action<Exception> OnClientTransportException;
        public Action OnClientDisconnected;
        [Obsolete("Use OnServerConnectedWithAddress and pass the remote client address instead")]
        public Action<int> OnServerConnected;
        public Action<int, string> OnServerConnectedWithAddress;
        public Action<int, ArraySegment<byte>, int> OnServerDataReceived;
        public Action<int, ArraySegment<byte>, int> OnServerDataSent;
        public Action<int, TransportError, string> OnServerError;
        public Action<int, Exception> OnServerTransportException;
        public Action<int> OnServerDisconnected;

        public abstract bool Available();
        public virtual bool IsEncrypted { get { return false; } }
        public virtual string EncryptionCipher { get { return ""; } }
        public abstract bool ClientConnected();
        public abstract void ClientConnect(string address);
        public virtual void ClientConnect(Uri uri) { ClientConnect(uri.Host); }
        public abstract void ClientSend(ArraySegment<byte> segment, int channelId = Channels.Reliable);
        public abstract void ClientDisconnect();
        public abstract Uri ServerUri();
        public abstract bool ServerActive();
        public abstract void ServerStart();
        public abstract void ServerSend(int connectionId, ArraySegment<byte> segment, int channelId = Channels.Reliable);
        public abstract void ServerDisconnect(int connectionId);
        public abstract string ServerGetClientAddress(int connectionId);
        public abstract void ServerStop();
        public abstract int GetMaxPacketSize(int channelId = Channels.Reliable);
        public virtual int GetBatchThreshold(int channelId = Channels.Reliable) { return GetMaxPacketSize(channelId); }
        public void Update() { }
        public void LateUpdate() { }
        public virtual void ClientEarlyUpdate() { }
        public virtual void ServerEarlyUpdate() { }
        public virtual void ClientLateUpdate() { }
        public virtual void ServerLateUpdate() { }
        public abstract void Shutdown();
        public virtual void OnApplicationQuit() { Shutdown(); }
    }

    public class NetworkManager : MonoBehaviour
    {
        public static NetworkManager singleton { get; set; }
        public Transport transport;
        public string networkAddress = "localhost";
        public bool isNetworkActive { get; private set; }
        public void StartHost() { StartServer(); }
        public void StartServer() { transport.ServerStart(); isNetworkActive = true; }
        public void StartClient() { transport.ClientConnect(networkAddress); isNetworkActive = true; }
        public void StopHost() { transport.Shutdown(); isNetworkActive = false; }
        public void StopClient() { transport.ClientDisconnect(); isNetworkActive = false; }
    }

    public static class NetworkServer { public static bool active { get; set; } }

    public static class NetworkClient
    {
        public static bool active { get; set; }
        public static bool isConnected { get; set; }
    }
}
