using System;
using System.Diagnostics;
using System.Threading;
using Musubi;

/// <summary>The library under a runtime's hardest habits: traffic both ways while one thread forces collections, which stop
/// every thread by signals, and two others run into null references, which the runtime turns from SIGSEGV into exceptions.
///   storm.exe SERVER SECONDS</summary>
internal static class Storm
{
    private static volatile bool over;
    private static volatile string nobody = null;
    private static long caught, collections;

    private static int Main(string[] args)
    {
        Player.Server = args[0];
        int seconds = int.Parse(args[1]);
        long[] got = new long[2];
        Exception wrong = null;
        using (Pair p = new Pair())
        {
            Thread[] threads = {
                new Thread(delegate() { while (!over) Dereference(); }), new Thread(delegate() { while (!over) Dereference(); }),
                new Thread(delegate() { while (!over) Collect(); }),
                new Thread(delegate() { try { got[0] = Talk(p.A.Client, p.ToB); } catch (Exception e) { wrong = e; } }),
                new Thread(delegate() { try { got[1] = Talk(p.B.Client, p.ToA); } catch (Exception e) { wrong = e; } }),
            };
            foreach (Thread t in threads)
                t.Start();
            Thread.Sleep(seconds * 1000);
            over = true;
            foreach (Thread t in threads)
                t.Join();
        }
        Console.WriteLine("# " + seconds + " s: " + caught + " null references, " + collections + " collections, " + got[0] + " and " + got[1] + " messages in order");
        if (wrong != null)
            Console.WriteLine(wrong);
        bool ok = wrong == null && got[0] > seconds * 10 && got[1] > seconds * 10 && caught > 100 && collections > 10;
        Console.WriteLine(ok ? "ok 1 storm" : "not ok 1 storm");
        return ok ? 0 : 1;
    }

    private static void Dereference()
    {
        for (int i = 0; i < 20; i++)
            try
            {
                if (nobody.Length > 0)
                    return;
            }
            catch (NullReferenceException) { Interlocked.Increment(ref caught); }
        Thread.Sleep(1);
    }

    private static void Collect()
    {
        object[] garbage = new object[1000];
        for (int i = 0; i < garbage.Length; i++)
            garbage[i] = new byte[100];
        GC.Collect();
        GC.WaitForPendingFinalizers();
        collections++;
        GC.KeepAlive(garbage);
    }

    /// <summary>Sends numbers as fast as they go, checks the other's; how many came.</summary>
    private static long Talk(Client client, Peer peer)
    {
        byte[] data = new byte[200];
        long sent = 0, got = 0;
        while (!over)
        {
            for (int i = 0; i < 50; i++)
            {
                BitConverter.GetBytes(sent).CopyTo(data, 0); // garbage, on purpose
                if (client.Send(peer, DeliveryMode.ReliableOrdered, 0, data, SendFlags.NoWake) != ResultCode.Ok)
                    break;
                sent++;
            }
            client.Flush();
            client.Wait(1);
            foreach (Event e in client.Poll())
            {
                if (e.Kind == EventKind.PeerClosed || e.Kind == EventKind.Failed)
                {
                    if (over) // the other was quicker
                        return got;
                    throw new Exception(e.Kind + ": " + e.GetText());
                }
                if (e.Kind == EventKind.Message && BitConverter.ToInt64(e.GetDataCopy(), 0) != got++)
                    throw new Exception("message " + (got - 1) + " is another one");
            }
        }
        return got;
    }
}
