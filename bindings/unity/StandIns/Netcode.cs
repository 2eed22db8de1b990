// The public and protected members of Netcode for GameObjects that a transport sees, from its API reference: 1.x, with
// MUSUBI_NETCODE_2 those of 2.0, with MUSUBI_NETCODE_2_7 those of 2.7. For tests; never shipped.
using System;
using UnityEngine;

namespace Unity.Netcode
{
    public enum NetworkDelivery { Unreliable, UnreliableSequenced, Reliable, ReliableSequenced, ReliableFragmentedSequenced }

    public enum NetworkEvent { Data, Connect, Disconnect, TransportFailure, Nothing }

    public class NetworkConfig { public NetworkTransport NetworkTransport; }

    public class NetworkManager : MonoBehaviour
    {
        public static NetworkManager Singleton { get; set; }
        public NetworkConfig NetworkConfig;
        public bool IsListening { get; set; }
        public bool IsServer { get; set; }
        public bool IsClient { get; set; }
        public event Action<ulong> OnClientConnectedCallback;
        public event Action<ulong> OnClientDisconnectCallback;
        public string DisconnectReason { get { return ""; } }

        public bool StartHost() { return StartServer(); }

        public bool StartServer()
        {
            NetworkConfig.NetworkTransport.Initialize(this);
            return IsListening = IsServer = NetworkConfig.NetworkTransport.StartServer();
        }

        public bool StartClient()
        {
            NetworkConfig.NetworkTransport.Initialize(this);
            return IsListening = IsClient = NetworkConfig.NetworkTransport.StartClient();
        }

        public void Shutdown(bool discardMessageQueue = false)
        {
            NetworkConfig.NetworkTransport.Shutdown();
            IsListening = IsServer = IsClient = false;
        }

        /// <summary>Of the tests: one turn of Netcode's polling.</summary>
        public void PollShim()
        {
            ulong id;
            ArraySegment<byte> payload;
            float time;
            NetworkEvent e;
            while ((e = NetworkConfig.NetworkTransport.PollEvent(out id, out payload, out time)) != NetworkEvent.Nothing)
                if (e == NetworkEvent.Connect && OnClientConnectedCallback != null)
                    OnClientConnectedCallback(id);
                else if (e == NetworkEvent.Disconnect && OnClientDisconnectCallback != null)
                    OnClientDisconnectCallback(id);
        }
    }

    public abstract class NetworkTransport : MonoBehaviour
    {
        public delegate void TransportEventDelegate(NetworkEvent eventType, ulong clientId, ArraySegment<byte> payload, float receiveTime);

        public abstract ulong ServerClientId { get; }
        public virtual bool IsSupported { get { return true; } }
        public event TransportEventDelegate OnTransportEvent;

        protected void InvokeOnTransportEvent(NetworkEvent eventType, ulong clientId, ArraySegment<byte> payload, float receiveTime)
        {
            if (OnTransportEvent != null)
                OnTransportEvent(eventType, clientId, payload, receiveTime);
        }

        public abstract void Send(ulong clientId, ArraySegment<byte> payload, NetworkDelivery networkDelivery);
        public abstract NetworkEvent PollEvent(out ulong clientId, out ArraySegment<byte> payload, out float receiveTime);
        public abstract bool StartClient();
        public abstract bool StartServer();
        public abstract void DisconnectRemoteClient(ulong clientId);
        public abstract void DisconnectLocalClient();
        public abstract ulong GetCurrentRtt(ulong clientId);
        public abstract void Shutdown();
        public abstract void Initialize(NetworkManager networkManager = null);

#if MUSUBI_NETCODE_2
        protected virtual void OnEarlyUpdate() { }
        protected virtual void OnPostLateUpdate() { }
        protected virtual NetworkTopologyTypes OnCurrentTopology() { return NetworkTopologyTypes.ClientServer; }

        /// <summary>Of the tests: what the manager calls at the end of a frame.</summary>
        public void PostLateUpdateShim() { OnPostLateUpdate(); }
#endif
#if MUSUBI_NETCODE_2_7
        public enum DisconnectEvents
        {
            TransportShutdown, Disconnected, ProtocolTimeout, MaxConnectionAttempts, ClosedByRemote, ClosedRemoteConnection, AuthenticationFailure,
            ProtocolError
        }

        public DisconnectEvents DisconnectEvent { get; private set; }
        public string DisconnectEventMessage { get; private set; }

        protected void SetDisconnectEvent(DisconnectEvents disconnectEvent, string message = null)
        {
            DisconnectEvent = disconnectEvent;
            DisconnectEventMessage = message ?? GetDisconnectEventMessage(disconnectEvent);
        }

        protected virtual string GetDisconnectEventMessage(DisconnectEvents disconnectEvent) { return ""; }
#endif
    }

#if MUSUBI_NETCODE_2
    public enum NetworkTopologyTypes { ClientServer, DistributedAuthority }
#endif
}
