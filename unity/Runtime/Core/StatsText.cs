using System.Text;

namespace Musubi
{
    /// <summary>A client's figures as lines for people, one for the client and one for each connection.</summary>
    public static class StatsText
    {
        /// <summary>Writes the lines, each with its end.</summary>
        public static void Append(StringBuilder text, Client client)
        {
            ClientStats c = client.GetStats();
            text.Append("server ").Append(Link(c.Server)).Append(", ").Append(c.Peers).Append(c.Peers == 1 ? " player, " : " players, ").Append(c.Direct)
                .Append(" direct\n");
            for (int i = 0; i < client.PeerCount; i++)
            {
                PeerStats s;
                if (!client.TryGetStats(client.GetPeer(i), out s))
                    continue;
                text.Append(Way(s.Route)).Append("  rtt ").Append(s.RttUs / 1000).Append('.').Append(s.RttUs / 100 % 10).Append(" ±");
                text.Append(s.JitterUs / 1000).Append('.').Append(s.JitterUs / 100 % 10).Append(" ms  loss ");
                Percent(text, s.LossOutPpm).Append(" out ");
                Percent(text, s.LossInPpm).Append(" in  ").Append(s.SendRate / 1024).Append(" up ").Append(s.ReceiveRate / 1024).Append(" down KB/s  queue ");
                text.Append(s.QueueUs / 1000).Append(" ms\n");
            }
        }

        /// <summary>A route in a word.</summary>
        public static string Way(Route route)
        {
            switch (route)
            {
                case Route.Relay:
                    return "relayed";
                case Route.Lan:
                    return "direct (same network)";
                case Route.Direct4:
                    return "direct (IPv4)";
                case Route.Direct6:
                    return "direct (IPv6)";
                default:
                    return "not connected";
            }
        }

        private static string Link(ServerLink link)
        {
            return link == ServerLink.Connected ? "connected" : link == ServerLink.Connecting ? "connecting" : "not connected";
        }

        private static StringBuilder Percent(StringBuilder text, uint ppm)
        {
            return text.Append(ppm / 10000).Append('.').Append(ppm / 1000 % 10).Append('%');
        }
    }
}
