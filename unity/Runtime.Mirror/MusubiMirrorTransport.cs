using System;
using System.Collections.Generic;
using Mirror;
using UnityEngine;

namespace Musubi
{
    /// <summary>Mirror over Musubi: the host is the server, players join by its code.
    /// <para>Host: StartHost or StartServer, then show <see cref="JoinCode"/> when <see cref="JoinCodeReady"/> says it. Others: put the
    /// code into NetworkManager.networkAddress ("E4K7Q2XM" or "musubi://E4K7Q2XM") and StartClient.</para></summary>
    [AddComponentMenu("Network/Musubi Transport")]
    [DisallowMultipleComponent]
    public sealed class MusubiMirrorTransport : Transport
    {
        private const int Batch = 1150; // bytes: what one datagram of any path carries beside headers and seals

        /// <summary>Server, game, players.</summary>
        public MusubiTransportOptions Options = new MusubiTransportOptions();

        private StarHost host; // null: not hosting
        private StarGuest guest; // null: no guest
        private readonly List<int> ids = new List<int>();

        /// <summary>Host: the room is open, and this is its code. Raised in the player loop.</summary>
        public event Action<string> JoinCodeReady;

        /// <summary>Host: the room's code, "" until it is open.</summary>
        public string JoinCode { get { return host == null ? "" : host.Code; } }

        /// <summary>The client below, for figures and simulated networks; null: not started.</summary>
        public Client Client { get { return host != null ? host.Client : guest != null ? guest.Client : null; } }

        /// <inheritdoc/>
        public override bool Available() { return Library.IsSupported; }

        /// <inheritdoc/>
        public override bool IsEncrypted { get { return true; } }

        /// <inheritdoc/>
        public override string EncryptionCipher { get { return "AES-256-GCM or ChaCha20-Poly1305, end to end"; } }

        /// <inheritdoc/>
        public override bool ClientConnected() { return guest != null && guest.IsReady; }

        /// <inheritdoc/>
        public override void ClientConnect(string address)
        {
            string why;
            if (guest != null)
                return;
            if (StarGuest.TryStart(Options.ToStarOptions(), address, out guest, out why))
                return;
            Debug.LogError("Musubi can't join: " + why, this);
            if (OnClientError != null)
                OnClientError(TransportError.DnsResolve, why);
            if (OnClientDisconnected != null)
                OnClientDisconnected();
        }

        /// <inheritdoc/>
        public override void ClientConnect(Uri uri) { ClientConnect(uri.OriginalString); }

        /// <inheritdoc/>
        public override void ClientSend(ArraySegment<byte> segment, int channelId = Channels.Reliable)
        {
            if (guest == null)
                return;
            ResultCode code = guest.Send(Star.HostId, segment, Mode(channelId));
            if (code == ResultCode.Ok && OnClientDataSent != null)
                OnClientDataSent(segment, channelId);
            else if (code == ResultCode.TooLarge && OnClientError != null)
                OnClientError(TransportError.InvalidSend, Star.TooLarge(segment.Count, Mode(channelId), Options.ToStarOptions()));
        }

        /// <summary>Leaves the host after delivering what was sent; Mirror is told at once, and once.</summary>
        public override void ClientDisconnect()
        {
            if (guest == null)
                return;
            StarGuest g = guest;
            guest = null;
            g.Dispose();
            if (OnClientDisconnected != null)
                OnClientDisconnected();
        }

        /// <inheritdoc/>
        public override void ClientEarlyUpdate()
        {
            StarEvent e;
            while (enabled && guest != null && guest.TryPoll(out e))
                Handle(e);
        }

        private void Handle(StarEvent e)
        {
            switch (e.Kind)
            {
                case StarEventKind.Connected:
                    if (OnClientConnected != null)
                        OnClientConnected();
                    break;
                case StarEventKind.Data:
                    if (OnClientDataReceived != null)
                        OnClientDataReceived(e.Payload, Channel(e.Mode));
                    break;
                case StarEventKind.Disconnected:
                    guest.Dispose();
                    guest = null;
                    if (OnClientError != null)
                        OnClientError(Error(e.Code), e.Text);
                    if (OnClientDisconnected != null)
                        OnClientDisconnected();
                    break;
                case StarEventKind.Trouble:
                    Debug.LogWarning("Musubi: " + e.Text, this);
                    break;
            }
        }

        /// <inheritdoc/>
        public override void ClientLateUpdate()
        {
            if (guest != null)
                guest.Flush();
        }

        /// <summary>"musubi://" and the code; the code is "waiting" until the room is open.</summary>
        public override Uri ServerUri() { return new Uri(Musubi.JoinCode.Scheme + "://" + (JoinCode.Length > 0 ? JoinCode : "waiting")); }

        /// <inheritdoc/>
        public override bool ServerActive() { return host != null; }

