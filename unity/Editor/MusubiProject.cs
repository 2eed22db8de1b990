using System.Collections.Generic;
using System.IO;
using UnityEditor;
using UnityEngine;

namespace Musubi.Editor
{
    /// <summary>What can be wrong with a project's set-up.</summary>
    public static class MusubiProject
    {
        private const string Folder = "Assets/Resources";
        private const string Package = "Packages/com.musubi-p2p.musubi";

        /// <summary>Whether the settings asset is where it is found by itself.</summary>
        public static bool HasSettings { get { return Resources.Load<MusubiSettings>(MusubiSettings.AssetName) != null; } }

        /// <summary>Where the package keeps the native library that this editor loads.</summary>
        public static string ExpectedLibrary
        {
            get
            {
                bool arm = System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.Arm64;
                string system = Library.FileName == "musubi.dll" ? "Windows" : Library.FileName == "libmusubi.dylib" ? "macOS" : "Linux";
                return Package + "/Runtime/Plugins/" + system + "/" + (arm ? "arm64" : "x86_64") + "/" + Library.FileName;
            }
        }

        /// <summary>Fills the list with what was looked at.</summary>
        public static void Check(List<DoctorLine> lines)
        {
            string why;
            lines.Clear();
            bool there = File.Exists(Path.GetFullPath(ExpectedLibrary));
            if (Library.TryLoad(out why))
                Say(lines, DoctorHealth.Good, "library", Library.FileName + " " + Library.Version + " is loaded");
            else if (there)
                Say(lines, DoctorHealth.Bad, "library", why.TrimEnd('.') + ". The package's file is " + ExpectedLibrary + ": restart the editor if the package was just updated, since a loaded library stays loaded");
            else
                Say(lines, DoctorHealth.Bad, "library", why.TrimEnd('.') + ". Expected: " + ExpectedLibrary + ", which is not there. A package from a git address has no native " +
                    "files: install the archive of a release, or put the file there");
            MusubiSettings settings = Resources.Load<MusubiSettings>(MusubiSettings.AssetName);
            if (settings == null)
                Say(lines, DoctorHealth.Warning, "settings", "there is no asset " + MusubiSettings.AssetName + " in a Resources folder: no server is set, players find each other in the local network only");
            else if (string.IsNullOrEmpty(settings.Server))
                Say(lines, DoctorHealth.Warning, "settings", "no server is set: players find each other in the local network only");
            else
                Say(lines, DoctorHealth.Good, "settings", "server " + settings.Server);
            if (!PlayerSettings.runInBackground)
                Say(lines, DoctorHealth.Warning, "player", "Run In Background is off (Project Settings ▸ Player ▸ Resolution): turn it on, or two windows on one machine can't play together, because the hidden one sleeps");
        }

        private static void Say(List<DoctorLine> lines, DoctorHealth health, string what, string text)
        {
            DoctorLine line = new DoctorLine();
            line.Health = health;
            line.What = what;
            line.Text = text;
            lines.Add(line);
        }

        /// <summary>Makes the settings asset and shows it.</summary>
        public static void CreateSettings()
        {
            if (!AssetDatabase.IsValidFolder(Folder))
                AssetDatabase.CreateFolder("Assets", "Resources");
            MusubiSettings settings = ScriptableObject.CreateInstance<MusubiSettings>();
            AssetDatabase.CreateAsset(settings, Folder + "/" + MusubiSettings.AssetName + ".asset");
            AssetDatabase.SaveAssets();
            Selection.activeObject = settings;
            MusubiSettings.Forget();
        }
    }
}
