namespace Musubi
{
    public unsafe partial struct NatInfo
    {
        /// <summary>"203.0.113.7:40000", empty while unknown. A new string each time.</summary>
        public string PublicAddress
        {
            get
            {
                fixed (byte* p = publicAddress)
                    return Utf8.Read(p);
            }
        }
    }

    public unsafe partial struct Simulation
    {
        /// <summary>Fills in a network that players have: "wifi", "bad-wifi", "dsl", "4g", "3g", "lossy", "rough",
        /// "transatlantic" or "satellite". What each is made of is said at musubi_simulation_preset in musubi.h.</summary>
        public static void Preset(string name, out Simulation outgoing, out Simulation incoming)
        {
            Simulation o = new Simulation(), i = new Simulation();

            Library.Check();
            o.structSize = i.structSize = (uint)sizeof(Simulation);
            fixed (byte* n = Utf8.Zero(name))
                Client.Check("find the network \"" + name + "\"", NativeMethods.musubi_simulation_preset(n, &o, &i));
            outgoing = o;
            incoming = i;
        }

        /// <summary>A copy as the library takes it.</summary>
        internal Simulation Sized()
        {
            Simulation s = this;
            s.structSize = (uint)sizeof(Simulation);
            return s;
        }
    }
}
