using System;
using System.Collections.Generic;
using System.Text;
using Musubi;

/// <summary>What every stack may expect of its transport, with the real library, through a real server.</summary>
internal sealed partial class Contract
{
    internal static string Only; // part of a test's name; null: all
    private readonly Stack stack;
    private readonly bool full; // the long forms

    internal Contract(Stack stack, bool full)
    {
        this.stack = stack;
        this.full = full;
    }

    internal void All()
    {
        Run("connect, ids, both directions", Connect);
        Run("every kind of delivery, every size", delegate { Sizes(null); });
        Run("longer than one message of the library", Long);
        Run("order, with more than the library holds", delegate { Order(null); });
        Run("the guest leaves: one event each", GuestLeaves);
        Run("the host kicks: one event each", HostKicks);
        Run("the host stops: one event each", HostStops);
        Run("what was sent before the end arrives", FlushBeforeEnd);
        Run("reconnect, " + Reconnects + " times", Reconnect);
        Run("a host with 16 guests", Sixteen);
        Run("the room is full", Full);
        if (full || stack.Name == "Mirror") // a wrong one may take ten seconds to be refused
            Run("the room has a password", Password);
        Run("codes that can't be, codes that nobody has", BadCode);
        Run("the server is down", ServerDown);
        Run("shutdown inside every callback", ShutdownInside);
        Run("restart", Restart);
        if (stack.TellsRtt)
            Run("round trip", RoundTrip);
        Run("too large says how large and what goes", TooLarge);
        Run("no garbage in a frame", Garbage);
        Run("loss: every kind of delivery, every size", delegate { Lossy(Sizes); });
        Run("loss: order", delegate { Lossy(Order); });
        Run("all clients taken away, as when scripts reload", Reload);
    }

    private int Reconnects { get { return full ? 100 : 10; } }

    private void Run(string name, Action test)
    {
        if (Only != null && !name.Contains(Only))
            return;
        Check.Run(stack.Name + ": " + name, delegate
        {
            int before = LiveClients.Count;
            List<UnityEngine.Object> alive = UnityEngine.ObjectsShim.Snapshot();
            try { test(); }
            finally { UnityEngine.ObjectsShim.DestroySince(alive); }
            Check.Equal(before, LiveClients.Count, "clients left behind");
        });
    }

    private static ArraySegment<byte> Text(string text) { return new ArraySegment<byte>(Encoding.UTF8.GetBytes(text)); }

    private static string Read(Got got) { return Encoding.UTF8.GetString(got.Data); }

    /// <summary>Bytes that tell their place, so that a lost or doubled piece shows.</summary>
    private static byte[] Pattern(int size, int seed)
    {
        byte[] data = new byte[size];
        uint x = (uint)(seed * 2654435761u + 12345);
        for (int i = 0; i < size; i++)
        {
            x = x * 1664525 + 1013904223;
            data[i] = (byte)(x >> 24);
        }
        return data;
    }

    private static bool Same(byte[] a, byte[] b)
    {
        if (a.Length != b.Length)
            return false;
        for (int i = 0; i < a.Length; i++)
            if (a[i] != b[i])
                return false;
        return true;
    }

    private void Connect()
    {
        End host = stack.Hosting();
        End first = stack.Joined(host), second = stack.Joined(host, first);
        Check.That(host.Times("connected 1") == 1 && host.Times("connected 2") == 1, "ids count up from 1");
        first.Send(0, Text("from first"), stack.Reliable);
        second.Send(0, Text("from second"), stack.Reliable);
        host.Send(1, Text("to first"), stack.Reliable);
        host.Send(2, Text("to second"), stack.Reliable);
        host.Send(3, Text("to nobody"), stack.Reliable);
        End.Until(delegate { return host.Messages.Count == 2 && first.Messages.Count == 1 && second.Messages.Count == 1; }, "messages", host, first, second);
        foreach (Got g in host.Messages)
            Check.Equal(g.Id == 1 ? "from first" : "from second", Read(g), "from " + g.Id);
        Check.Equal("to first", Read(first.Messages[0]), "first");
        Check.Equal("to second", Read(second.Messages[0]), "second");
        host.Stop();
        first.Stop();
        second.Stop();
    }

