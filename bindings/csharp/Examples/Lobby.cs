using System;
using System.Collections.Generic;
using System.Text;
using Musubi;

/// <summary>A lobby by join code: players come, say that they are ready, and the owner starts the game when all of them are.
///   lobby.exe SERVER NAME PLAYERS          makes a room for so many players and prints its code
///   lobby.exe SERVER NAME PLAYERS CODE     enters it</summary>
internal static class Lobby
{
    private const int Chat = 0, Start = 1; // channels

    private static int Main(string[] args)
    {
        if (args.Length < 3)
        {
            Console.Error.WriteLine("usage: lobby.exe musubi://... NAME PLAYERS [CODE]");
            return 2;
        }
        try
        {
            using (Client client = new Client(new ClientOptions(args[0]) { App = "lobby" }))
            {
                int players = int.Parse(args[2]);
                client.Connect();
                if (args.Length > 3)
                    client.JoinRoom(args[3]);
                else
                    client.CreateRoom(players, Encoding.UTF8.GetBytes(args[1] + "'s game for " + players));
                return Run(client, args[1], players, args.Length <= 3);
            }
        }
        catch (MusubiException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }

    private static int Run(Client client, string name, int players, bool owner)
    {
        Dictionary<Peer, string> ready = new Dictionary<Peer, string>(); // by what they said

        while (client.Wait(60000)) // a game polls once a frame instead of waiting
            foreach (Event e in client.Poll())
                switch (e.Kind)
                {
                    case EventKind.RoomJoined:
                        Console.WriteLine("room " + e.GetDataText());
                        break;
                    case EventKind.RoomData:
                        Console.WriteLine("this is " + e.GetDataText());
                        break;
                    case EventKind.PeerConnected:
                        client.Send(e.Peer, DeliveryMode.ReliableOrdered, Chat, Encoding.UTF8.GetBytes(name));
                        break;
                    case EventKind.PeerClosed:
                        ready.Remove(e.Peer);
                        break;
                    case EventKind.Message:
                        if (e.Channel == Start)
                        {
                            Console.WriteLine("the game starts");
                            return 0;
                        }
                        ready[e.Peer] = e.GetDataText();
                        Console.WriteLine(ready[e.Peer] + " is ready");
                        if (!owner || ready.Count < players - 1)
                            break;
                        client.ConfigureRoom(RoomFlags.Locked); // nobody comes in any more
                        client.Broadcast(DeliveryMode.ReliableOrdered, Start, default(ReadOnlySpan<byte>));
                        Console.WriteLine("the game starts");
                        return 0;
                    case EventKind.ServerLost:
                    case EventKind.RoomLeft:
                    case EventKind.Failed:
                        Console.Error.WriteLine(e.GetText());
                        return 1;
                }
        return 1;
    }
}
