using System;

namespace Musubi
{
    /// <summary>What happens in a star.</summary>
    public enum StarEventKind
    {
        /// <summary>Nothing.</summary>
        None,

        /// <summary>Host: the room is open; <see cref="StarEvent.Text"/> is its join code.</summary>
        Opened,

        /// <summary>Id is connected: a guest, or for a guest the host.</summary>
        Connected,

        /// <summary>A message from Id.</summary>
        Data,

        /// <summary>Id is gone. Exactly one follows each Connected; a guest that was never connected gets one as well.</summary>
        Disconnected,

        /// <summary>Something went wrong that ends nothing, in words: a message too large, the server lost in mid-game.</summary>
        Trouble,

        /// <summary>Host: it is over, or could not begin. Every guest got its Disconnected before.</summary>
        Ended,
    }

    /// <summary>One thing that happened in a star.</summary>
    public struct StarEvent
    {
        /// <summary>What.</summary>
        public StarEventKind Kind;

        /// <summary>Whom it concerns: 1 and up are guests, <see cref="Star.HostId"/> is the host.</summary>
        public int Id;

        /// <summary>The message of Data. Valid until the next poll.</summary>
        public ArraySegment<byte> Payload;

        /// <summary>How the message was sent.</summary>
        public DeliveryMode Mode;

        /// <summary>Why, for Disconnected, Trouble and Ended.</summary>
        public ResultCode Code;

        /// <summary>Of Disconnected: this side wanted it.</summary>
        public bool ByUs;

        /// <summary>A sentence, the join code of Opened, or the user id of Connected.</summary>
        public string Text;
    }
}
