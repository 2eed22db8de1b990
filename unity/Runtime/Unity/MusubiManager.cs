using System;
using System.Collections.Generic;
using UnityEngine;

namespace Musubi
{
    /// <summary>Where a <see cref="MusubiManager"/> is.</summary>
    public enum MusubiState
    {
        /// <summary>In no room.</summary>
        Idle,

        /// <summary>On the way into a room.</summary>
        Connecting,

        /// <summary>In a room.</summary>
        InRoom,
    }

    /// <summary>Players who meet by join code and send each other messages, everybody with everybody: put it on an object of the scene, call
    /// <see cref="Host"/> or <see cref="Join"/>, listen to its events. They are raised on the main thread, in Update, before other
    /// scripts' Update.
    /// <para>For games that use Netcode for GameObjects, Mirror or FishNet there are transports instead; this is for those that
    /// want messages only.</para></summary>
    [AddComponentMenu("Musubi/Musubi Manager")]
    [DefaultExecutionOrder(-1000)]
    [DisallowMultipleComponent]
    public sealed class MusubiManager : MonoBehaviour
    {
        /// <summary>A message from a player. The data ends with the call: copy what you keep.</summary>
        public delegate void MessageHandler(Peer player, ReadOnlySpan<byte> data, DeliveryMode mode, int channel);

        /// <summary>Anything that the library tells. The event ends with the call.</summary>
        public delegate void EventHandler(Event e);

        /// <summary>Server and game; none: the project's.</summary>
        [Tooltip("Server and game. None: the project's asset MusubiSettings in a Resources folder.")]
        public MusubiSettings Settings;

        /// <summary>Players of a room that this one hosts, itself included.</summary>
        [Tooltip("Players of a room that this one hosts, itself included.")]
        [Range(2, Limits.MaxRoomMembers)]
        public int MaxPlayers = 8;

        /// <summary>Wished user id, which the others see. A token of the game's backend must grant it; else the server chooses.</summary>
        [Tooltip("Preferred user id, which the others see. A token of the game's backend must grant it; otherwise the server chooses one.")]
        public string User = "";

        /// <summary>The room's password, of the host and of whoever joins; it never reaches the server. Null: none.</summary>
        [NonSerialized] public string Password;

        /// <summary>Access token from the game's backend.</summary>
        [NonSerialized] public byte[] Token;

        /// <summary>Changes to what the library gets, for what has no field here; null: none.</summary>
        [NonSerialized] public Action<ClientOptions> Configure;

        /// <summary>This player is in a room; its join code.</summary>
        public event Action<string> RoomEntered;

        /// <summary>This player is in no room any more, or could not get into one; why, a sentence for people.</summary>
        public event Action<string> RoomLeft;

        /// <summary>A player can be sent to.</summary>
        public event Action<Peer> PlayerConnected;

        /// <summary>A player can't be sent to any more; why, a sentence for people.</summary>
        public event Action<Peer, string> PlayerDisconnected;

        /// <summary>A message came.</summary>
        public event MessageHandler MessageReceived;

        /// <summary>Anything happened, also what the other events are about; before them.</summary>
        public event EventHandler AnyEvent;

        private readonly Dictionary<Peer, string> names = new Dictionary<Peer, string>();
        private LanSearch search; // null: the room's place is known
        private float giveUp; // when, by Time.realtimeSinceStartup, if in no room by then
        private const float Patience = 20; // seconds

        /// <summary>Where it is.</summary>
        public MusubiState State { get; private set; }

        /// <summary>The room's join code, "" in none.</summary>
        public string Code { get; private set; }

        /// <summary>Whether this player made the room.</summary>
        public bool IsHost { get; private set; }

        /// <summary>The client below; null while Idle. Do not poll it yourself.</summary>
        public Client Client { get; private set; }

        /// <summary>How many players are connected.</summary>
        public int PlayerCount { get { return Client == null ? 0 : Client.PeerCount; } }

        /// <summary>One of the connected players, 0 to <see cref="PlayerCount"/> - 1.</summary>
        public Peer GetPlayer(int index) { return Client.GetPeer(index); }

        /// <summary>A player's user id, "" if it is not known.</summary>
        public string GetName(Peer player)
        {
            string name;
            return names.TryGetValue(player, out name) ? name : "";
        }

        private void Awake() { Code = ""; }

        /// <summary>Makes a room and enters it; RoomEntered or RoomLeft follows. Leaves another one before.</summary>
        /// <param name="data">what every player of the room gets as RoomData</param>
        public void Host(byte[] data = null) { Begin(true, data, null); }

        /// <summary>Enters a room by its join code, as players type it; RoomEntered or RoomLeft follows. Leaves another one before.</summary>
        public void Join(string code)
        {
            JoinCode parsed;
            string why;
            if (JoinCode.TryParse(code, out parsed, out why))
                Begin(false, null, parsed);
            else
                Over(why);
        }

        private void Begin(bool host, byte[] data, JoinCode? code)
        {
            Leave();
            IsHost = host;
            State = MusubiState.Connecting;
            giveUp = Time.realtimeSinceStartup + Patience;
            try { Open(data, code); }
            catch (MusubiException e) { Over(e.Message); }
        }