        /// <inheritdoc/>
        public override void ServerStart()
        {
            string why;
            if (host == null && !StarHost.TryStart(Options.ToStarOptions(), out host, out why))
                Debug.LogError("Musubi can't host: " + why, this);
        }

        /// <inheritdoc/>
        public override void ServerSend(int connectionId, ArraySegment<byte> segment, int channelId = Channels.Reliable)
        {
            if (host == null)
                return;
            ResultCode code = host.Send(connectionId, segment, Mode(channelId));
            if (code == ResultCode.Ok && OnServerDataSent != null)
                OnServerDataSent(connectionId, segment, channelId);
            else if (code == ResultCode.TooLarge && OnServerError != null)
                OnServerError(connectionId, TransportError.InvalidSend, Star.TooLarge(segment.Count, Mode(channelId), Options.ToStarOptions()));
        }

        /// <summary>Disconnects a client after delivering what was sent to it; Mirror is told at once, and once.</summary>
        public override void ServerDisconnect(int connectionId)
        {
            if (host == null || !host.IsConnected(connectionId))
                return;
            host.Disconnect(connectionId);
            if (OnServerDisconnected != null)
                OnServerDisconnected(connectionId);
        }

        /// <summary>The client's user id behind "musubi:": players don't learn each other's addresses.</summary>
        public override string ServerGetClientAddress(int connectionId) { return host == null ? "" : Address(connectionId); }

        private string Address(int id) { return Musubi.JoinCode.Scheme + ":" + host.GetName(id); }

        /// <summary>Delivers what was sent, disconnects everybody, and ends. It can be started again.</summary>
        public override void ServerStop()
        {
            if (host == null)
                return;
            StarHost h = host;
            host = null;
            h.CopyIdsTo(ids);
            h.Dispose();
            foreach (int id in ids)
                if (OnServerDisconnected != null)
                    OnServerDisconnected(id);
        }

        /// <inheritdoc/>
        public override void ServerEarlyUpdate()
        {
            StarEvent e;
            while (enabled && host != null && host.TryPoll(out e))
                HandleAsServer(e);
        }

        private void HandleAsServer(StarEvent e)
        {
            switch (e.Kind)
            {
                case StarEventKind.Opened:
                    if (JoinCodeReady != null)
                        JoinCodeReady(e.Text);
                    break;
                case StarEventKind.Connected:
                    if (OnServerConnectedWithAddress != null)
                        OnServerConnectedWithAddress(e.Id, Address(e.Id));
                    break;
                case StarEventKind.Data:
                    if (OnServerDataReceived != null)
                        OnServerDataReceived(e.Id, e.Payload, Channel(e.Mode));
                    break;
                case StarEventKind.Disconnected:
                    if (e.ByUs)
                        break; // told in ServerDisconnect
                    if (OnServerError != null)
                        OnServerError(e.Id, Error(e.Code), e.Text);
                    if (OnServerDisconnected != null)
                        OnServerDisconnected(e.Id);
                    break;
                case StarEventKind.Trouble:
                    Debug.LogWarning("Musubi: " + e.Text, this);
                    break;
                case StarEventKind.Ended:
                    Debug.LogError("Musubi can't host: " + e.Text, this);
                    ServerStop();
                    break;
            }
        }

        /// <inheritdoc/>
        public override void ServerLateUpdate()
        {
            if (host != null)
                host.Flush();
        }

        /// <inheritdoc/>
        public override void Shutdown()
        {
            ClientDisconnect();
            ServerStop();
        }

        private void OnDestroy() { Shutdown(); }

        /// <inheritdoc/>
        public override int GetMaxPacketSize(int channelId = Channels.Reliable)
        {
            return channelId == Channels.Unreliable ? Limits.MaxUnreliable : Limits.MaxReliable;
        }

        /// <inheritdoc/>
        public override int GetBatchThreshold(int channelId = Channels.Reliable) { return Batch; }

        private static DeliveryMode Mode(int channel) { return channel == Channels.Unreliable ? DeliveryMode.Unreliable : DeliveryMode.ReliableOrdered; }

        private static int Channel(DeliveryMode mode) { return mode == DeliveryMode.Unreliable ? Channels.Unreliable : Channels.Reliable; }

        private static TransportError Error(ResultCode code)
        {
            switch (code)
            {
                case ResultCode.Timeout:
                case ResultCode.Lost:
                case ResultCode.ServerUnreachable:
                    return TransportError.Timeout;
                case ResultCode.BadCode:
                case ResultCode.Address:
                    return TransportError.DnsResolve;
                case ResultCode.RoomFull:
                case ResultCode.Rejected:
                case ResultCode.Unauthorized:
                case ResultCode.BadPassword:
                    return TransportError.Refused;
                case ResultCode.Limit:
                    return TransportError.Congestion;
                case ResultCode.TooLarge:
                    return TransportError.InvalidReceive;
                case ResultCode.Failed:
                    return TransportError.Unexpected;
                default:
                    return TransportError.ConnectionClosed;
            }
        }
    }
}
