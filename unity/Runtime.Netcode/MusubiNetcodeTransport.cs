using System;
using Unity.Netcode;
using UnityEngine;

namespace Musubi
{
    /// <summary>Netcode for GameObjects over Musubi: the host is the server, players join by its code.
    /// <para>Host: StartHost or StartServer, then show <see cref="JoinCode"/> when <see cref="JoinCodeReady"/> says it. Others: set
    /// <see cref="JoinCode"/>, then StartClient. Netcode's server works, an authority that moves does not (distributed
    /// authority needs Unity's own transport).</para></summary>
    [AddComponentMenu("Netcode/Musubi Transport")]
    [DisallowMultipleComponent]
    public sealed class MusubiNetcodeTransport : NetworkTransport
    {
        /// <summary>Server, game, players.</summary>
        public MusubiTransportOptions Options = new MusubiTransportOptions();

        /// <summary>The room's code: where a client goes; on the host it is there when <see cref="JoinCodeReady"/> says so.</summary>
        [Tooltip("Join code of the room. Clients set it before StartClient; the host's is filled in when the room is open.")]
        public string JoinCode = "";

        private Star star; // null: not started
        private bool isHost;

        /// <summary>Host: the room is open, and this is its code. Raised in the player loop.</summary>
        public event Action<string> JoinCodeReady;

        /// <summary>Why the last session ended or did not begin, a sentence for people.</summary>
        public string LastReason { get; private set; }

        /// <summary>The client below, for figures and simulated networks; null: not started.</summary>
        public Client Client { get { return star == null ? null : star.Client; } }

        /// <inheritdoc/>
        public override ulong ServerClientId { get { return Star.HostId; } }

        /// <inheritdoc/>
        public override bool IsSupported { get { return Library.IsSupported; } }

        /// <summary>Opens nothing: that is what StartServer and StartClient do.</summary>
        public override void Initialize(NetworkManager networkManager = null) { LastReason = ""; }

        /// <inheritdoc/>
        public override bool StartServer()
        {
            StarHost host;
            string why;
            if (star != null)
                return Refuse("it is started already");
            if (!StarHost.TryStart(Options.ToStarOptions(), out host, out why))
                return Refuse(why);
            star = host;
            isHost = true;
            JoinCode = "";
            return true;
        }

        /// <inheritdoc/>
        public override bool StartClient()
        {
            StarGuest guest;
            string why;
            if (star != null)
                return Refuse("it is started already");
            if (!StarGuest.TryStart(Options.ToStarOptions(), JoinCode, out guest, out why))
                return Refuse(why);
            star = guest;
            isHost = false;
            return true;
        }

        private bool Refuse(string why)
        {
            LastReason = why;
            Debug.LogError("Musubi can't start: " + why, this);
            return false;
        }

        /// <inheritdoc/>
        public override NetworkEvent PollEvent(out ulong clientId, out ArraySegment<byte> payload, out float receiveTime)
        {
            StarEvent e;
            clientId = 0;
            payload = default(ArraySegment<byte>);
            receiveTime = Time.realtimeSinceStartup;
            while (star != null && star.TryPoll(out e))
            {
                clientId = (ulong)e.Id;
                switch (e.Kind)
                {
                    case StarEventKind.Data:
                        payload = e.Payload;
                        return NetworkEvent.Data;
                    case StarEventKind.Connected:
                        return NetworkEvent.Connect;
                    case StarEventKind.Disconnected:
                        if (e.ByUs)
                            break; // Netcode has dealt with whom it disconnected itself
                        Ended(e);
                        return NetworkEvent.Disconnect;
                    case StarEventKind.Ended:
                        Ended(e);
                        Debug.LogError("Musubi can't host: " + e.Text, this);
                        return NetworkEvent.TransportFailure;
                    default:
                        Tell(e);
                        break;
                }
            }
            clientId = 0;
            return NetworkEvent.Nothing;
        }

