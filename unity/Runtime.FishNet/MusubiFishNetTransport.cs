using System;
using System.Collections.Generic;
using FishNet.Managing;
using FishNet.Transporting;
using UnityEngine;

namespace Musubi
{
    /// <summary>FishNet over Musubi: the host is the server, players join by its code.
    /// <para>Host: start the server, and the client as well to play in the same program; show <see cref="JoinCode"/> when
    /// <see cref="JoinCodeReady"/> says it. Others: SetClientAddress with the code, then start the client.</para></summary>
    [AddComponentMenu("FishNet/Transport/Musubi")]
    [DisallowMultipleComponent]
    public sealed class MusubiFishNetTransport : Transport
    {
        private const int Mtu = 1150; // bytes: what one datagram of any path carries beside headers and seals

        /// <summary>Server, game, players.</summary>
        public MusubiTransportOptions Options = new MusubiTransportOptions();

        [Tooltip("Join code of the room to enter: E4K7Q2XM, or E4K7Q2XM@192.168.1.5 in the local network.")]
        [SerializeField] private string clientAddress = "";

        private StarHost host; // null: not hosting
        private StarGuest guest; // null: no guest
        private LocalConnectionState serverState = LocalConnectionState.Stopped, clientState = LocalConnectionState.Stopped;
        private readonly List<int> ids = new List<int>();

        // A client in the host's own program: no network between them.
        private readonly StarLocalLink toServer = new StarLocalLink(), toClient = new StarLocalLink();
        private bool local; // such a client is starting or started
        private int localId; // 0: not started

        /// <inheritdoc/>
        public override event Action<ClientConnectionStateArgs> OnClientConnectionState;

        /// <inheritdoc/>
        public override event Action<ServerConnectionStateArgs> OnServerConnectionState;

        /// <inheritdoc/>
        public override event Action<RemoteConnectionStateArgs> OnRemoteConnectionState;

        /// <inheritdoc/>
        public override event Action<ClientReceivedDataArgs> OnClientReceivedData;

        /// <inheritdoc/>
        public override event Action<ServerReceivedDataArgs> OnServerReceivedData;

        /// <summary>Host: the room is open, and this is its code. Raised in the player loop.</summary>
        public event Action<string> JoinCodeReady;

        /// <summary>Host: the room's code, "" until it is open.</summary>
        public string JoinCode { get { return host == null ? "" : host.Code; } }

        /// <summary>Why the client or the server stopped last, a sentence for people.</summary>
        public string LastReason { get; private set; }

        /// <summary>The client below, for figures and simulated networks; null: not started.</summary>
        public Client Client { get { return host != null ? host.Client : guest != null ? guest.Client : null; } }

        /// <summary>The client's user id behind "musubi:": players don't learn each other's addresses.</summary>
        public override string GetConnectionAddress(int connectionId)
        {
            return connectionId == localId && local ? "localhost" : host == null ? "" : Musubi.JoinCode.Scheme + ":" + host.GetName(connectionId);
        }

        /// <inheritdoc/>
        public override bool IsLocalTransport(int connectionid) { return local && connectionid == localId; }

        /// <inheritdoc/>
        public override LocalConnectionState GetConnectionState(bool server) { return server ? serverState : clientState; }

        /// <inheritdoc/>
        public override RemoteConnectionState GetConnectionState(int connectionId)
        {
            bool on = host != null && (host.IsConnected(connectionId) || local && localId != 0 && connectionId == localId);
            return on ? RemoteConnectionState.Started : RemoteConnectionState.Stopped;
        }

        /// <inheritdoc/>
        public override void HandleClientConnectionState(ClientConnectionStateArgs connectionStateArgs)
        {
            if (OnClientConnectionState != null)
                OnClientConnectionState(connectionStateArgs);
        }

        /// <inheritdoc/>
        public override void HandleServerConnectionState(ServerConnectionStateArgs connectionStateArgs)
        {
            if (OnServerConnectionState != null)
                OnServerConnectionState(connectionStateArgs);
        }

        /// <inheritdoc/>
        public override void HandleRemoteConnectionState(RemoteConnectionStateArgs connectionStateArgs)
        {
            if (OnRemoteConnectionState != null)
                OnRemoteConnectionState(connectionStateArgs);
        }

        /// <inheritdoc/>
        public override void HandleClientReceivedDataArgs(ClientReceivedDataArgs receivedDataArgs)
        {
            if (OnClientReceivedData != null)
                OnClientReceivedData(receivedDataArgs);
        }

