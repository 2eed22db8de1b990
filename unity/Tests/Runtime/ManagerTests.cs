using System.Collections;
using System.Text;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.TestTools;

namespace Musubi.Tests
{
    /// <summary>Two players in one scene, without any server: the host serves the local network, the guest knows its address.</summary>
    public sealed class ManagerTests
    {
        private const float Patience = 20; // seconds

        private static MusubiManager Player()
        {
            MusubiManager m = new GameObject("player").AddComponent<MusubiManager>();
            m.Settings = ScriptableObject.CreateInstance<MusubiSettings>();
            m.Settings.App = "musubi-package-tests";
            m.Settings.PortMapping = false;
            return m;
        }

        private static IEnumerator Until(System.Func<bool> holds, string what)
        {
            float end = Time.realtimeSinceStartup + Patience;
            while (!holds())
            {
                Assert.IsTrue(Time.realtimeSinceStartup < end, "never: " + what);
                yield return null;
            }
        }

        /// <summary>Host, join by code, talk, leave.</summary>
        [UnityTest]
        public IEnumerator TwoPlayersMeetByCode()
        {
            MusubiManager host = Player(), guest = Player();
            string heard = "", left = "", disconnected = "";
            host.MessageReceived += delegate(Peer p, System.ReadOnlySpan<byte> data, DeliveryMode mode, int channel)
            {
                heard = Encoding.UTF8.GetString(data.ToArray()) + " on " + channel;
            };
            host.PlayerDisconnected += delegate(Peer p, string why) { disconnected = why; };
            guest.RoomLeft += delegate(string why) { left = why; };
            host.Host();
            Assert.AreEqual(MusubiState.Connecting, host.State);
            yield return Until(delegate { return host.State == MusubiState.InRoom; }, "a room");
            Assert.IsTrue(host.Code.Length >= 6 && host.IsHost, host.Code);
            guest.Join(host.Code.ToLowerInvariant() + "@127.0.0.1");
            yield return Until(delegate { return host.PlayerCount == 1 && guest.PlayerCount == 1; }, "connected");
            Assert.AreEqual(host.Code, guest.Code);
            Assert.AreEqual(ResultCode.Ok, guest.Send(guest.GetPlayer(0), Encoding.UTF8.GetBytes("hello"), DeliveryMode.ReliableOrdered, 7));
            yield return Until(delegate { return heard == "hello on 7"; }, "the message");
            guest.Leave();
            Assert.AreEqual("left", left);
            Assert.AreEqual(MusubiState.Idle, guest.State);
            yield return Until(delegate { return disconnected.Length > 0; }, "the host hears of it");
            Object.DestroyImmediate(host.gameObject);
            Object.DestroyImmediate(guest.gameObject);
        }

        /// <summary>What can't be a code is answered at once, in words.</summary>
        [Test]
        public void ABadCodeIsAnsweredAtOnce()
        {
            MusubiManager guest = Player();
            string left = "";
            guest.RoomLeft += delegate(string why) { left = why; };
            guest.Join("what?");
            Assert.IsTrue(left.Contains("join code"), left);
            Assert.AreEqual(MusubiState.Idle, guest.State);
            guest.Settings.Server = "nonsense";
            guest.Host();
            Assert.IsTrue(left.Contains("address"), left);
            Object.DestroyImmediate(guest.gameObject);
        }

        /// <summary>One listener's mistake does not keep the others from their events, and leaving inside an event is allowed.</summary>
        [UnityTest]
        public IEnumerator ListenersMayThrowAndLeave()
        {
            MusubiManager host = Player();
            bool entered = false;
            host.AnyEvent += delegate(Event e)
            {
                if (e.Kind == EventKind.ServerConnected)
                    throw new System.InvalidOperationException("a mistake in the game");
            };
            host.RoomEntered += delegate(string code)
            {
                entered = true;
                host.Leave();
            };
            LogAssert.ignoreFailingMessages = true;
            host.Host();
            yield return Until(delegate { return entered; }, "a room");
            yield return null;
            LogAssert.ignoreFailingMessages = false;
            Assert.AreEqual(MusubiState.Idle, host.State);
            Object.DestroyImmediate(host.gameObject);
        }
    }
}
