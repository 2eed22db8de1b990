using System.Collections.Generic;
using UnityEditor;
using UnityEngine;

namespace Musubi.Editor
{
    /// <summary>Tools ▸ Musubi ▸ Doctor: what is wrong, in words, without a second player.</summary>
    public sealed class MusubiDoctorWindow : EditorWindow
    {
        private readonly List<DoctorLine> project = new List<DoctorLine>();
        private readonly List<Client> clients = new List<Client>();
        private Doctor doctor; // null: not asked yet
        private bool complete;
        private Vector2 scroll;

        /// <summary>Opens the window.</summary>
        [MenuItem("Tools/Musubi/Doctor")]
        public static void Open() { GetWindow<MusubiDoctorWindow>("Musubi Doctor"); }

        private void OnEnable() { MusubiProject.Check(project); }

        private void OnDisable()
        {
            EditorApplication.update -= Step;
            if (doctor != null)
                doctor.Dispose();
            doctor = null;
        }

        private void Examine()
        {
            if (doctor != null)
                doctor.Dispose();
            MusubiSettings.Forget();
            MusubiProject.Check(project);
            doctor = new Doctor(MusubiSettings.Current.ToClientOptions());
            complete = false;
            EditorApplication.update -= Step;
            EditorApplication.update += Step;
        }

        private void Step()
        {
            if (doctor == null || complete)
                return;
            int before = doctor.Lines.Count;
            complete = doctor.Step();
            if (complete)
                EditorApplication.update -= Step;
            if (complete || doctor.Lines.Count != before)
                Repaint();
        }

        private void OnGUI()
        {
            scroll = GUILayout.BeginScrollView(scroll);
            foreach (DoctorLine line in project)
                Draw(line);
            GUILayout.Space(6);
            if (GUILayout.Button("Examine the server and this network"))
                Examine();
            if (doctor != null)
            {
                foreach (DoctorLine line in doctor.Lines)
                    Draw(line);
                if (!complete)
                    GUILayout.Label("looking…");
                else if (GUILayout.Button("Copy the report"))
                    EditorGUIUtility.systemCopyBuffer = Report();
            }
            if (!MusubiProject.HasSettings && GUILayout.Button("Create the settings asset"))
            {
                MusubiProject.CreateSettings();
                MusubiProject.Check(project);
            }
            Live();
            GUILayout.EndScrollView();
        }

        private string Report()
        {
            string text = "";
            foreach (DoctorLine line in project)
                text += line.What + ": " + line.Text + "\n";
            return text + doctor;
        }

        /// <summary>What the clients of a running game say of themselves.</summary>
        private void Live()
        {
            LiveClients.CopyTo(clients);
            for (int i = 0; i < clients.Count; i++)
            {
                GUILayout.Space(6);
                GUILayout.Label("Client " + (i + 1) + " of " + clients.Count);
                string dump = clients[i].Dump();
                GUILayout.Label(dump);
                if (GUILayout.Button("Copy this text"))
                    EditorGUIUtility.systemCopyBuffer = dump;
            }
            clients.Clear();
        }

        private static void Draw(DoctorLine line)
        {
            EditorGUILayout.HelpBox(line.What + ": " + line.Text, line.Health == DoctorHealth.Bad ? MessageType.Error :
                line.Health == DoctorHealth.Warning ? MessageType.Warning : MessageType.Info);
        }
    }
}
