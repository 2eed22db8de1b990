using System.Collections.Generic;

namespace Musubi
{
    /// <summary>Finds the game with a join code among the hosts of the local network: tries each that shows itself. Its owner feeds it
    /// with events.</summary>
    internal sealed class LanSearch
    {
        private readonly Client client;
        private readonly string code;
        private readonly Queue<string> hosts = new Queue<string>(); // found and not tried yet
        private bool trying;

        internal LanSearch(Client client, string code)
        {
            this.client = client;
            this.code = code;
            client.BrowseLan();
        }

        /// <summary>Of LanFound. A host tells of itself again and again, and may have a new room: no memory of refusals.</summary>
        internal void Found(string address)
        {
            if (!hosts.Contains(address))
                hosts.Enqueue(address);
        }

        /// <summary>Of RoomLeft and ServerLost: it was somebody else's game.</summary>
        internal void Refused() { trying = false; }

        /// <summary>When nothing else happens.</summary>
        internal void Step()
        {
            if (trying || hosts.Count == 0)
                return;
            try
            {
                client.JoinLan(hosts.Peek(), code);
                hosts.Dequeue();
                trying = true;
            }
            catch (MusubiException e)
            {
                if (e.Code != ResultCode.Already) // the attempt before is not over yet
                    throw;
            }
        }
    }
}
