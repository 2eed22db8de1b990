using System;
using System.Collections.Generic;

namespace Musubi
{
    /// <summary>The middle of a star: makes a room and takes guests.</summary>
    public sealed class StarHost : Star
    {
        private readonly Dictionary<Peer, string> names = new Dictionary<Peer, string>();
        private readonly HashSet<Peer> dismissed = new HashSet<Peer>(); // disconnected by this side, not out of the room yet
        private int lastId;

        private StarHost(StarOptions options) : base(options, 0) { }

        /// <summary>The room's join code, "" until Opened.</summary>
        public string Code { get; private set; }

        /// <summary>Begins to host. Opened, or Ended with a reason, follows. False with a sentence, and never an exception: the library
        /// is missing, or the options can't be right.</summary>
        public static bool TryStart(StarOptions options, out StarHost host, out string why)
        {
            host = null;
            why = "";
            if (options.MaxGuests < 1 || options.MaxGuests > StarOptions.MostGuests)
            {
                why = options.MaxGuests + " guests: a room takes 1 to " + StarOptions.MostGuests;
                return false;
            }
            try
            {
                host = new StarHost(options);
                host.Code = "";
                host.Open();
                return true;
            }
            catch (MusubiException e)
            {
                why = e.Message;
                if (host != null)
                    host.Dispose();
                host = null;
                return false;
            }
        }

        /// <summary>An id for somebody who plays in the host's own program and needs no connection. No guest gets it.</summary>
        public int TakeId() { return ++lastId; }

        private void Open()
        {
            if (string.IsNullOrEmpty(options.Client.Server))
            {
                Client.HostLan(options.MaxGuests + 1, options.RoomData);
                return;
            }
            RoomOptions room = new RoomOptions();
            room.MaxMembers = options.MaxGuests + 1;
            room.Data = options.RoomData;
            room.Password = options.Password;
            Client.Connect();
            Client.CreateRoom(room);
        }

        internal override void Other(Event e)
        {
            switch (e.Kind)
            {
                case EventKind.RoomJoined:
                    Code = e.GetDataText();
                    Make(StarEventKind.Opened, HostId, ResultCode.Ok, Code);
                    break;
                case EventKind.MemberJoined:
                    names[e.Peer] = e.GetDataText();
                    break;
                case EventKind.MemberLeft:
                    names.Remove(e.Peer);
                    break;
                case EventKind.PeerRequest:
                    Asked(e.Peer, e.Data);
                    break;
                case EventKind.PeerConnected:
                    Connect(++lastId, e.Peer, Name(e.Peer));
                    break;
                case EventKind.RoomLeft:
                case EventKind.ServerLost:
                    Lost(e.Result, e.GetText());
                    break;
            }
        }

        private string Name(Peer peer)
        {
            string name;
            return names.TryGetValue(peer, out name) && name.Length > 0 ? name : peer.ToString();
        }

        /// <summary>Somebody wants in.</summary>
        private void Asked(Peer peer, ReadOnlySpan<byte> hello)
        {
            try
            {
                if (!hello.SequenceEqual(Hello))
                    Client.Reject(peer, "this room is hosted by another kind of program, or by another version of it");
                else if (Count >= options.MaxGuests)
                    Client.Reject(peer, "the game is full: it takes " + options.MaxGuests + " guests");
                else
                    Client.Accept(peer);
            }
            catch (MusubiException) { } // it has just gone by itself
        }

        /// <summary>Without a room nobody can come. Before anybody could, hosting has failed; in mid-game the guests stay.</summary>
        private void Lost(ResultCode code, string text)
        {
            if (Code.Length == 0)
                End(code, text);
            else
                Make(StarEventKind.Trouble, HostId, code, "nobody can join any more, those who are connected stay: " + text);
        }

        internal override string Farewell { get { return "the host disconnected this player"; } }

        internal override void Dismissed(Peer peer) { dismissed.Add(peer); }

        /// <summary>Who was disconnected has no business in the room: it would keep a place, and could connect again. Not before the
        /// connection has ended, since this cuts it.</summary>
        internal override void Refused(Peer peer, ResultCode code, string text)
        {
            if (!dismissed.Remove(peer))
                return;
            try { Client.Kick(peer, 0, Farewell); }
            catch (MusubiException) { } // it has left by itself
        }

        internal override void End(ResultCode code, string text)
        {
            ended = true;
            GoneAll(code, text);
            Make(StarEventKind.Ended, HostId, code, text);
            Client.Dispose();
        }
    }
}