        private void Tell(StarEvent e)
        {
            if (e.Kind == StarEventKind.Trouble)
                Debug.LogWarning("Musubi: " + e.Text, this);
            if (e.Kind != StarEventKind.Opened)
                return;
            JoinCode = e.Text;
            if (JoinCodeReady != null)
                JoinCodeReady(e.Text);
        }

        private void Ended(StarEvent e)
        {
            LastReason = e.Text;
            if (e.Kind == StarEventKind.Ended || !isHost)
                Shutdown();
#if MUSUBI_NETCODE_2_7
            SetDisconnectEvent(Reason(e.Code), e.Text);
#endif
            if (!isHost)
                Debug.Log("Musubi: disconnected from the host: " + e.Text, this);
        }

#if MUSUBI_NETCODE_2_7
        private static DisconnectEvents Reason(ResultCode code)
        {
            switch (code)
            {
                case ResultCode.Timeout:
                case ResultCode.Lost:
                    return DisconnectEvents.ProtocolTimeout;
                case ResultCode.ServerUnreachable:
                    return DisconnectEvents.MaxConnectionAttempts;
                case ResultCode.Unauthorized:
                case ResultCode.ServerKey:
                case ResultCode.BadPassword:
                case ResultCode.Handshake:
                    return DisconnectEvents.AuthenticationFailure;
                case ResultCode.Protocol:
                    return DisconnectEvents.ProtocolError;
                case ResultCode.Failed:
                    return DisconnectEvents.TransportShutdown;
                default:
                    return (int)code > 0 || code == ResultCode.RemoteClosed || code == ResultCode.Rejected ? DisconnectEvents.ClosedByRemote :
                        DisconnectEvents.Disconnected;
            }
        }
#endif

        /// <inheritdoc/>
        public override void Send(ulong clientId, ArraySegment<byte> payload, NetworkDelivery networkDelivery)
        {
            if (star == null)
                return;
            star.Send((int)clientId, payload, Mode(networkDelivery));
#if !MUSUBI_NETCODE_2
            star.Flush(); // Netcode 1 does not say when a frame's messages are all there
#endif
        }

        private static DeliveryMode Mode(NetworkDelivery delivery)
        {
            switch (delivery)
            {
                case NetworkDelivery.Unreliable:
                    return DeliveryMode.Unreliable;
                case NetworkDelivery.UnreliableSequenced:
                    return DeliveryMode.UnreliableSequenced;
                case NetworkDelivery.Reliable:
                    return DeliveryMode.ReliableUnordered;
                default:
                    return DeliveryMode.ReliableOrdered;
            }
        }

        /// <summary>Disconnects a client after delivering what was sent. The server gets no event for it: Netcode has dealt with
        /// it.</summary>
        public override void DisconnectRemoteClient(ulong clientId)
        {
            if (star != null && isHost)
                star.Disconnect((int)clientId);
        }

        /// <summary>Leaves the host after delivering what was sent; Netcode is told at once, and once.</summary>
        public override void DisconnectLocalClient()
        {
            if (star == null || isHost)
                return;
            bool was = !star.IsOver;
            star.Dispose();
            star = null;
            if (was)
                InvokeOnTransportEvent(NetworkEvent.Disconnect, ServerClientId, default(ArraySegment<byte>), Time.realtimeSinceStartup);
        }

        /// <inheritdoc/>
        public override ulong GetCurrentRtt(ulong clientId) { return star == null ? 0 : (ulong)star.GetRttMs((int)clientId); }

        /// <summary>Delivers what was sent, tells everybody, and ends. It can be started again.</summary>
        public override void Shutdown()
        {
            Star s = star;
            star = null;
            if (s != null)
                s.Dispose();
        }

        private void OnDestroy() { Shutdown(); }

#if MUSUBI_NETCODE_2
        /// <inheritdoc/>
        protected override void OnPostLateUpdate()
        {
            if (star != null)
                star.Flush();
        }

        /// <inheritdoc/>
        protected override NetworkTopologyTypes OnCurrentTopology() { return NetworkTopologyTypes.ClientServer; }
#endif
    }
}
