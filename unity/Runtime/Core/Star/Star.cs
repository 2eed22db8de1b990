using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Text;

namespace Musubi
{
    /// <summary>A star of connections, which is what client-server game code wants from a transport: a host in the middle who is the
    /// server, guests who talk to the host only. <see cref="StarHost"/> and <see cref="StarGuest"/> are its two ends.
    /// <para>Ids are small, count up from 1 in each session and are never used again in it. Every Connected is followed by exactly one
    /// Disconnected, whoever ends it and how; a guest gets a Disconnected even if it never was connected. What was sent before an
    /// end is delivered first. Polling and sending make no garbage. One thread uses a star.</para></summary>
    public abstract class Star : IDisposable
    {
        /// <summary>The host's id, as its guests see it. No guest has it.</summary>
        public const int HostId = 0;

        private const int DrainMs = 1000; // the longest that Dispose waits for what waits here; the library takes as much again

        internal readonly StarOptions options;
        internal readonly Dictionary<int, StarLink> byId = new Dictionary<int, StarLink>();
        internal readonly Dictionary<Peer, StarLink> byPeer = new Dictionary<Peer, StarLink>(); // closing ones as well
        private readonly Queue<StarEvent> made = new Queue<StarEvent>(); // by this side, before what the library has
        private readonly List<StarLink> ending = new List<StarLink>();
        private byte[] received = new byte[4096];
        internal bool ended; // everybody has been told, or knows
        internal int farewells; // Disconnected events so far

        internal Star(StarOptions options, ClientFlags flags)
        {
            this.options = options;
            ClientOptions c = options.Client;
            ClientFlags before = c.Flags;
            c.Flags |= ClientFlags.ManualAccept | ClientFlags.ManualConnect | flags;
            try { Client = new Client(c); }
            finally { c.Flags = before; }
        }

        /// <summary>What the other end must say when it connects, so that no other kind of game on the same room is let in.</summary>
        internal static readonly byte[] Hello = Encoding.ASCII.GetBytes("musubi-star/1");

        /// <summary>The client below, for figures, simulated networks and dumps. Who polls it takes this star's events away.</summary>
        public Client Client { get; private set; }

        /// <summary>Whether it is over: disposed, or ended by what happened.</summary>
        public bool IsOver { get { return Client.IsDisposed; } }

        /// <summary>How many are connected.</summary>
        public int Count { get { return byId.Count; } }

        /// <summary>Whether an id is connected.</summary>
        public bool IsConnected(int id) { return byId.ContainsKey(id); }

        /// <summary>Fills the list with the ids that are connected.</summary>
        public void CopyIdsTo(List<int> ids)
        {
            ids.Clear();
            foreach (int id in byId.Keys)
                ids.Add(id);
        }

        /// <summary>Takes the oldest event. False: there is none.</summary>
        public bool TryPoll(out StarEvent e)
        {
            e = default(StarEvent);
            for (;;)
            {
                if (made.Count > 0)
                {
                    e = made.Dequeue();
                    return true;
                }
                Event native;
                if (Client.IsDisposed)
                {
                    if (ended)
                        return false;
                    End(ResultCode.Closed, "the client was disposed");
                    continue;
                }
                if (Client.TryPoll(out native))
                {
                    if (Take(native, out e))
                        return true;
                    continue;
                }
                Idle();
                if (made.Count == 0)
                    return false;
            }
        }

        private bool Take(Event native, out StarEvent e)
        {
            e = default(StarEvent);
            StarLink link;
            switch (native.Kind)
            {
                case EventKind.Message:
                    return byPeer.TryGetValue(native.Peer, out link) && !link.Closing && Message(link, native, out e);
                case EventKind.Writable:
                    if (byPeer.TryGetValue(native.Peer, out link))
                        Drain(link);
                    return false;
                case EventKind.PeerClosed:
                    if (byPeer.TryGetValue(native.Peer, out link))
                        Gone(link, native.Result, native.GetText());
                    else
                        Refused(native.Peer, native.Result, native.GetText());
                    return false;
                case EventKind.Failed:
                    End(ResultCode.Failed, native.GetText());
                    return false;
                default:
                    Other(native);
                    return false;
            }
        }

