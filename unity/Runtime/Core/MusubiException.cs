using System;

namespace Musubi
{
    /// <summary>A call that the library refused. The message is the library's own sentence, behind what was tried.</summary>
    public sealed class MusubiException : Exception
    {
        /// <summary>Why.</summary>
        public ResultCode Code { get; private set; }

        internal MusubiException(ResultCode code, string message) : base(message) { Code = code; }

        internal MusubiException(ResultCode code, string message, Exception inner) : base(message, inner) { Code = code; }
    }
}
