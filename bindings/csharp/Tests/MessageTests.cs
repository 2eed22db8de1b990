using System;
using System.Diagnostics;
using Musubi;

/// <summary>Bytes between players.</summary>
internal static class MessageTests
{
    private static readonly DeliveryMode[] modes = {
        DeliveryMode.ReliableOrdered, DeliveryMode.ReliableUnordered, DeliveryMode.Unreliable, DeliveryMode.UnreliableSequenced };

    internal static void All()
    {
        Check.Run("every mode, both ways, 1 B to 1 MiB", Sizes);
        Check.Run("order within a channel, every channel", Order);
        Check.Run("batches", Batch);
        Check.Run("broadcasts", Broadcast);
        Check.Run("receipts", Receipts);
        Check.Run("WouldBlock, then Writable", Backpressure);
        Check.Run("events come in batches of any size", ManyEvents);
    }

    private static byte[] Pattern(int size)
    {
        byte[] data = new byte[size];
        for (int i = 0; i < size; i++)
            data[i] = (byte)(i * 7 + size);
        return data;
    }

    private static void Sizes()
    {
        using (Pair p = new Pair())
            foreach (DeliveryMode mode in modes)
            {
                bool reliable = mode <= DeliveryMode.ReliableUnordered;
                foreach (int size in new[] { 0, 1, 100, 1200, 1201, 16384, 16385, 65536, 300000, 1 << 20 })
                {
                    if (!reliable && size > Limits.MaxUnreliable)
                        continue;
                    OneWay(p.A, p.ToB, p.B, p.ToA, mode, size);
                    OneWay(p.B, p.ToA, p.A, p.ToB, mode, size);
                }
            }
    }

    private static void OneWay(Player from, Peer to, Player at, Peer sender, DeliveryMode mode, int size)
    {
        byte[] data = Pattern(size);
        int channel = size & 255;
        bool reliable = mode <= DeliveryMode.ReliableUnordered;
        Kept got = null;
        // On a busy machine an unreliable message may get lost even here. What is sent again may come twice, and the second one
        // when the next size is due: it is passed over.
        for (int tries = 0; got == null && tries < 20; tries++)
        {
            Stopwatch clock = Stopwatch.StartNew();
            ResultCode code = from.Client.Send(to, mode, channel, data);
            if (code == ResultCode.WouldBlock)
            {
                from.Await(EventKind.Writable);
                continue;
            }
            Check.Equal(ResultCode.Ok, code, "send " + mode + " " + size);
            while (got == null && clock.ElapsedMilliseconds < (reliable ? 20000 : 1000))
            {
                at.Client.Wait(20);
                at.Drain();
                got = at.Take(EventKind.Message);
                if (got != null && got.Mode >= DeliveryMode.Unreliable && (got.Data.Length != size || got.Mode != mode))
                    got = null;
            }
        }
        Check.That(got != null, mode + " of " + size + " arrives");
        Check.That(got.Peer == sender && got.Mode == mode && got.Channel == channel && got.Data.Length == size, "its head: " + mode + " " + size);
        for (int i = 0; i < size; i++)
            if (got.Data[i] != data[i])
                throw new Exception("byte " + i + " of " + size);
    }

    private static void Order()
    {
        const int Count = 2560;
        using (Pair p = new Pair())
        {
            int[] next = new int[256];
            int sent = 0, got = 0;
            byte[] data = new byte[4];
            while (got < Count)
            {
                while (sent < Count)
                {
                    Buffer.BlockCopy(BitConverter.GetBytes(sent / 256), 0, data, 0, 4);
                    if (p.A.Client.Send(p.ToB, DeliveryMode.ReliableOrdered, sent % 256, data, SendFlags.NoWake | SendFlags.High) != ResultCode.Ok)
                        break;
                    sent++;
                }
                p.A.Client.Flush();
                p.B.Client.Wait(100);
                foreach (Event e in p.B.Client.Poll())
                    if (e.Kind == EventKind.Message)
                    {
                        Check.Equal(next[e.Channel]++, BitConverter.ToInt32(e.GetDataCopy(), 0), "number on channel " + e.Channel);
                        got++;
                    }
            }
        }
    }

