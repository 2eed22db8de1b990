using System.Text;
using UnityEditor;
using UnityEngine;

namespace Musubi.Editor
{
    /// <summary>The inspector of <see cref="MusubiManager"/>: its fields, and while playing where it is, who is there, and buttons to
    /// host, join and leave without a line of code.</summary>
    [CustomEditor(typeof(MusubiManager))]
    public sealed class MusubiManagerEditor : UnityEditor.Editor
    {
        private readonly StringBuilder text = new StringBuilder();
        private string code = "";

        /// <inheritdoc/>
        public override void OnInspectorGUI()
        {
            DrawDefaultInspector();
            if (!Application.isPlaying)
            {
                EditorGUILayout.HelpBox("While playing, this shows room, players and figures, and can host and join.", MessageType.Info);
                return;
            }
            MusubiManager manager = (MusubiManager)target;
            EditorGUILayout.LabelField("State", manager.State.ToString());
            EditorGUILayout.LabelField("Join code", manager.Code);
            for (int i = 0; i < manager.PlayerCount; i++)
                EditorGUILayout.LabelField("Player " + (i + 1), manager.GetName(manager.GetPlayer(i)));
            if (manager.Client != null && !manager.Client.IsDisposed)
            {
                text.Length = 0;
                StatsText.Append(text, manager.Client);
                EditorGUILayout.HelpBox(text.ToString(), MessageType.None);
            }
            Buttons(manager);
        }

        private void Buttons(MusubiManager manager)
        {
            if (manager.State != MusubiState.Idle)
            {
                if (GUILayout.Button("Leave"))
                    manager.Leave();
                return;
            }
            if (GUILayout.Button("Host"))
                manager.Host();
            code = EditorGUILayout.TextField("Join code", code);
            if (GUILayout.Button("Join"))
                manager.Join(code);
        }

        /// <summary>Figures change by themselves.</summary>
        public override bool RequiresConstantRepaint() { return Application.isPlaying; }
    }
}
