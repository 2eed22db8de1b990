using System;

namespace Musubi
{
    /// <summary>Where a guest wants to go: a join code as players type it, alone, behind "musubi://", or with a host's address in the
    /// local network: "E4K7Q2XM", "e4k7-q2xm", "musubi://E4K7Q2XM", "E4K7Q2XM@192.168.1.5".</summary>
    public readonly struct JoinCode
    {
        /// <summary>Before a code in an address.</summary>
        public const string Scheme = "musubi";

        private const int Least = 4, Most = 32; // characters; the server's codes have 8

        /// <summary>The code, without blanks and hyphens.</summary>
        public readonly string Code;

        /// <summary>The host's address in the local network; empty: the room is on the server, or is to be found.</summary>
        public readonly string LanAddress;

        private JoinCode(string code, string lanAddress)
        {
            Code = code;
            LanAddress = lanAddress;
        }

        /// <summary>Reads what a player typed. False with a sentence for people: it can't be a code.</summary>
        public static bool TryParse(string text, out JoinCode code, out string why)
        {
            string rest = (text ?? "").Trim(), lan = "";
            code = default(JoinCode);
            if (rest.StartsWith(Scheme + "://", StringComparison.OrdinalIgnoreCase))
                rest = rest.Substring(Scheme.Length + 3).TrimEnd('/');
            int at = rest.IndexOf('@');
            if (at >= 0)
            {
                lan = rest.Substring(at + 1).Trim();
                rest = rest.Substring(0, at);
            }
            rest = rest.Replace("-", "").Replace(" ", "");
            why = Fault(text, rest, at >= 0 && lan.Length == 0);
            if (why.Length > 0)
                return false;
            code = new JoinCode(rest.ToUpperInvariant(), lan);
            return true;
        }

        private static string Fault(string text, string code, bool noAddress)
        {
            if (code.Length == 0)
                return "no join code was given: the host's game shows it, eight letters and digits";
            bool readable = code.Length >= Least && code.Length <= Most && !noAddress;
            for (int i = 0; readable && i < code.Length; i++)
                readable = code[i] < 128 && char.IsLetterOrDigit(code[i]);
            if (readable && !code.Equals("localhost", StringComparison.OrdinalIgnoreCase))
                return "";
            return "\"" + text + "\" is not a join code: those are letters and digits like E4K7Q2XM, in the local network E4K7Q2XM@192.168.1.5";
        }

        /// <summary>The address form: "musubi://E4K7Q2XM".</summary>
        public override string ToString() { return Scheme + "://" + Code + (LanAddress.Length > 0 ? "@" + LanAddress : ""); }
    }
}