        /// <inheritdoc/>
        public override void HandleServerReceivedDataArgs(ServerReceivedDataArgs receivedDataArgs)
        {
            if (OnServerReceivedData != null)
                OnServerReceivedData(receivedDataArgs);
        }

        private void Server(LocalConnectionState state)
        {
            if (serverState == state)
                return;
            serverState = state;
            HandleServerConnectionState(new ServerConnectionStateArgs(state, Index));
        }

        private void ClientIs(LocalConnectionState state)
        {
            if (clientState == state)
                return;
            clientState = state;
            HandleClientConnectionState(new ClientConnectionStateArgs(state, Index));
        }

        private void Remote(RemoteConnectionState state, int id) { HandleRemoteConnectionState(new RemoteConnectionStateArgs(state, id, Index)); }

        /// <inheritdoc/>
        public override bool StartConnection(bool server) { return server ? StartServer() : StartClient(); }

        private bool StartServer()
        {
            string why;
            if (host != null)
                return false;
            if (!StarHost.TryStart(Options.ToStarOptions(), out host, out why))
                return Refuse("host", why);
            Server(LocalConnectionState.Starting);
            return true;
        }

        private bool StartClient()
        {
            string why;
            if (guest != null || local)
                return false;
            if (host != null)
                local = true;
            else if (!StarGuest.TryStart(Options.ToStarOptions(), clientAddress, out guest, out why))
                return Refuse("join", why);
            ClientIs(LocalConnectionState.Starting);
            return true;
        }

        private bool Refuse(string what, string why)
        {
            LastReason = why;
            Debug.LogError("Musubi can't " + what + ": " + why, this);
            return false;
        }

        /// <inheritdoc/>
        public override bool StopConnection(bool server) { return server ? StopServer("stopped") : StopClient("stopped"); }

        private bool StopServer(string why)
        {
            if (host == null)
                return false;
            LastReason = why;
            if (local)
                StopClient("the server stopped");
            StarHost h = host;
            Server(LocalConnectionState.Stopping);
            if (h != host)
                return true; // somebody who was told stopped it
            host = null;
            List<int> everybody = new List<int>(); // of its own: who is told may ask for figures
            h.CopyIdsTo(everybody);
            h.Dispose();
            foreach (int id in everybody)
                Remote(RemoteConnectionState.Stopped, id);
            Server(LocalConnectionState.Stopped);
            return true;
        }

        private bool StopClient(string why)
        {
            if (guest == null && !local)
                return false;
            LastReason = why;
            StarGuest g = guest;
            guest = null;
            ClientIs(LocalConnectionState.Stopping);
            if (g != null)
                g.Dispose();
            else if (local)
                EndLocal();
            ClientIs(LocalConnectionState.Stopped);
            return true;
        }

        private void EndLocal()
        {
            int id = localId;
            local = false;
            localId = 0;
            toServer.Clear();
            toClient.Clear();
            if (id != 0)
                Remote(RemoteConnectionState.Stopped, id);
        }

        /// <summary>Disconnects a client after delivering what was sent to it.</summary>
        /// <param name="connectionId">whom</param>
        /// <param name="immediately">makes no difference: what was sent before always arrives first</param>
        public override bool StopConnection(int connectionId, bool immediately)
        {
            if (local && localId != 0 && connectionId == localId)
                return StopClient("disconnected by the server");
            if (host == null || !host.IsConnected(connectionId))
                return false;
            host.Disconnect(connectionId);
            return true;
        }

        /// <inheritdoc/>
        public override void Shutdown()
        {
            StopClient("shut down");
            StopServer("shut down");
        }

        private void OnDestroy() { Shutdown(); }

        /// <inheritdoc/>
        public override void SendToServer(byte channelId, ArraySegment<byte> segment)
        {
            if (guest != null)
                guest.Send(Star.HostId, segment, Mode(channelId));
            else if (localId != 0)
                toServer.Send(segment, Mode(channelId));
        }

        /// <inheritdoc/>
        public override void SendToClient(byte channelId, ArraySegment<byte> segment, int connectionId)
        {
            if (localId != 0 && connectionId == localId)
                toClient.Send(segment, Mode(channelId));
            else if (host != null)
                host.Send(connectionId, segment, Mode(channelId));
        }

