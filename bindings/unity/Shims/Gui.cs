using System;

namespace UnityEngine
{
    public struct Rect
    {
        public float x, y, width, height;
        public Rect(float x, float y, float width, float height) { this.x = x; this.y = y; this.width = width; this.height = height; }
    }

    public static class Screen
    {
        public static int width { get { return 1920; } }
        public static int height { get { return 1080; } }
    }

    public enum TextAnchor { UpperLeft, UpperCenter, UpperRight, MiddleLeft, MiddleCenter, MiddleRight, LowerLeft, LowerCenter, LowerRight }

    public sealed class GUIContent
    {
        public string text, tooltip;
        public GUIContent() { }
        public GUIContent(string text) { this.text = text; }
        public GUIContent(string text, string tooltip) { this.text = text; this.tooltip = tooltip; }
    }

    public sealed class GUIStyleState { public Color textColor { get; set; } }

    public sealed class GUIStyle
    {
        public GUIStyle() { normal = new GUIStyleState(); }
        public GUIStyle(GUIStyle other) : this() { }
        public int fontSize { get; set; }
        public bool wordWrap { get; set; }
        public bool richText { get; set; }
        public TextAnchor alignment { get; set; }
        public GUIStyleState normal { get; set; }
        public Vector2 CalcSize(GUIContent content) { return new Vector2(content.text.Length * 7, 16); }
        public float CalcHeight(GUIContent content, float width) { return 16; }
        public static implicit operator GUIStyle(string name) { return new GUIStyle(); }
    }

    public sealed class GUISkin
    {
        public GUIStyle label { get { return new GUIStyle(); } }
        public GUIStyle box { get { return new GUIStyle(); } }
    }

    public static class GUI
    {
        /// <summary>Of the tests: the button that somebody presses, once, and all text that was drawn.</summary>
        public static string PressShim;
        public static readonly System.Text.StringBuilder DrawnShim = new System.Text.StringBuilder();

        public static GUISkin skin { get { return new GUISkin(); } }
        public static Color color { get; set; }
        public static bool enabled { get; set; }
        public static void Label(Rect position, string text) { DrawnShim.AppendLine(text); }
        public static void Label(Rect position, GUIContent content, GUIStyle style) { DrawnShim.AppendLine(content.text); }
        public static void Box(Rect position, string text) { }
        public static void Box(Rect position, GUIContent content, GUIStyle style) { DrawnShim.AppendLine(content.text); }

        internal static bool Button(string text)
        {
            DrawnShim.AppendLine(text);
            bool pressed = PressShim == text;
            PressShim = pressed ? null : PressShim;
            return pressed;
        }
    }

    public sealed class GUILayoutOption { }

    public static class GUILayout
    {
        public static void BeginArea(Rect screenRect) { }
        public static void EndArea() { }
        public static void BeginHorizontal(params GUILayoutOption[] options) { }
        public static void EndHorizontal() { }
        public static void BeginVertical(params GUILayoutOption[] options) { }
        public static void BeginVertical(GUIStyle style, params GUILayoutOption[] options) { }
        public static void EndVertical() { }
        public static void Space(float pixels) { }
        public static void FlexibleSpace() { }
        public static void Label(string text, params GUILayoutOption[] options) { GUI.DrawnShim.AppendLine(text); }
        public static void Label(string text, GUIStyle style, params GUILayoutOption[] options) { GUI.DrawnShim.AppendLine(text); }
        public static bool Button(string text, params GUILayoutOption[] options) { return GUI.Button(text); }
        public static bool Button(GUIContent content, params GUILayoutOption[] options) { return GUI.Button(content.text); }
        public static string TextField(string text, params GUILayoutOption[] options) { return text; }
        public static Vector2 BeginScrollView(Vector2 scrollPosition, params GUILayoutOption[] options) { return scrollPosition; }
        public static void EndScrollView() { }
        public static GUILayoutOption Width(float width) { return null; }
        public static GUILayoutOption Height(float height) { return null; }
        public static GUILayoutOption ExpandWidth(bool expand) { return null; }
    }
}
