using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Text;
using Musubi;

/// <summary>What a test keeps of an event.</summary>
internal sealed class Kept
{
    internal EventKind Kind;
    internal int Code;
    internal Peer Peer;
    internal ulong Count;
    internal DeliveryMode Mode;
    internal int Channel;
    internal Route Route;
    internal byte[] Data;
    internal string Text;

    internal string DataText { get { return Encoding.UTF8.GetString(Data); } }
}

/// <summary>One client and everything that happened to it.</summary>
internal sealed class Player : IDisposable
{
    internal static string Server; // address of the server beside the tests
    private static int names;
    private const int Patience = 20000; // milliseconds: far more than anything takes, to end a test that hangs

    internal readonly Client Client;
    private readonly LinkedList<Kept> events = new LinkedList<Kept>();

    internal Player(ClientFlags flags = 0) : this(Server, flags) { }

    internal Player(string server, ClientFlags flags)
    {
        Client = new Client(new ClientOptions(server) {
            App = "csharp-test", User = "player" + ++names, Flags = flags | ClientFlags.NoPortMapping, Bind = "127.0.0.1:0" });
    }

    public void Dispose() { Client.Dispose(); }

    internal void Drain()
    {
        foreach (Event e in Client.Poll())
            events.AddLast(new Kept {
                Kind = e.Kind, Code = e.Code, Peer = e.Peer, Count = e.Count, Mode = e.Mode, Channel = e.Channel, Route = e.Route,
                Data = e.GetDataCopy(), Text = e.GetText() });
    }

    /// <summary>Takes the first event of a kind, waiting for it.</summary>
    internal Kept Await(EventKind kind)
    {
        Stopwatch clock = Stopwatch.StartNew();
        for (;;)
        {
            Kept found = Take(kind);
            if (found != null)
                return found;
            if (clock.ElapsedMilliseconds > Patience)
                throw new Exception("no " + kind + " came; what did:" + Others());
            Client.Wait(100);
            Drain();
        }
    }

    /// <summary>Takes the first event of a kind that has come; null: none.</summary>
    internal Kept Take(EventKind kind)
    {
        for (LinkedListNode<Kept> n = events.First; n != null; n = n.Next)
            if (n.Value.Kind == kind)
            {
                events.Remove(n);
                return n.Value;
            }
        return null;
    }

    private string Others()
    {
        StringBuilder b = new StringBuilder();
        foreach (Kept k in events)
            b.Append(" " + k.Kind + "(" + k.Code + " " + k.Text + ")");
        return b.ToString();
    }

    /// <summary>Connects and makes a room; its code.</summary>
    internal string Host(int most = 0, byte[] data = null)
    {
        Client.Connect();
        Client.CreateRoom(most, data);
        return Await(EventKind.RoomJoined).DataText;
    }

    internal void Join(string code)
    {
        Client.Connect();
        Client.JoinRoom(code);
        Await(EventKind.RoomJoined);
    }

    internal Peer Meet() { return Await(EventKind.PeerConnected).Peer; }
}

/// <summary>Two players who are connected.</summary>
internal sealed class Pair : IDisposable
{
    internal readonly Player A = new Player(), B = new Player();
    internal readonly Peer ToB, ToA;

    internal Pair()
    {
        B.Join(A.Host());
        ToB = A.Meet();
        ToA = B.Meet();
    }

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
    }
}