    /// <summary>Unreliable ones are sent until one comes; whatever comes must be whole.</summary>
    private void Sizes(Action<End> spoil)
    {
        End host = stack.Hosting(), guest = stack.Joined(host);
        if (spoil != null)
            spoil(guest);
        foreach (Kind kind in stack.Kinds)
            foreach (int size in new int[] { 1, 1200, 3000, 65536, 300 * 1024 })
                if (Fits(kind, size, spoil != null))
                {
                    byte[] data = Pattern(size, size);
                    Pass(guest, host, 0, kind, data);
                    Pass(host, guest, 1, kind, data);
                }
        host.Stop();
        guest.Stop();
    }

    /// <summary>Under loss one of an unreliable message's many pieces is lost nearly always; and the largest costs seconds a kind.</summary>
    private bool Fits(Kind kind, int size, bool lossy)
    {
        if (!kind.Reliable)
            return size <= (lossy ? 3000 : Limits.MaxUnreliable);
        return !lossy || full || size <= 65536 || kind == stack.Reliable;
    }

    private static void Pass(End from, End to, int id, Kind kind, byte[] data)
    {
        int tick = 0;
        to.Messages.Clear();
        End.Until(delegate
        {
            if (to.Messages.Count == 0 && (tick++ == 0 || !kind.Reliable && tick % 40 == 0))
                from.Send(id, new ArraySegment<byte>(data), kind);
            return to.Messages.Count > 0;
        }, kind.Name + ", " + data.Length + " bytes", from, to);
        Check.That(Same(data, to.Messages[0].Data), kind.Name + ", " + data.Length + " bytes: other bytes came, " + to.Messages[0].Data.Length);
    }

    private void Long()
    {
        End host = stack.Hosting(), guest = stack.Joined(host);
        foreach (int size in new int[] { Limits.MaxReliable - 1, Limits.MaxReliable, Limits.MaxReliable + 1, 2 * Limits.MaxReliable, 5000000 })
        {
            byte[] data = Pattern(size, size);
            host.Messages.Clear();
            guest.Send(0, Text("before"), stack.Reliable);
            guest.Send(0, new ArraySegment<byte>(data), stack.Reliable);
            guest.Send(0, Text("behind"), stack.Reliable);
            End.Until(delegate { return host.Messages.Count == 3; }, size + " bytes", host, guest);
            Check.That(Read(host.Messages[0]) == "before" && Read(host.Messages[2]) == "behind" && Same(data, host.Messages[1].Data), size + " bytes, in their place");
        }
        host.Stop();
        guest.Stop();
    }

    private void Order(Action<End> spoil)
    {
        End host = stack.Hosting(), guest = stack.Joined(host);
        int many = spoil == null ? 3000 : 200, sum = 0;
        if (spoil != null)
            spoil(guest);
        byte[] data = new byte[12000];
        for (int i = 0; i < many; i++)
        {
            int size = 4 + i * 37 % 8000;
            BitConverter.GetBytes(i).CopyTo(data, 0);
            guest.Send(0, new ArraySegment<byte>(data, 0, size), stack.Reliable);
            sum += size;
        }
        Check.That(spoil != null || sum > 8000000, "more than the library holds for a peer: " + sum);
        End.Until(delegate { return host.Messages.Count == many; }, many + " messages", host, guest);
        for (int i = 0; i < many; i++)
            Check.That(BitConverter.ToInt32(host.Messages[i].Data, 0) == i && host.Messages[i].Data.Length == 4 + i * 37 % 8000, "message " + i + " in its place");
        host.Stop();
        guest.Stop();
    }

    private void TooLarge()
    {
        End host = stack.Hosting(), guest = stack.Joined(host);
        UnityEngine.Debug.Said.Clear();
        foreach (Kind kind in stack.Kinds)
        {
            int most = kind.Reliable ? new StarOptions().MaxMessage : Limits.MaxUnreliable;
            guest.Send(0, new ArraySegment<byte>(new byte[most + 1]), kind);
            End.For(20, host, guest);
            string said = string.Join("\n", UnityEngine.Debug.Said.ToArray());
            Check.That(said.Contains("of " + (most + 1) + " bytes") && said.Contains("at most " + most + " bytes"), kind.Name + ": " + said);
        }
        guest.Send(0, Text("still here"), stack.Reliable);
        End.Until(delegate { return host.Messages.Count == 1; }, "a small one", host, guest);
        host.Stop();
        guest.Stop();
    }
}