    private static void Batch()
    {
        using (Pair p = new Pair())
        {
            Outgoing[] all = new Outgoing[100];
            byte[] data = Pattern(300);
            for (int i = 0; i < all.Length; i++)
                all[i] = new Outgoing { Peer = p.ToB, Channel = 1, Offset = i, Size = i % 7 };
            Check.Equal(100, p.A.Client.SendBatch(all, data), "all are accepted");
            for (int i = 0; i < all.Length; i++)
            {
                Kept got = p.B.Await(EventKind.Message);
                Check.That(got.Data.Length == i % 7 && (i % 7 == 0 || got.Data[0] == data[i]), "message " + i);
            }
            all[40].Peer = new Peer(77);
            Check.Equal(40, p.A.Client.SendBatch(all, data), "up to the refused one");
            Check.Equal((int)ResultCode.Peer, p.A.Client.SendBatch(new ReadOnlySpan<Outgoing>(all, 40, 60), data), "why");
            all[0].Offset = 298;
            all[0].Size = 3;
            Check.Throws<ArgumentOutOfRangeException>(delegate { p.A.Client.SendBatch(all, data); });
            Check.Equal(0, p.A.Client.SendBatch(default(ReadOnlySpan<Outgoing>), default(ReadOnlySpan<byte>)), "none");
        }
    }

    private static void Broadcast()
    {
        using (Pair p = new Pair())
        {
            Peer[] refused = { new Peer(1), new Peer(2) };
            Check.Equal(1, p.A.Client.Broadcast(DeliveryMode.ReliableOrdered, 9, Pattern(10), 0, refused), "one peer");
            Check.That(refused[0].IsNone, "nobody refused");
            Check.Equal(9, p.B.Await(EventKind.Message).Channel, "it arrives");
            Check.Equal((int)ResultCode.Value, p.A.Client.Broadcast((DeliveryMode)7, 0, Pattern(10)), "mode");
            while (p.A.Client.Broadcast(DeliveryMode.ReliableOrdered, 0, Pattern(65536), SendFlags.NoWake, refused) == 1) { }
            Check.That(refused[0] == p.ToB && refused[1].IsNone, "who did not take it");
        }
    }

    private static void Receipts()
    {
        using (Pair p = new Pair())
        {
            Check.Equal(ResultCode.Ok, p.A.Client.Send(p.ToB, DeliveryMode.ReliableOrdered, 3, Pattern(5), SendFlags.Urgent, 4711), "send");
            Kept told = p.A.Await(EventKind.Delivered);
            Check.That(told.Count == 4711 && told.Code == 0 && told.Peer == p.ToB, "receipt");
            Check.Equal(ResultCode.Ok, p.A.Client.Send(p.ToB, DeliveryMode.Unreliable, 3, Pattern(5), Client.Deadline(60000) | SendFlags.Low), "deadline");
            Check.Equal(ResultCode.Value, p.A.Client.Send(p.ToB, DeliveryMode.ReliableOrdered, 3, Pattern(5), Client.Deadline(50)), "deadline of a reliable one");
        }
    }

    private static void Backpressure()
    {
        using (Pair p = new Pair())
        {
            byte[] data = Pattern(60000);
            ResultCode code = ResultCode.Ok;
            int sent = 0, got = 0;
            while ((code = p.A.Client.Send(p.ToB, DeliveryMode.ReliableOrdered, 0, data, SendFlags.NoWake)) == ResultCode.Ok && sent < 1000)
                sent++;
            Check.Equal(ResultCode.WouldBlock, code, "the budget ends");
            p.A.Client.Flush();
            while (got < sent)
            {
                p.B.Client.Wait(100);
                foreach (Event e in p.B.Client.Poll())
                    got += e.Kind == EventKind.Message ? 1 : 0;
            }
            p.A.Await(EventKind.Writable);
            Check.Equal(ResultCode.Ok, p.A.Client.Send(p.ToB, DeliveryMode.ReliableOrdered, 0, data), "there is room again");
        }
    }

    private static void ManyEvents()
    {
        using (Pair p = new Pair())
        {
            for (int i = 0; i < 200; i++)
                Check.Equal(ResultCode.Ok, p.A.Client.Send(p.ToB, DeliveryMode.ReliableOrdered, 0, Pattern(i), SendFlags.NoWake), "send");
            p.A.Client.Flush();
            for (int i = 0; i < 200; i++)
                Check.Equal(i, p.B.Await(EventKind.Message).Data.Length, "message " + i);
        }
    }
}
