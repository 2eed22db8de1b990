using System;
using System.Buffers;
using System.Collections.Generic;

namespace Musubi
{
    /// <summary>Messages between the host and a player in the same program, in one direction. Nothing is lost and nothing waits for the
    /// network; buffers are used again. One thread.</summary>
    public sealed class StarLocalLink
    {
        private struct Message
        {
            internal byte[] Buffer;
            internal int Size;
            internal DeliveryMode Mode;
        }

        private readonly Queue<Message> messages = new Queue<Message>();
        private byte[] lent; // of the message that was taken last

        /// <summary>Keeps a copy of a message.</summary>
        public void Send(ArraySegment<byte> data, DeliveryMode mode)
        {
            Message m = new Message();
            m.Buffer = ArrayPool<byte>.Shared.Rent(Math.Max(1, data.Count));
            m.Size = data.Count;
            m.Mode = mode;
            new ReadOnlySpan<byte>(data.Array, data.Offset, data.Count).CopyTo(m.Buffer);
            messages.Enqueue(m);
        }

        /// <summary>Takes the oldest message, valid until the next call.</summary>
        public bool TryTake(out ArraySegment<byte> data, out DeliveryMode mode)
        {
            GiveBack();
            if (messages.Count == 0)
            {
                data = default(ArraySegment<byte>);
                mode = 0;
                return false;
            }
            Message m = messages.Dequeue();
            lent = m.Buffer;
            data = new ArraySegment<byte>(m.Buffer, 0, m.Size);
            mode = m.Mode;
            return true;
        }

        /// <summary>Forgets what waits.</summary>
        public void Clear()
        {
            GiveBack();
            while (messages.Count > 0)
                ArrayPool<byte>.Shared.Return(messages.Dequeue().Buffer);
        }

        private void GiveBack()
        {
            if (lent != null)
                ArrayPool<byte>.Shared.Return(lent);
            lent = null;
        }
    }
}
