using System;
using System.Diagnostics;
using Musubi;

/// <summary>Round trips between two players, over whatever way the library finds.
///   ping.exe SERVER         makes a room, prints its code, answers
///   ping.exe SERVER CODE    enters it and sends ten pings</summary>
internal static class Ping
{
    private const int Count = 10;

    private static int Main(string[] args)
    {
        if (args.Length < 1)
        {
            Console.Error.WriteLine("usage: ping.exe musubi://... [CODE]");
            return 2;
        }
        try
        {
            using (Client client = new Client(args[0]))
            {
                client.Connect();
                if (args.Length > 1)
                    client.JoinRoom(args[1]);
                else
                    client.CreateRoom(2);
                return args.Length > 1 ? Ask(client) : Answer(client);
            }
        }
        catch (MusubiException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }

    /// <summary>Sends back what comes, until the other has enough.</summary>
    private static int Answer(Client client)
    {
        while (client.Wait(60000)) // a game polls once a frame instead of waiting
            foreach (Event e in client.Poll())
            {
                if (e.Kind == EventKind.RoomJoined)
                    Console.WriteLine("room " + e.GetDataText());
                else if (e.Kind == EventKind.Message)
                    client.Send(e.Peer, e.Mode, e.Channel, e.Data, SendFlags.Urgent);
                else if (e.Kind == EventKind.PeerClosed)
                    return 0;
                else if (Failed(e))
                    return 1;
            }
        return 1;
    }

    private static int Ask(Client client)
    {
        int sent = 0, answered = 0;
        long left = 0; // when the last ping did

        while (answered < Count && client.Wait(60000))
            foreach (Event e in client.Poll())
            {
                if (e.Kind == EventKind.Message)
                {
                    double ms = (Stopwatch.GetTimestamp() - left) * 1e3 / Stopwatch.Frequency;
                    Console.WriteLine("ping " + ++answered + ": " + ms.ToString("0.00") + " ms");
                }
                else if (Failed(e))
                    return 1;
                if (e.Kind == EventKind.PeerConnected || e.Kind == EventKind.Message && sent < Count)
                {
                    left = Stopwatch.GetTimestamp();
                    client.Send(e.Peer, DeliveryMode.ReliableOrdered, 0, BitConverter.GetBytes(++sent), SendFlags.Urgent);
                }
            }
        return answered == Count ? 0 : 1;
    }

    private static bool Failed(Event e)
    {
        if (e.Kind != EventKind.ServerLost && e.Kind != EventKind.RoomLeft && e.Kind != EventKind.Failed)
            return false;
        Console.Error.WriteLine(e.GetText());
        return true;
    }
}
