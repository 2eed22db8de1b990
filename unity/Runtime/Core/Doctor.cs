using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Text;

namespace Musubi
{
    /// <summary>How a check of the <see cref="Doctor"/> came out.</summary>
    public enum DoctorHealth
    {
        /// <summary>As it should be.</summary>
        Good,

        /// <summary>Works, but somebody should know.</summary>
        Warning,

        /// <summary>Does not work.</summary>
        Bad,
    }

    /// <summary>One line of a doctor's report.</summary>
    public struct DoctorLine
    {
        /// <summary>How it came out.</summary>
        public DoctorHealth Health;

        /// <summary>What was looked at.</summary>
        public string What;

        /// <summary>What was found, and what to do about it.</summary>
        public string Text;
    }

    /// <summary>Answers "why does it not work?" without a second player: looks at the library and the settings, then connects to the server
    /// and lets it look at this network. Call <see cref="Step"/> a few times a second until it says true.</summary>
    public sealed class Doctor : IDisposable
    {
        private const int Patience = 15000; // milliseconds for server and NAT together; the server is given up after five by itself

        private readonly Stopwatch clock = Stopwatch.StartNew();
        private Client client; // null: nothing to ask
        private bool over, reached;

        /// <summary>What was found so far.</summary>
        public readonly List<DoctorLine> Lines = new List<DoctorLine>();

        /// <summary>Looks at what can be seen at once, and begins to connect.</summary>
        public Doctor(ClientOptions options)
        {
            string why;
            if (!Library.TryLoad(out why))
            {
                Say(DoctorHealth.Bad, "library", why);
                over = true;
                return;
            }
            Say(DoctorHealth.Good, "library", Library.FileName + " " + Library.Version + " is loaded");
            if (string.IsNullOrEmpty(options.Server))
            {
                Say(DoctorHealth.Warning, "server", "none is set: players find each other in the same local network only. Run `musubi server` and put " +
                    "the address that it prints into the settings");
                over = true;
                return;
            }
            try
            {
                client = new Client(options);
                client.Connect();
            }
            catch (MusubiException e)
            {
                Say(DoctorHealth.Bad, "settings", e.Message);
                over = true;
            }
        }

        /// <summary>Goes on. True: the report is complete.</summary>
        public bool Step()
        {
            if (over)
                return true;
            if (client.IsDisposed)
            {
                Say(DoctorHealth.Warning, "doctor", "interrupted, because all clients end when play mode begins or scripts reload: examine again");
                return over = true;
            }
            foreach (Event e in client.Poll())
                Take(e);
            if (!over && clock.ElapsedMilliseconds > Patience)
            {
                Say(reached ? DoctorHealth.Warning : DoctorHealth.Bad, reached ? "network" : "server", reached ? "the server could not find out the NAT's kind in time" :
                    "no answer in " + Patience / 1000 + " s");
                over = true;
            }
            if (over)
                End();
            return over;
        }

        private void Take(Event e)
        {
            if (e.Kind == EventKind.ServerConnected)
            {
                reached = true;
                Say(DoctorHealth.Good, "server", "connected after " + clock.ElapsedMilliseconds + " ms, as " + e.GetText());
            }
            else if (e.Kind == EventKind.NatProfiled)
            {
                bool hard = e.NatMapping == NatBehaviour.AddressAndPortDependent || e.NatMapping == NatBehaviour.AddressDependent;
                bool blocked = e.NatMapping == NatBehaviour.UdpBlocked;
                Say(hard || blocked ? DoctorHealth.Warning : DoctorHealth.Good, "network", e.GetText() + (blocked ? ". UDP is blocked: everything is relayed over TLS" :
                    hard ? ". With some other players only a relayed connection is possible" : ""));
                over = true;
            }
            else if (e.Kind == EventKind.ServerLost || e.Kind == EventKind.Failed)
            {
                Say(DoctorHealth.Bad, "server", e.GetText() + ". Is `musubi server` running there, is the address the one that it prints, does a firewall " +
                    "let UDP through?");
                over = true;
            }
        }

        private void Say(DoctorHealth health, string what, string text)
        {
            DoctorLine line = new DoctorLine();
            line.Health = health;
            line.What = what;
            line.Text = text;
            Lines.Add(line);
        }

        /// <summary>The report as text, for a bug report.</summary>
        public override string ToString()
        {
            StringBuilder b = new StringBuilder();
            foreach (DoctorLine l in Lines)
                b.Append(l.Health == DoctorHealth.Good ? "ok       " : l.Health == DoctorHealth.Warning ? "warning  " : "BAD      ").Append(l.What).Append(": ").Append(l.Text).Append('\n');
            return b.ToString();
        }

        private void End()
        {
            if (client != null)
                client.Dispose();
            client = null;
        }

        /// <summary>Ends the connection to the server, if the report is not complete yet.</summary>
        public void Dispose()
        {
            over = true;
            End();
        }
    }
}