        private bool Message(StarLink link, Event native, out StarEvent e)
        {
            ResultCode fault;
            e = default(StarEvent);
            if (!link.Receive(native.Data, native.Mode, options.MaxMessage, ref received, out e.Payload, out fault))
            {
                if (fault != ResultCode.Ok)
                    Fail(link, fault, link.Name + " sent a message of more than " + options.MaxMessage + " bytes");
                return false;
            }
            e.Kind = StarEventKind.Data;
            e.Id = link.Id;
            e.Mode = native.Mode;
            return true;
        }

        /// <summary>Everything that host and guest see differently.</summary>
        internal abstract void Other(Event native);

        /// <summary>A connection that never became one ended.</summary>
        internal abstract void Refused(Peer peer, ResultCode code, string text);

        /// <summary>What the other side is told when this one disconnects it.</summary>
        internal abstract string Farewell { get; }

        /// <summary>This side has closed a connection; PeerClosed, and so <see cref="Refused"/>, follows.</summary>
        internal virtual void Dismissed(Peer peer) { }

        /// <summary>Nothing waits: time to look at the clock.</summary>
        internal virtual void Idle() { }

        /// <summary>It is over for a reason of the library's or the network's: everybody gets their Disconnected, the client goes.</summary>
        internal abstract void End(ResultCode code, string text);

        internal void Make(StarEventKind kind, int id, ResultCode code, string text, bool byUs = false)
        {
            StarEvent e = new StarEvent();
            e.Kind = kind;
            e.Id = id;
            e.Code = code;
            e.Text = text;
            e.ByUs = byUs;
            made.Enqueue(e);
            farewells += kind == StarEventKind.Disconnected ? 1 : 0;
        }

        internal StarLink Connect(int id, Peer peer, string name)
        {
            StarLink link = new StarLink(id, peer, name);
            byId[id] = link;
            byPeer[peer] = link;
            Make(StarEventKind.Connected, id, ResultCode.Ok, name);
            return link;
        }

        /// <summary>Sends a message. The data is copied. Reliable messages that the network does not take yet wait here, in their
        /// order; unreliable ones are dropped (WouldBlock).</summary>
        /// <returns>Ok; NotConnected: no such id; TooLarge, with Trouble that names size and limit; WouldBlock; Limit: too much waited,
        /// and the connection ends.</returns>
        public ResultCode Send(int id, ArraySegment<byte> data, DeliveryMode mode)
        {
            StarLink link;
            if (!byId.TryGetValue(id, out link) || Client.IsDisposed)
                return ResultCode.NotConnected;
            ResultCode code = link.Send(Client, data, mode, options);
            if (code == ResultCode.TooLarge)
                Make(StarEventKind.Trouble, id, code, TooLarge(data.Count, mode, options));
            else if (code == ResultCode.Limit)
                Fail(link, code, "more than " + options.MaxWaiting + " bytes of reliable messages wait for " + link.Name +
                    ": the network takes less than the game sends");
            return code;
        }

        /// <summary>The sentence for a message that is too large.</summary>
        public static string TooLarge(int size, DeliveryMode mode, StarOptions options)
        {
            bool reliable = mode == DeliveryMode.ReliableOrdered || mode == DeliveryMode.ReliableUnordered;
            return "a message of " + size + " bytes was not sent: " + (reliable ? "a reliable one has at most " + options.MaxMessage :
                "an unreliable one has at most " + Limits.MaxUnreliable) + " bytes";
        }

        /// <summary>Lets what was sent leave. Once a frame, after the sends.</summary>
        public void Flush()
        {
            if (!Client.IsDisposed)
                Client.Flush();
        }

