using System.Diagnostics;

namespace Musubi
{
    /// <summary>An arm of a star: joins a room by code and connects to its host. Ends in Connected or Disconnected, never in limbo;
    /// after its Disconnected it is over.</summary>
    public sealed class StarGuest : Star
    {
        private readonly Stopwatch clock = Stopwatch.StartNew();
        private readonly JoinCode code;
        private LanSearch search; // null: the room's place is known
        private Peer host; // None: not in its room yet
        private string stage = "looking for the server"; // what it waits for, in words

        private StarGuest(StarOptions options, JoinCode code) : base(options, 0) { this.code = code; }

        /// <summary>Whether it is connected to the host.</summary>
        public bool IsReady { get { return Count > 0; } }

        /// <summary>Begins to join. False with a sentence, and never an exception: it is no join code, the library is missing, or the
        /// options can't be right.</summary>
        public static bool TryStart(StarOptions options, string address, out StarGuest guest, out string why)
        {
            JoinCode code;
            guest = null;
            if (!JoinCode.TryParse(address, out code, out why))
                return false;
            try
            {
                guest = new StarGuest(options, code);
                guest.Begin();
                return true;
            }
            catch (MusubiException e)
            {
                why = e.Message;
                if (guest != null)
                    guest.Dispose();
                guest = null;
                return false;
            }
        }

        private void Begin()
        {
            if (code.LanAddress.Length > 0)
                Client.JoinLan(code.LanAddress, code.Code);
            else if (string.IsNullOrEmpty(options.Client.Server))
            {
                stage = "looking for the host in the local network (no server is set)";
                search = new LanSearch(Client, code.Code);
            }
            else
            {
                Client.Connect();
                Client.JoinRoom(code.Code, options.Password);
            }
        }

        internal override void Other(Event e)
        {
            switch (e.Kind)
            {
                case EventKind.LanFound:
                    if (search != null)
                        search.Found(e.GetText());
                    break;
                case EventKind.ServerConnected:
                    stage = "entering the room " + code.Code;
                    break;
                case EventKind.RoomJoined:
                    Joined(e.Peer);
                    break;
                case EventKind.PeerConnected:
                    if (e.Peer == host)
                        Connect(HostId, host, "host");
                    break;
                case EventKind.PeerRequest:
                    try { Client.Reject(e.Peer, "this player is a guest, not the host"); }
                    catch (MusubiException) { } // it has just gone by itself
                    break;
                case EventKind.OwnerChanged:
                    if (Count == 0)
                        End(ResultCode.PeerGone, "the host left while this guest was connecting");
                    break;
                case EventKind.RoomLeft:
                case EventKind.ServerLost:
                    Lost(e.Result, e.GetText());
                    break;
            }
        }

        private void Joined(Peer owner)
        {
            host = owner;
            stage = "connecting to the host";
            if (owner.IsNone)
            {
                End(ResultCode.PeerGone, "the room has no host any more");
                return;
            }
            try { Client.ConnectPeer(owner, Hello); }
            catch (MusubiException e) { End(e.Code, e.Message); }
        }

        /// <summary>The way into the room is closed. While connected that matters to nobody.</summary>
        private void Lost(ResultCode reason, string text)
        {
            if (Count > 0)
                Make(StarEventKind.Trouble, HostId, reason, "the server is lost, the connection to the host stays: " + text);
            else if (search != null && host.IsNone)
                search.Refused();
            else
                End(reason, text);
        }

        internal override void Idle()
        {
            if (Count == 0 && farewells == 0 && clock.ElapsedMilliseconds > options.ConnectTimeoutMs)
                End(ResultCode.Timeout, "no connection in " + options.ConnectTimeoutMs / 1000 + " s, still " + stage);
            else if (search != null && host.IsNone)
                Search();
        }

        private void Search()
        {
            try { search.Step(); }
            catch (MusubiException e) { End(e.Code, e.Message); }
        }

        internal override void Refused(Peer peer, ResultCode reason, string text)
        {
            if (peer == host)
                End(reason, text);
        }

        internal override string Farewell { get { return "the player left"; } }

        internal override void Gone(StarLink link, ResultCode reason, string text) { End(reason, text); }

        internal override void End(ResultCode reason, string text)
        {
            if (ended)
                return;
            ended = true;
            GoneAll(reason, text);
            if (farewells == 0)
                Make(StarEventKind.Disconnected, HostId, reason, text);
            Client.Dispose();
        }
    }
}