        private void Open(byte[] data, JoinCode? code)
        {
            ClientOptions o = (Settings != null ? Settings : MusubiSettings.Current).ToClientOptions();
            o.User = string.IsNullOrEmpty(User) ? null : User;
            o.Token = Token;
            if (Configure != null)
                Configure(o);
            Client = new Client(o);
            bool lan = string.IsNullOrEmpty(o.Server);
            if (code == null && lan)
                Client.HostLan(MaxPlayers, data);
            else if (code != null && code.Value.LanAddress.Length > 0)
                Client.JoinLan(code.Value.LanAddress, code.Value.Code);
            else if (lan)
                search = new LanSearch(Client, code.Value.Code);
            else
            {
                Client.Connect();
                string password = string.IsNullOrEmpty(Password) ? null : Password;
                if (code == null)
                    Client.CreateRoom(new RoomOptions { MaxMembers = MaxPlayers, Data = data, Password = password });
                else
                    Client.JoinRoom(code.Value.Code, password);
            }
        }

        /// <summary>Leaves the room after delivering what was sent, at most a second long. RoomLeft is raised if there was one.</summary>
        public void Leave()
        {
            if (State != MusubiState.Idle)
                Over("left");
        }

        /// <summary>Sends a message to a player.</summary>
        /// <returns>Ok; WouldBlock: its queue is full, try again later; NotConnected; TooLarge; Value.</returns>
        public ResultCode Send(Peer player, ReadOnlySpan<byte> data, DeliveryMode mode = DeliveryMode.ReliableOrdered, int channel = 0)
        {
            return Client == null || Client.IsDisposed ? ResultCode.NotConnected : Client.Send(player, mode, channel, data, SendFlags.NoWake);
        }

        /// <summary>Sends a message to every connected player.</summary>
        /// <returns>For how many it was accepted, or a negative <see cref="ResultCode"/>.</returns>
        public int SendToAll(ReadOnlySpan<byte> data, DeliveryMode mode = DeliveryMode.ReliableOrdered, int channel = 0)
        {
            return Client == null || Client.IsDisposed ? 0 : Client.Broadcast(mode, channel, data, SendFlags.NoWake);
        }

        private void Update()
        {
            Event e;
            while (Client != null && !Client.IsDisposed && Client.TryPoll(out e))
                try { Handle(e); }
                catch (Exception wrong) { Debug.LogException(wrong, this); } // one listener's mistake is not everybody's
            if (Client != null && Client.IsDisposed)
                Over("the client was disposed");
            else if (State == MusubiState.Connecting)
                Wait();
        }

        private void Wait()
        {
            if (Time.realtimeSinceStartup > giveUp)
            {
                Over(search != null ? "nobody in the local network hosts that game (no server is set)" : "no answer in " + Patience + " s");
                return;
            }
            if (search == null)
                return;
            try { search.Step(); }
            catch (MusubiException e) { Over(e.Message); }
        }

        private void LateUpdate()
        {
            if (Client != null && !Client.IsDisposed)
                Client.Flush();
        }

        private void Handle(Event e)
        {
            EventKind kind = e.Kind;
            Client before = Client;
            if (AnyEvent != null)
                AnyEvent(e);
            if (Client != before || before.IsDisposed)
                return; // a listener left
            switch (kind)
            {
                case EventKind.Message:
                    if (MessageReceived != null)
                        MessageReceived(e.Peer, e.Data, e.Mode, e.Channel);
                    break;
                case EventKind.LanFound:
                    if (search != null)
                        search.Found(e.GetText());
                    break;
                case EventKind.RoomJoined:
                    Entered(e.GetDataText());
                    break;
                case EventKind.MemberJoined:
                    names[e.Peer] = e.GetDataText();
                    break;
                case EventKind.MemberLeft:
                    names.Remove(e.Peer);
                    break;
                case EventKind.PeerConnected:
                    if (PlayerConnected != null)
                        PlayerConnected(e.Peer);
                    break;
                case EventKind.PeerClosed:
                    if (PlayerDisconnected != null)
                        PlayerDisconnected(e.Peer, e.GetText());
                    break;
                case EventKind.RoomLeft:
                case EventKind.ServerLost:
                    Lost(e.GetText());
                    break;
                case EventKind.Failed:
                    Over(e.GetText());
                    break;
            }
        }

        private void Entered(string code)
        {
            search = null;
            Code = code;
            State = MusubiState.InRoom;
            if (RoomEntered != null)
                RoomEntered(code);
        }

        /// <summary>Without a server players who are connected stay so; without anybody it is over.</summary>
        private void Lost(string why)
        {
            if (search != null)
                search.Refused();
            else if (State == MusubiState.InRoom && PlayerCount > 0)
                Debug.LogWarning("Musubi: nobody can join any more, those who are connected stay: " + why, this);
            else
                Over(why);
        }

        private void Over(string why)
        {
            Client c = Client;
            Client = null;
            search = null;
            names.Clear();
            Code = "";
            State = MusubiState.Idle;
            if (c != null)
                c.Dispose();
            if (RoomLeft != null)
                RoomLeft(why);
        }

        private void OnDestroy()
        {
            if (Client != null)
                Client.Dispose();
            Client = null;
        }
    }
}
