using System;
using System.Text;

namespace Musubi
{
    /// <summary>Between C#'s strings and the library's UTF-8 that ends in a zero byte.</summary>
    internal static unsafe class Utf8
    {
        /// <summary>The text with a zero byte behind it; null stays null, which the library takes for "none".</summary>
        internal static byte[] Zero(string text)
        {
            if (text == null)
                return null;
            if (text.IndexOf('\0') >= 0)
                throw new ArgumentException("a text for the library may not contain a zero character");
            byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
            Encoding.UTF8.GetBytes(text, 0, text.Length, bytes, 0);
            return bytes;
        }

        internal static string Read(byte* text, int size) { return size == 0 ? "" : Encoding.UTF8.GetString(text, size); }

        /// <summary>A text that ends in a zero byte; null for NULL.</summary>
        internal static string Read(byte* text)
        {
            int size = 0;
            if (text == null)
                return null;
            while (text[size] != 0)
                size++;
            return Read(text, size);
        }
    }
}
