using System.Collections.Generic;
using UnityEngine;

namespace Musubi
{
    /// <summary>Networks that players have.</summary>
    public enum MusubiNetwork
    {
        /// <summary>This machine's own.</summary>
        None,

        /// <summary>2–5 ms, 0.1 % lost.</summary>
        Wifi,

        /// <summary>5–35 ms, 3 % lost in runs of 3, 8 Mbit/s.</summary>
        BadWifi,

        /// <summary>10 ms, 1 Mbit/s up, 10 down.</summary>
        Dsl,

        /// <summary>4G: 25–40 ms, 0.5 % lost, 8 Mbit/s up, 20 down.</summary>
        FourG,

        /// <summary>3G: 75–115 ms, 1 % lost, 768 kbit/s up, 1.6 Mbit/s down.</summary>
        ThreeG,

        /// <summary>25 ms, 5 % lost.</summary>
        Lossy,

        /// <summary>25–35 ms with reordering, 10 % lost.</summary>
        Rough,

        /// <summary>38–40 ms, 0.1 % lost.</summary>
        Transatlantic,

        /// <summary>280–300 ms, 0.5 % lost.</summary>
        Satellite,

        /// <summary>The fields below.</summary>
        Custom,
    }

    /// <summary>Puts a bad network between this program and everybody else, for testing: every client, also those of the transports, both
    /// ways. Off when disabled.</summary>
    [AddComponentMenu("Musubi/Musubi Network Simulator")]
    [DisallowMultipleComponent]
    public sealed class MusubiNetworkSimulator : MonoBehaviour
    {
        private static readonly string[] presets = { null, "wifi", "bad-wifi", "dsl", "4g", "3g", "lossy", "rough", "transatlantic", "satellite", null };

        /// <summary>Which one. May be changed at any time.</summary>
        [Tooltip("Which network. Times are one way.")]
        public MusubiNetwork Network = MusubiNetwork.FourG;

        /// <summary>Custom: milliseconds added to each packet, one way.</summary>
        [Header("Custom, in each direction")]
        [Tooltip("Milliseconds added to each packet.")]
        [Range(0, 2000)]
        public float Latency = 30;

        /// <summary>Custom: up to so many milliseconds more.</summary>
        [Tooltip("Up to this many milliseconds more, at random.")]
        [Range(0, 1000)]
        public float Jitter = 5;

        /// <summary>Custom: packets lost, per cent.</summary>
        [Tooltip("Packets lost, per cent.")]
        [Range(0, 80)]
        public float Loss = 1;

        /// <summary>Custom: packets held back while later ones pass, per cent.</summary>
        [Tooltip("Packets held back while later ones pass, per cent.")]
        [Range(0, 50)]
        public float Reorder;

        /// <summary>Custom: packets that come twice, per cent.</summary>
        [Tooltip("Packets that come twice, per cent.")]
        [Range(0, 50)]
        public float Duplicate;

        /// <summary>Custom: kilobits a second; 0: no limit.</summary>
        [Tooltip("Kilobits a second. 0: no limit.")]
        [Min(0)]
        public float Rate;

        private readonly List<Client> clients = new List<Client>();
        private readonly List<Client> done = new List<Client>(); // have got it
        private int applied; // fingerprint of what they got

        /// <summary>What the library gets, in each direction.</summary>
        public void GetSimulation(out Simulation outgoing, out Simulation incoming)
        {
            string preset = presets[(int)Network];
            outgoing = incoming = default(Simulation);
            if (preset != null)
            {
                Simulation.Preset(preset, out outgoing, out incoming);
                return;
            }
            if (Network == MusubiNetwork.None)
                return;
            outgoing.LatencyUs = (uint)(Latency * 1000);
            outgoing.JitterUs = (uint)(Jitter * 1000);
            outgoing.LossPpm = (uint)(Loss * 10000);
            outgoing.ReorderPpm = (uint)(Reorder * 10000);
            outgoing.DuplicatePpm = (uint)(Duplicate * 10000);
            outgoing.Rate = (ulong)(Rate * 1000);
            incoming = outgoing;
        }

        private int Fingerprint()
        {
            return (int)Network ^ Latency.GetHashCode() * 3 ^ Jitter.GetHashCode() * 5 ^ Loss.GetHashCode() * 7 ^ Reorder.GetHashCode() * 11 ^
                Duplicate.GetHashCode() * 13 ^ Rate.GetHashCode() * 17;
        }

        private void Update()
        {
            int now = Fingerprint();
            if (now != applied)
                done.Clear();
            applied = now;
            LiveClients.CopyTo(clients);
            for (int i = 0; i < clients.Count; i++)
                if (!done.Contains(clients[i]))
                    Apply(clients[i]);
            if (done.Count > clients.Count) // some have ended
                done.RemoveAll(IsOver);
            clients.Clear();
        }

        private static bool IsOver(Client client) { return client.IsDisposed; }

        private void Apply(Client client)
        {
            Simulation outgoing, incoming;
            done.Add(client);
            try
            {
                GetSimulation(out outgoing, out incoming);
                client.Simulate(outgoing, incoming);
            }
            catch (MusubiException e) { Debug.LogWarning("Musubi: this network can't be simulated: " + e.Message, this); }
        }

        private void OnDisable()
        {
            foreach (Client c in done)
                if (!c.IsDisposed)
                    c.StopSimulation();
            done.Clear();
        }
    }
}
