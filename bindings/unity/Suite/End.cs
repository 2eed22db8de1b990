using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using Musubi;
using UnityEngine;

/// <summary>A way to send, in a stack's own words.</summary>
internal sealed class Kind
{
    internal string Name;
    internal int Number; // the stack's
    internal bool Reliable, Ordered;
}

/// <summary>A message that came.</summary>
internal sealed class Got
{
    internal int Id;
    internal byte[] Data;
    internal bool Reliable;
}

/// <summary>One player's transport of a stack: what the stack does to it, and what it tells the stack.</summary>
internal abstract class End : IDisposable
{
    internal static string Server; // address of the server beside the tests
    internal const int Patience = 30000; // milliseconds: far more than anything takes, to end a test that hangs

    internal readonly List<string> Events = new List<string>(); // "connected 1", "disconnected 1", "ended"
    internal readonly List<Got> Messages = new List<Got>();
    internal Action<string> OnEvent; // a test's own callback, for mischief
    internal bool Keep = true; // messages are kept; else only counted
    internal int Count;
    protected readonly GameObject holder = new GameObject();

    internal GameObject HolderShim { get { return holder; } }

    internal abstract MusubiTransportOptions Options { get; }
    internal abstract Client Client { get; }
    internal abstract string Code { get; }
    internal abstract string Reason { get; }
    internal abstract bool Host();
    internal abstract bool Join(string code);

    /// <summary>What the stack does in a frame: incoming, then outgoing.</summary>
    internal abstract void Frame();

    internal abstract void Send(int id, ArraySegment<byte> data, Kind kind);
    internal abstract void Kick(int id);
    internal abstract void Leave();
    internal abstract void Stop();
    internal abstract int Rtt(int id);

    /// <summary>What it is told on joining with a code that can't be one, in its own way.</summary>
    internal abstract void Refused(bool started);

    protected void Prepare()
    {
        MusubiSettings s = ScriptableObject.CreateInstance<MusubiSettings>();
        s.Server = Server;
        s.PortMapping = false;
        Options.Settings = s;
        Options.Configure = delegate(ClientOptions o) { o.Bind = "127.0.0.1:0"; };
        Options.ConnectTimeout = Patience / 1000;
    }

    protected void Tell(string what)
    {
        Events.Add(what);
        if (OnEvent != null)
            OnEvent(what);
    }

    protected void Take(int id, ArraySegment<byte> data, bool reliable)
    {
        Count++;
        if (!Keep)
            return;
        byte[] copy = new byte[data.Count];
        Buffer.BlockCopy(data.Array, data.Offset, copy, 0, data.Count);
        Messages.Add(new Got { Id = id, Data = copy, Reliable = reliable });
        if (OnEvent != null)
            OnEvent("data");
    }

    public void Dispose() { UnityEngine.Object.Destroy(holder); }

    internal int Times(string what)
    {
        int n = 0;
        foreach (string e in Events)
            n += e == what ? 1 : 0;
        return n;
    }

    /// <summary>Frames of everybody until something holds.</summary>
    internal static void Until(Func<bool> holds, string what, params End[] ends)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!holds())
        {
            if (clock.ElapsedMilliseconds > Patience)
                throw new Exception("never: " + what + Story(ends));
            foreach (End e in ends)
                e.Frame();
            Thread.Sleep(1);
        }
    }

    /// <summary>So many milliseconds of frames, for what must not happen.</summary>
    internal static void For(int ms, params End[] ends)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (clock.ElapsedMilliseconds < ms)
        {
            foreach (End e in ends)
                e.Frame();
            Thread.Sleep(1);
        }
    }

    private static string Story(End[] ends)
    {
        string s = "";
        foreach (End e in ends)
            s += "\n  events: " + string.Join(", ", e.Events.ToArray()) + "; messages: " + e.Count + "; reason: " + e.Reason;
        int first = Math.Max(0, UnityEngine.Debug.Said.Count - 5);
        return s + "\n  said: " + string.Join("\n  ", UnityEngine.Debug.Said.GetRange(first, UnityEngine.Debug.Said.Count - first).ToArray());
    }
}

/// <summary>A stack: makes ends, knows its ways to send.</summary>
internal abstract class Stack
{
    internal abstract string Name { get; }
    internal abstract Kind[] Kinds { get; }
    internal abstract End New();

    /// <summary>Whether the stack asks its transport for round trips. Others measure for themselves.</summary>
    internal virtual bool TellsRtt { get { return false; } }

    internal Kind Reliable
    {
        get
        {
            foreach (Kind k in Kinds)
                if (k.Reliable && k.Ordered)
                    return k;
            return null;
        }
    }

    /// <summary>A host whose room is open.</summary>
    internal End Hosting(int players = 16)
    {
        End host = New();
        host.Options.MaxPlayers = players;
        Check.That(host.Host(), "hosting starts");
        End.Until(delegate { return host.Code.Length > 0; }, "a join code", host);
        return host;
    }

    /// <summary>A guest who is connected.</summary>
    internal End Joined(End host, params End[] others)
    {
        End guest = New();
        List<End> all = new List<End>(others);
        int before = Connections(host);
        Check.That(guest.Join(host.Code), "joining starts");
        all.Add(host);
        all.Add(guest);
        End.Until(delegate { return guest.Times("connected 0") == 1 && Connections(host) == before + 1; }, "connected", all.ToArray());
        return guest;
    }

    internal static int Connections(End host)
    {
        int n = 0;
        foreach (string e in host.Events)
            n += e.StartsWith("connected ") ? 1 : 0;
        return n;
    }
}
