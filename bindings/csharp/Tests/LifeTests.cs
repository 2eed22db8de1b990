using System;
using System.Threading;
using Musubi;

/// <summary>Making, disposing, forgetting, misusing a client.</summary>
internal static class LifeTests
{
    internal static void All()
    {
        Check.Run("the library fits the binding", Fits);
        Check.Run("options that the library refuses", BadOptions);
        Check.Run("errors are codes and sentences", Errors);
        Check.Run("after Dispose every member throws, twice is fine", AfterDispose);
        Check.Run("dispose inside the loop ends it", DisposeInLoop);
        Check.Run("an event that is over throws", EventIsOver);
        Check.Run("dispose under fire from other threads", DisposeUnderFire);
        Check.Run("forgotten clients are ended by the collector", Forgotten);
        Check.Run("a server that is not there", NoServer);
    }

    private static void Fits()
    {
        string why;
        Check.That(Library.IsSupported && Library.TryLoad(out why) && why == "", "supported");
        Check.Equal(Limits.Version, Library.Version, "version");
        Check.Equal("ok", Library.Describe(ResultCode.Ok), "Describe(Ok)");
        Check.Equal("unknown code", Library.Describe((ResultCode)12345), "Describe(12345)");
    }

    private static void BadOptions()
    {
        Check.Throws<ArgumentNullException>(delegate { new Client((ClientOptions)null); });
        Check.Equal(ResultCode.Address, Check.Throws<MusubiException>(delegate { new Client("nonsense"); }).Code, "address");
        Check.Equal(ResultCode.Value, Refused(new ClientOptions { SendBudget = 1 }), "budget");
        Check.Equal(ResultCode.Value, Refused(new ClientOptions { SendBudget = -1 }), "negative budget");
        Check.Equal(ResultCode.TooLarge, Refused(new ClientOptions { User = new string('x', 65) }), "user");
        Check.Equal(ResultCode.TooLarge, Refused(new ClientOptions { Token = new byte[Limits.MaxToken + 1] }), "token");
        Check.Equal(ResultCode.Value, Refused(new ClientOptions { Bind = "nowhere" }), "bind");
        Check.Equal(ResultCode.Value, Refused(new ClientOptions { Privacy = (Privacy)3 }), "privacy");
        Check.Throws<ArgumentException>(delegate { new Client(new ClientOptions { AppKey = new byte[31] }); });
        Check.Throws<ArgumentException>(delegate { new Client(new ClientOptions { App = "a\0b" }); });
    }

    private static ResultCode Refused(ClientOptions options) { return Check.Throws<MusubiException>(delegate { new Client(options); }).Code; }

    private static void Errors()
    {
        using (Player p = new Player())
        {
            MusubiException e = Check.Throws<MusubiException>(delegate { p.Client.JoinRoom("ABCD"); });
            Check.Equal(ResultCode.NotConnected, e.Code, "code");
            Check.Equal("could not join a room: not connected", e.Message, "sentence");
            Check.Equal(ResultCode.NotInRoom, Check.Throws<MusubiException>(delegate { p.Client.LeaveRoom(); }).Code, "leave");
            Check.Equal(ResultCode.Null, Check.Throws<MusubiException>(delegate { p.Client.JoinRoom(null); }).Code, "null code");
            Check.Equal(ResultCode.Peer, Check.Throws<MusubiException>(delegate { p.Client.ConnectPeer(new Peer(77)); }).Code, "peer");
            Check.Equal(ResultCode.Peer, p.Client.Send(new Peer(77), DeliveryMode.ReliableOrdered, 0, new byte[1]), "send");
            Check.Equal(ResultCode.Value, p.Client.Send(new Peer(77), (DeliveryMode)9, 0, new byte[1]), "mode");
            Check.Equal(ResultCode.Value, p.Client.Send(new Peer(77), DeliveryMode.Unreliable, 256, new byte[1]), "channel");
            Check.Equal(ResultCode.TooLarge, p.Client.Send(new Peer(77), DeliveryMode.Unreliable, 0, new byte[65537]), "size");
            Check.Equal(ResultCode.Value, Check.Throws<MusubiException>(delegate { p.Client.Suspend(0); }).Code, "suspend");
            Check.Equal(ResultCode.TooLarge, Check.Throws<MusubiException>(delegate { p.Client.SetToken(new byte[Limits.MaxToken + 1]); }).Code, "token");
            Check.Equal(ResultCode.TooLarge, Check.Throws<MusubiException>(delegate { p.Client.SetCertificate(new byte[Limits.MaxCertificate + 1]); }).Code, "certificate");
            p.Client.SetToken(new byte[3]);
            p.Client.SetCertificate(new byte[3]);
            Check.Equal(ResultCode.Value, Check.Throws<MusubiException>(delegate { p.Client.Simulate("no such network"); }).Code, "preset");
            Check.Throws<ArgumentOutOfRangeException>(delegate { Client.Deadline(0); });
            PeerStats stats;
            Check.That(!p.Client.TryGetStats(new Peer(77), out stats), "no figures of nobody");
        }
    }

