using System;

namespace Musubi
{
    /// <summary>One message of <see cref="Client.SendBatch"/>.</summary>
    public struct Outgoing
    {
        /// <summary>A connected peer.</summary>
        public Peer Peer;

        /// <summary>Delivery promise.</summary>
        public DeliveryMode Mode;

        /// <summary>0 to 255.</summary>
        public int Channel;

        /// <summary>Where its bytes begin in the batch's data.</summary>
        public int Offset;

        /// <summary>How many they are.</summary>
        public int Size;

        /// <summary>Priority, NoWake, deadline.</summary>
        public SendFlags Flags;

        /// <summary>0, or a number that Delivered repeats.</summary>
        public ulong Id;

        /// <summary>As the library takes it. The bytes must lie within the data.</summary>
        internal unsafe NativeMessage Native(byte* data, int length)
        {
            if (Offset < 0 || Size < 0 || Offset > length - Size)
                throw new ArgumentOutOfRangeException("messages", "a message's bytes lie outside of the data");
            NativeMessage m = new NativeMessage();
            m.structSize = (uint)sizeof(NativeMessage);
            m.mode = (uint)Mode;
            m.channel = (uint)Channel;
            m.flags = Flags;
            m.peer = Peer.Id;
            m.id = Id;
            m.data = data + Offset;
            m.size = (uint)Size;
            return m;
        }
    }
}
