using System.Collections.Generic;
using NUnit.Framework;
using UnityEngine;

namespace Musubi.Editor.Tests
{
    /// <summary>The package in an editor.</summary>
    public sealed class EditorTests
    {
        /// <summary>The doctor's look at the project names the library, good or bad.</summary>
        [Test]
        public void TheProjectIsLookedAt()
        {
            List<DoctorLine> lines = new List<DoctorLine>();
            MusubiProject.Check(lines);
            Assert.IsTrue(lines.Count >= 2);
            Assert.AreEqual("library", lines[0].What);
            Assert.AreEqual(Library.IsSupported, lines[0].Health == DoctorHealth.Good, lines[0].Text);
            Assert.IsTrue(MusubiProject.ExpectedLibrary.StartsWith("Packages/com.musubi-p2p.musubi/Runtime/Plugins/"), MusubiProject.ExpectedLibrary);
        }

        /// <summary>When code goes away, no client stays.</summary>
        [Test]
        public void NoClientOutlivesItsCode()
        {
            Client client = new Client(new ClientOptions());
            Assert.IsTrue(LiveClients.Count > 0);
            MusubiLifecycle.EndAll();
            Assert.IsTrue(client.IsDisposed);
            Assert.AreEqual(0, LiveClients.Count);
        }

        /// <summary>Without a server the doctor says so and is done.</summary>
        [Test]
        public void TheDoctorNeedsAServer()
        {
            using (Doctor doctor = new Doctor(ScriptableObject.CreateInstance<MusubiSettings>().ToClientOptions()))
            {
                Assert.IsTrue(doctor.Step());
                Assert.IsTrue(doctor.ToString().Contains("musubi server"), doctor.ToString());
            }
        }
    }
}