    private static void AfterDispose()
    {
        Player p = new Player();
        Client c = p.Client;
        c.Dispose();
        c.Dispose();
        Check.That(c.IsDisposed, "disposed");
        Action[] all = {
            delegate { c.Connect(); }, delegate { c.Disconnect(); }, delegate { c.CreateRoom(); }, delegate { c.JoinRoom("A"); },
            delegate { c.LeaveRoom(); }, delegate { c.SetRoomData(default(ReadOnlySpan<byte>)); }, delegate { c.HostLan(); },
            delegate { c.BrowseLan(); }, delegate { c.JoinLan("a", "b"); }, delegate { c.Suspend(1); }, delegate { c.Resume(); },
            delegate { c.NetworkChanged(); }, delegate { c.Simulate("wifi"); }, delegate { c.StopSimulation(); },
            delegate { c.GetNatInfo(); }, delegate { c.GetStats(); }, delegate { c.GetIdentity(); }, delegate { c.Dump(); },
            delegate { c.SendBatch(new Outgoing[1], new byte[1]); }, delegate { c.Broadcast(0, 0, new byte[1]); }, delegate { c.ConnectPeer(Peer.None); }, delegate { c.Accept(Peer.None); },
            delegate { c.Reject(Peer.None); }, delegate { c.Close(Peer.None); }, delegate { c.PunchPeer(Peer.None); },
            delegate { PeerStats s; c.TryGetStats(Peer.None, out s); }, delegate { c.Send(Peer.None, 0, 0, new byte[1]); },
            delegate { c.Flush(); }, delegate { c.Poll(); }, delegate { Event e; c.TryPoll(out e); }, delegate { c.Wait(0); },
            delegate { ulong h = c.Handle; Check.That(h == 0, "handle"); },
        };
        foreach (Action a in all)
            Check.Throws<ObjectDisposedException>(a);
    }

    private static void DisposeInLoop()
    {
        Player p = new Player();
        p.Client.Connect();
        Check.That(p.Client.Wait(10000), "an event");
        int n = 0;
        foreach (Event e in p.Client.Poll())
        {
            n++;
            p.Dispose();
        }
        Check.Equal(1, n, "events");
    }

    private static void EventIsOver()
    {
        using (Player p = new Player())
        {
            Event e, later;
            p.Client.Connect();
            p.Client.Wait(10000);
            Check.That(p.Client.TryPoll(out e), "an event");
            Check.That(e.Kind != EventKind.None && e.Data.Length >= 0, "it may be read");
            while (p.Client.TryPoll(out later)) { }
            bool threw = false;
            try { threw = e.Data.Length > 1000000; }
            catch (InvalidOperationException) { threw = true; }
            Check.That(threw, "reading it later throws");
            Check.Equal(EventKind.None, later.Kind, "no event");
        }
    }

    private static void DisposeUnderFire()
    {
        for (int round = 0; round < 20; round++)
        {
            Client c = new Player().Client;
            Exception wrong = null;
            Thread[] threads = new Thread[3];
            for (int i = 0; i < threads.Length; i++)
            {
                int kind = i;
                threads[i] = new Thread(delegate()
                {
                    try
                    {
                        for (;;)
                            switch (kind)
                            {
                                case 0: { Event e; c.TryPoll(out e); break; }
                                case 1: c.Flush(); c.Send(new Peer(1), 0, 0, new byte[8]); break;
                                default: c.Wait(5); break;
                            }
                    }
                    catch (ObjectDisposedException) { }
                    catch (Exception e) { wrong = e; }
                });
                threads[i].Start();
            }
            c.Connect();
            Thread.Sleep(round % 5);
            c.Dispose();
            foreach (Thread t in threads)
                Check.That(t.Join(10000), "a thread ends");
            if (wrong != null)
                throw wrong;
        }
    }

    private static void Forgotten()
    {
        for (int i = 0; i < 40; i++) // more than fit into a process at a time
        {
            Thread t = new Thread(delegate() { new Player().Client.Connect(); }); // on a stack of its own, which nothing keeps
            t.Start();
            t.Join();
            if (i % 8 == 7)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
    }

    private static void NoServer()
    {
        using (Player p = new Player("musubi://127.0.0.1:9/#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0))
        {
            p.Client.Connect();
            Check.Equal(ResultCode.Already, Check.Throws<MusubiException>(delegate { p.Client.Connect(); }).Code, "twice");
            p.Client.Disconnect();
            p.Client.Connect();
        }
    }
}
