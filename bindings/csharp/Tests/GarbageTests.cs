using System;
using System.Diagnostics;
using Musubi;

/// <summary>What a frame costs: garbage and time.</summary>
internal static class GarbageTests
{
    private const int Peers = 16, Frames = 1000;

    internal static void All()
    {
        Check.Run("1,000 frames with 16 peers make no garbage", NoGarbage);
        Check.Run("time of a poll", PollTime);
        Check.Run("time of a message", MessageTime);
    }

    private static void NoGarbage()
    {
        Player[] others = new Player[Peers];
        Peer[] peers = new Peer[Peers], hub = new Peer[Peers];
        byte[] data = new byte[64];
        long got = 0;

        using (Player main = new Player())
        {
            string code = main.Host(Peers + 1);
            for (int i = 0; i < Peers; i++)
            {
                others[i] = new Player(ClientFlags.ManualConnect); // a star, not a mesh
                others[i].Join(code);
                main.Client.ConnectPeer(main.Await(EventKind.MemberJoined).Peer);
                peers[i] = main.Meet();
                hub[i] = others[i].Meet();
            }
            for (int i = 0; i < 200; i++) // everything is compiled, every buffer has grown
                got += Frame(main.Client, peers, others, hub, data);
            bool counted = Counts();
            int collections = GC.CollectionCount(0);
            long before = Allocated(counted);
            got = 0;
            for (int i = 0; i < Frames; i++)
                got += Frame(main.Client, peers, others, hub, data);
            long after = Allocated(counted);
            foreach (Player p in others)
                p.Dispose();
            Check.That(got > Frames * Peers / 2, "messages flow: " + got);
            Check.Note(got + " messages; " + (after - before) + " bytes of garbage in " + Frames + " frames, by " +
                (counted ? "GC.GetAllocatedBytesForCurrentThread" : "GC.GetTotalMemory"));
            Check.Equal(0L, after - before, "bytes of garbage");
            Check.Equal(collections, GC.CollectionCount(0), "collections");
        }
    }

    /// <summary>One frame of every player: poll, read, send, flush.</summary>
    private static int Frame(Client main, Peer[] peers, Player[] others, Peer[] hub, byte[] data)
    {
        int got = Read(main);
        for (int i = 0; i < Peers; i++)
            main.Send(peers[i], DeliveryMode.UnreliableSequenced, 1, data, SendFlags.NoWake | SendFlags.High);
        main.Broadcast(DeliveryMode.Unreliable, 2, new ReadOnlySpan<byte>(data, 0, 8), SendFlags.NoWake);
        main.Flush();
        for (int i = 0; i < Peers; i++)
        {
            got += Read(others[i].Client);
            others[i].Client.Send(hub[i], DeliveryMode.ReliableOrdered, 0, new ReadOnlySpan<byte>(data, 0, 32), SendFlags.NoWake);
            others[i].Client.Flush();
        }
        PeerStats s;
        main.TryGetStats(peers[0], out s);
        main.GetStats();
        main.Wait(2); // lets the library's threads run
        return got;
    }

    private static int Read(Client c)
    {
        int got = 0;
        foreach (Event e in c.Poll())
            if (e.Kind == EventKind.Message && e.Data.Length > 0 && e.Data[0] == 0 && !e.Peer.IsNone)
                got++;
        return got;
    }

    /// <summary>Boehm's Mono has the counter, but it stays 0.</summary>
    private static bool Counts()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        GC.KeepAlive(new byte[1000]);
        return GC.GetAllocatedBytesForCurrentThread() > before;
    }

    private static long Allocated(bool counted) { return counted ? GC.GetAllocatedBytesForCurrentThread() : GC.GetTotalMemory(false); }

    private static void PollTime()
    {
        const int Times = 200000;
        using (Player p = new Player())
        {
            double poll = double.MaxValue, send = double.MaxValue;
            Event e;
            p.Drain();
            for (int round = 0; round < 7; round++)
            {
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < Times; i++)
                    p.Client.TryPoll(out e);
                poll = Math.Min(poll, Nanoseconds(start) / Times);
                start = Stopwatch.GetTimestamp();
                for (int i = 0; i < Times; i++)
                    p.Client.Send(new Peer(5), DeliveryMode.Unreliable, 0, default(ReadOnlySpan<byte>));
                send = Math.Min(send, Nanoseconds(start) / Times);
            }
            Check.Note("an empty poll takes " + poll.ToString("0.0") + " ns, a refused send " + send.ToString("0.0") + " ns, P/Invoke included");
        }
    }

    /// <summary>A frame's worth at a time: 64 messages of 64 bytes sent, and polled and looked at when all of them wait.</summary>
    private static void MessageTime()
    {
        const int Rounds = 200, Messages = 64;
        byte[] data = new byte[64];
        double send = double.MaxValue, poll = double.MaxValue;
        using (Pair p = new Pair())
            for (int round = 0; round < Rounds; round++)
            {
                p.B.Drain();
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < Messages; i++)
                    if (p.A.Client.Send(p.ToB, DeliveryMode.ReliableOrdered, 0, data, SendFlags.NoWake) != ResultCode.Ok)
                        throw new Exception("a message was refused");
                send = Math.Min(send, Nanoseconds(start) / Messages);
                p.A.Client.Flush();
                Stopwatch clock = Stopwatch.StartNew();
                while (p.B.Client.GetStats().Events < Messages && clock.ElapsedMilliseconds < 1000)
                    p.A.Client.Wait(1);
                start = Stopwatch.GetTimestamp();
                int got = Read(p.B.Client);
                if (got >= Messages / 2) // else other events came in between
                    poll = Math.Min(poll, Nanoseconds(start) / got);
            }
        Check.That(poll < double.MaxValue, "messages came");
        Check.Note("sending 64 bytes takes " + send.ToString("0.0") + " ns, polling and looking at them " + poll.ToString("0.0") + " ns, 64 at a time");
    }

    private static double Nanoseconds(long start) { return (Stopwatch.GetTimestamp() - start) * 1e9 / Stopwatch.Frequency; }
}
