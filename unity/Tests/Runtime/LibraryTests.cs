using NUnit.Framework;

namespace Musubi.Tests
{
    /// <summary>The native library on this machine.</summary>
    public sealed class LibraryTests
    {
        /// <summary>It is there, and it is this package's.</summary>
        [Test]
        public void TheNativeLibraryFits()
        {
            string why;
            Assert.IsTrue(Library.TryLoad(out why), why);
            Assert.AreEqual(Limits.Version, Library.Version);
        }

        /// <summary>What players type.</summary>
        [Test]
        public void JoinCodesAreReadAsPlayersTypeThem()
        {
            JoinCode code;
            string why;
            foreach (string typed in new string[] { "E4K7Q2XM", " e4k7-q2xm ", "musubi://E4K7Q2XM", "MUSUBI://e4k7q2xm/" })
            {
                Assert.IsTrue(JoinCode.TryParse(typed, out code, out why), typed + ": " + why);
                Assert.AreEqual("E4K7Q2XM", code.Code);
                Assert.AreEqual("", code.LanAddress);
            }
            Assert.IsTrue(JoinCode.TryParse("E4K7Q2XM@192.168.1.5", out code, out why), why);
            Assert.AreEqual("192.168.1.5", code.LanAddress);
            foreach (string typed in new string[] { null, "", " ", "localhost", "a b", "ABCD@", "né-code", "http://x", "musubi://" })
            {
                Assert.IsFalse(JoinCode.TryParse(typed, out code, out why), typed);
                Assert.IsTrue(why.Contains("join code"), why);
            }
        }

        /// <summary>Every network of the list exists in the library.</summary>
        [Test]
        public void EveryPresetExists()
        {
            UnityEngine.GameObject o = new UnityEngine.GameObject("simulator");
            MusubiNetworkSimulator simulator = o.AddComponent<MusubiNetworkSimulator>();
            foreach (MusubiNetwork network in System.Enum.GetValues(typeof(MusubiNetwork)))
            {
                Simulation outgoing, incoming;
                simulator.Network = network;
                simulator.GetSimulation(out outgoing, out incoming);
                Assert.AreEqual(network != MusubiNetwork.None, outgoing.LatencyUs > 0, network.ToString());
            }
            UnityEngine.Object.DestroyImmediate(o);
        }
    }
}