        /// <inheritdoc/>
        public override void IterateIncoming(bool asServer)
        {
            StarEvent e;
            if (asServer)
            {
                while (host != null && host.TryPoll(out e))
                    HandleAsServer(e);
                ReadLocal(true);
                return;
            }
            while (guest != null && guest.TryPoll(out e))
                Handle(e);
            if (local && localId == 0 && serverState == LocalConnectionState.Started)
            {
                localId = host.TakeId();
                Remote(RemoteConnectionState.Started, localId);
                if (local)
                    ClientIs(LocalConnectionState.Started);
            }
            ReadLocal(false);
        }

        private void ReadLocal(bool asServer)
        {
            ArraySegment<byte> data;
            DeliveryMode mode;
            while (localId != 0 && (asServer ? toServer : toClient).TryTake(out data, out mode))
                if (asServer)
                    HandleServerReceivedDataArgs(new ServerReceivedDataArgs(data, ChannelOf(mode), localId, Index));
                else
                    HandleClientReceivedDataArgs(new ClientReceivedDataArgs(data, ChannelOf(mode), Index));
        }

        private void HandleAsServer(StarEvent e)
        {
            switch (e.Kind)
            {
                case StarEventKind.Opened:
                    Server(LocalConnectionState.Started);
                    if (JoinCodeReady != null)
                        JoinCodeReady(e.Text);
                    break;
                case StarEventKind.Connected:
                    Remote(RemoteConnectionState.Started, e.Id);
                    break;
                case StarEventKind.Data:
                    HandleServerReceivedDataArgs(new ServerReceivedDataArgs(e.Payload, ChannelOf(e.Mode), e.Id, Index));
                    break;
                case StarEventKind.Disconnected:
                    Remote(RemoteConnectionState.Stopped, e.Id);
                    break;
                case StarEventKind.Trouble:
                    Debug.LogWarning("Musubi: " + e.Text, this);
                    break;
                case StarEventKind.Ended:
                    Debug.LogError("Musubi can't host: " + e.Text, this);
                    StopServer(e.Text);
                    break;
            }
        }

        private void Handle(StarEvent e)
        {
            switch (e.Kind)
            {
                case StarEventKind.Connected:
                    ClientIs(LocalConnectionState.Started);
                    break;
                case StarEventKind.Data:
                    HandleClientReceivedDataArgs(new ClientReceivedDataArgs(e.Payload, ChannelOf(e.Mode), Index));
                    break;
                case StarEventKind.Disconnected:
                    Debug.Log("Musubi: disconnected from the host: " + e.Text, this);
                    StopClient(e.Text);
                    break;
                case StarEventKind.Trouble:
                    Debug.LogWarning("Musubi: " + e.Text, this);
                    break;
            }
        }

        /// <inheritdoc/>
        public override void IterateOutgoing(bool asServer)
        {
            if (asServer && host != null)
                host.Flush();
            else if (!asServer && guest != null)
                guest.Flush();
        }

        /// <inheritdoc/>
        public override int GetMTU(byte channel) { return Mtu; }

        /// <inheritdoc/>
        public override int GetMaximumClients() { return Options.MaxPlayers - 1; }

        /// <summary>Most clients of the next game, 1 to <see cref="StarOptions.MostGuests"/>.</summary>
        public override void SetMaximumClients(int value) { Options.MaxPlayers = Math.Max(1, Math.Min(StarOptions.MostGuests, value)) + 1; }

        /// <summary>The join code of the room to enter.</summary>
        public override void SetClientAddress(string address) { clientAddress = address; }

        /// <inheritdoc/>
        public override string GetClientAddress() { return clientAddress; }

        /// <summary>The share of packets that were lost on the way here or there in the last seconds, per cent; of the worst
        /// connection.</summary>
        public override float GetPacketLoss(bool asServer)
        {
            Star star = asServer ? (Star)host : guest;
            uint worst = 0;
            if (star == null)
                return 0;
            star.CopyIdsTo(ids);
            foreach (int id in ids)
            {
                PeerStats s;
                if (star.TryGetStats(id, out s))
                    worst = Math.Max(worst, Math.Max(s.LossInPpm, s.LossOutPpm));
            }
            return worst / 10000f;
        }

        private static DeliveryMode Mode(byte channel) { return channel == (byte)Channel.Unreliable ? DeliveryMode.Unreliable : DeliveryMode.ReliableOrdered; }

        private static Channel ChannelOf(DeliveryMode mode) { return mode == DeliveryMode.Unreliable ? Channel.Unreliable : Channel.Reliable; }
    }
}
