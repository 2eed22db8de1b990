using System;
using System.Collections.Generic;
using System.Threading;

namespace Musubi
{
    /// <summary>The clients of this program that are not disposed: for tools that show or test them all, and for whoever must end
    /// them because the code that owns them goes away (Unity reloads scripts, an editor leaves play mode). Holds nobody
    /// alive. Any thread.</summary>
    public static class LiveClients
    {
        private static readonly List<WeakReference<Client>> all = new List<WeakReference<Client>>();

        /// <summary>How many there are.</summary>
        public static int Count
        {
            get
            {
                lock (all)
                {
                    Sweep(null);
                    return all.Count;
                }
            }
        }

        /// <summary>Fills the list with them, oldest first. Makes no garbage in a list that is large enough.</summary>
        public static void CopyTo(List<Client> clients)
        {
            clients.Clear();
            lock (all)
                for (int i = 0; i < all.Count; i++)
                {
                    Client c;
                    if (all[i].TryGetTarget(out c) && !c.IsDisposed)
                        clients.Add(c);
                }
        }

        /// <summary>Disposes them all, side by side, since one that has to deliver may take a second.</summary>
        public static void DisposeAll()
        {
            List<Client> clients = new List<Client>();
            CopyTo(clients);
            List<Thread> threads = new List<Thread>();
            for (int i = 1; i < clients.Count; i++)
            {
                threads.Add(new Thread(clients[i].Dispose));
                threads[threads.Count - 1].Start();
            }
            if (clients.Count > 0)
                clients[0].Dispose();
            foreach (Thread t in threads)
                t.Join();
        }

        internal static void Add(Client client)
        {
            lock (all)
            {
                Sweep(null);
                all.Add(new WeakReference<Client>(client));
            }
        }

        internal static void Remove(Client client)
        {
            lock (all)
                Sweep(client);
        }

        /// <summary>Takes out one client and those that the collector has taken.</summary>
        private static void Sweep(Client gone)
        {
            for (int i = all.Count - 1; i >= 0; i--)
            {
                Client c;
                if (!all[i].TryGetTarget(out c) || c == gone)
                    all.RemoveAt(i);
            }
        }
    }
}
