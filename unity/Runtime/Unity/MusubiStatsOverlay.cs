using System.Collections.Generic;
using System.Text;
using UnityEngine;

namespace Musubi
{
    /// <summary>Draws the figures of every connection into a corner of the screen: way, round trip, jitter, loss, rates, queue. Of all
    /// clients of the program, also of the transports'.</summary>
    [AddComponentMenu("Musubi/Musubi Stats Overlay")]
    [DisallowMultipleComponent]
    public sealed class MusubiStatsOverlay : MonoBehaviour
    {
        /// <summary>Seconds between two looks.</summary>
        [Tooltip("Seconds between two updates. Each one allocates a little memory for its text.")]
        [Range(0.1f, 5)]
        public float Interval = 0.5f;

        /// <summary>Height of the letters, pixels.</summary>
        [Tooltip("Height of the letters, pixels.")]
        [Range(8, 40)]
        public int FontSize = 14;

        private readonly List<Client> clients = new List<Client>();
        private readonly StringBuilder text = new StringBuilder();
        private readonly GUIContent content = new GUIContent("");
        private GUIStyle style;
        private float next;

        /// <summary>What it shows.</summary>
        public string Text { get { return content.text; } }

        private void Update()
        {
            if (Time.unscaledTime < next)
                return;
            next = Time.unscaledTime + Interval;
            text.Length = 0;
            LiveClients.CopyTo(clients);
            foreach (Client c in clients)
                StatsText.Append(text, c);
            clients.Clear();
            content.text = text.Length == 0 ? "Musubi: no client" : text.ToString();
        }

        private void OnGUI()
        {
            const int Margin = 8;
            if (style == null)
            {
                style = new GUIStyle(GUI.skin.box);
                style.alignment = TextAnchor.UpperLeft;
            }
            style.fontSize = FontSize;
            Vector2 size = style.CalcSize(content);
            GUI.Box(new Rect(Margin, Margin, size.x, size.y), content, style);
        }
    }
}
