using System;
using System.Threading;
using Musubi;
using UnityEngine;

/// <summary>Time, loss, garbage.</summary>
internal sealed partial class Contract
{
    /// <summary>15 ms are added each way; the smoothed figure gets there from below.</summary>
    private void RoundTrip()
    {
        End host = stack.Hosting(), guest = stack.Joined(host);
        Simulation slow = new Simulation { LatencyUs = 15000 };
        guest.Client.Simulate(slow, slow);
        End.Until(delegate
        {
            host.Send(1, Text("x"), stack.Reliable);
            return guest.Rtt(0) >= 20 && host.Rtt(1) >= 20;
        }, "a round trip near 30 ms", host, guest);
        Check.That(host.Rtt(1) < 1000 && host.Rtt(77) == 0, "a time, and none of nobody");
        host.Stop();
        guest.Stop();
    }

    /// <summary>5 % of all packets lost each way, 25 ms: the library's preset.</summary>
    private static void Lossy(Action<Action<End>> test) { test(delegate(End e) { e.Client.Simulate("lossy"); }); }

    private void Garbage()
    {
        const int Guests = 4, Frames = 500;
        End host = stack.Hosting();
        End[] all = new End[Guests + 1];
        byte[] data = new byte[100];
        all[0] = host;
        for (int i = 1; i <= Guests; i++)
            all[i] = stack.Joined(host);
        foreach (End e in all)
            e.Keep = false;
        for (int i = 0; i < 200; i++)
            BusyFrame(all, data);
        bool counted = Counts();
        long before = Allocated(counted), worst = 0;
        int messages = 0;
        foreach (End e in all)
            messages -= e.Count;
        for (int i = 0; i < Frames; i++)
            BusyFrame(all, data);
        worst = Allocated(counted) - before;
        foreach (End e in all)
            messages += e.Count;
        Check.That(messages > Frames * Guests, "messages flow: " + messages);
        Check.Note(worst + " bytes of garbage in " + Frames + " frames, " + messages + " messages");
        Check.Equal(0L, worst, "bytes of garbage");
        foreach (End e in all)
            e.Stop();
    }

    private void BusyFrame(End[] all, byte[] data)
    {
        for (int k = 0; k < stack.Kinds.Length; k++)
            for (int i = 1; i < all.Length; i++)
            {
                all[0].Send(i, new ArraySegment<byte>(data), stack.Kinds[k]);
                all[i].Send(0, new ArraySegment<byte>(data), stack.Kinds[k]);
            }
        for (int i = 0; i < all.Length; i++)
        {
            all[i].Frame();
            all[i].Rtt(1);
        }
        Thread.Sleep(1);
    }

    /// <summary>Boehm's Mono has the counter, but it stays 0.</summary>
    private static bool Counts()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        GC.KeepAlive(new byte[1000]);
        return GC.GetAllocatedBytesForCurrentThread() > before;
    }

    private static long Allocated(bool counted) { return counted ? GC.GetAllocatedBytesForCurrentThread() : GC.GetTotalMemory(false); }
}