        /// <summary>The smoothed round trip to an id, milliseconds, at least 1; 0: not connected.</summary>
        public int GetRttMs(int id)
        {
            PeerStats s;
            return TryGetStats(id, out s) ? Math.Max(1, (int)((s.RttUs + 500) / 1000)) : 0;
        }

        /// <summary>All figures of the connection to an id.</summary>
        public bool TryGetStats(int id, out PeerStats stats)
        {
            StarLink link;
            if (byId.TryGetValue(id, out link) && !Client.IsDisposed)
                return Client.TryGetStats(link.Peer, out stats);
            stats = default(PeerStats);
            return false;
        }

        /// <summary>The user id of who is connected, "" if nobody is. No address: players don't learn those from each other.</summary>
        public string GetName(int id)
        {
            StarLink link;
            return byId.TryGetValue(id, out link) ? link.Name : "";
        }

        private void Drain(StarLink link)
        {
            if (Client.IsDisposed)
                return;
            link.Drain(Client);
            if (link.Closing && !link.IsWaiting)
                Close(link, ResultCode.Ok, Farewell);
        }

        /// <summary>Ends a connection after what was sent to it has left. Its Disconnected comes at the next poll, ByUs, and nothing of
        /// it after that. Unknown ids are nobody: nothing happens.</summary>
        public void Disconnect(int id)
        {
            StarLink link;
            if (!byId.TryGetValue(id, out link))
                return;
            byId.Remove(id);
            link.Closing = true;
            Make(StarEventKind.Disconnected, id, ResultCode.Closed, "disconnected by this side", true);
            Drain(link);
        }

        /// <summary>The connection was this side's to end, and not at the game's wish.</summary>
        internal void Fail(StarLink link, ResultCode code, string text)
        {
            byId.Remove(link.Id);
            link.Clear();
            Make(StarEventKind.Disconnected, link.Id, code, text);
            Close(link, code, text);
        }

        private void Close(StarLink link, ResultCode code, string text)
        {
            byPeer.Remove(link.Peer);
            if (Client.IsDisposed)
                return;
            try
            {
                Client.Close(link.Peer, code == ResultCode.Ok ? 1 : 2, text.Length > Limits.MaxCloseText ? "" : text);
                Dismissed(link.Peer);
            }
            catch (MusubiException) { } // it has just gone by itself
        }

        /// <summary>The library says that a connection has ended.</summary>
        internal virtual void Gone(StarLink link, ResultCode code, string text)
        {
            byPeer.Remove(link.Peer);
            link.Clear();
            if (byId.Remove(link.Id))
                Make(StarEventKind.Disconnected, link.Id, code, text);
        }

        /// <summary>Every connection gets its Disconnected.</summary>
        internal void GoneAll(ResultCode code, string text)
        {
            ending.AddRange(byPeer.Values);
            foreach (StarLink link in ending)
            {
                byPeer.Remove(link.Peer);
                link.Clear();
                if (byId.Remove(link.Id))
                    Make(StarEventKind.Disconnected, link.Id, code, text);
            }
            ending.Clear();
        }

        /// <summary>Ends it: what was sent is delivered, for at most two seconds, then everybody is told. Who was connected is
        /// forgotten without an event, since the caller knows.</summary>
        public void Dispose()
        {
            Stopwatch clock = Stopwatch.StartNew();
            while (!Client.IsDisposed && AnyWaits() && clock.ElapsedMilliseconds < DrainMs)
            {
                Client.Flush();
                Client.Wait(10);
                foreach (Event e in Client.Poll())
                {
                    StarLink link;
                    if (e.Kind == EventKind.PeerClosed && byPeer.TryGetValue(e.Peer, out link))
                        link.Clear();
                }
            }
            ended = true;
            Client.Dispose();
            foreach (StarLink link in byPeer.Values)
                link.Clear();
            byId.Clear();
            byPeer.Clear();
            made.Clear();
        }

        private bool AnyWaits()
        {
            bool any = false;
            foreach (StarLink link in byPeer.Values)
            {
                link.Drain(Client);
                any |= link.IsWaiting;
            }
            return any;
        }
    }
}
