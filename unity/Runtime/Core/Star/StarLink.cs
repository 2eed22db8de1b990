using System;
using System.Buffers;
using System.Collections.Generic;

namespace Musubi
{
    /// <summary>One connection of a star: what waits to be sent, and the long message that is being put together.
    /// <para>A reliable message of <see cref="Limits.MaxReliable"/> bytes or more travels as ordered pieces of exactly that size and a
    /// last one that is smaller, perhaps empty. So no message needs a header, and none is copied to get one.</para></summary>
    internal sealed class StarLink
    {
        internal readonly int Id;
        internal readonly Peer Peer;
        internal readonly string Name;
        internal bool Closing; // the game is done with it; it stays until what waits has left

        private struct Waiting
        {
            internal byte[] Buffer;
            internal int Size;
            internal DeliveryMode Mode;
        }

        private readonly Queue<Waiting> waiting = new Queue<Waiting>();
        private long waitingBytes;
        private byte[] pieces; // null: no long message under way
        private int piecesSize;

        internal StarLink(int id, Peer peer, string name)
        {
            Id = id;
            Peer = peer;
            Name = name;
        }

        internal bool IsWaiting { get { return waiting.Count > 0; } }

        /// <summary>Sends, or keeps a reliable message until there is room. Limit: too much waits.</summary>
        internal ResultCode Send(Client client, ArraySegment<byte> data, DeliveryMode mode, StarOptions options)
        {
            bool reliable = mode == DeliveryMode.ReliableOrdered || mode == DeliveryMode.ReliableUnordered;
            if (data.Count > (reliable ? options.MaxMessage : Limits.MaxUnreliable))
                return ResultCode.TooLarge;
            if (!reliable)
                return client.Send(Peer, mode, 0, data, SendFlags.NoWake);
            if (data.Count >= Limits.MaxReliable)
                mode = DeliveryMode.ReliableOrdered;
            for (int offset = 0; ; offset += Limits.MaxReliable)
            {
                int size = Math.Min(Limits.MaxReliable, data.Count - offset);
                ResultCode code = Put(client, new ReadOnlySpan<byte>(data.Array, data.Offset + offset, size), mode, options);
                if (code != ResultCode.Ok || size < Limits.MaxReliable)
                    return code;
            }
        }

        private ResultCode Put(Client client, ReadOnlySpan<byte> data, DeliveryMode mode, StarOptions options)
        {
            if (waiting.Count == 0)
            {
                ResultCode code = client.Send(Peer, mode, 0, data, SendFlags.NoWake);
                if (code != ResultCode.WouldBlock)
                    return code;
            }
            if (waitingBytes + data.Length > options.MaxWaiting)
                return ResultCode.Limit;
            Waiting w = new Waiting();
            w.Buffer = ArrayPool<byte>.Shared.Rent(Math.Max(1, data.Length));
            w.Size = data.Length;
            w.Mode = mode;
            data.CopyTo(w.Buffer);
            waiting.Enqueue(w);
            waitingBytes += w.Size;
            return ResultCode.Ok;
        }

        /// <summary>Sends what waits, as far as there is room.</summary>
        internal void Drain(Client client)
        {
            while (waiting.Count > 0)
            {
                Waiting w = waiting.Peek();
                if (client.Send(Peer, w.Mode, 0, new ReadOnlySpan<byte>(w.Buffer, 0, w.Size), SendFlags.NoWake) == ResultCode.WouldBlock)
                    return;
                waiting.Dequeue();
                waitingBytes -= w.Size;
                ArrayPool<byte>.Shared.Return(w.Buffer);
            }
        }

        /// <summary>Forgets what waits.</summary>
        internal void Clear()
        {
            while (waiting.Count > 0)
                ArrayPool<byte>.Shared.Return(waiting.Dequeue().Buffer);
            waitingBytes = 0;
            pieces = null;
        }

        /// <summary>Takes what was received. True: payload is a whole message, in the given buffer or one of its own. TooLarge: the
        /// other side sends more than a message may have.</summary>
        internal bool Receive(ReadOnlySpan<byte> data, DeliveryMode mode, int most, ref byte[] buffer, out ArraySegment<byte> payload, out ResultCode fault)
        {
            bool piece = mode == DeliveryMode.ReliableOrdered && data.Length == Limits.MaxReliable;
            fault = ResultCode.Ok;
            payload = default(ArraySegment<byte>);
            if (pieces == null && !piece || mode != DeliveryMode.ReliableOrdered)
            {
                if (buffer.Length < data.Length)
                    buffer = new byte[Grown(data.Length)];
                data.CopyTo(buffer);
                payload = new ArraySegment<byte>(buffer, 0, data.Length);
                return true;
            }
            int size = (pieces == null ? 0 : piecesSize) + data.Length;
            if (size > most)
            {
                fault = ResultCode.TooLarge;
                return false;
            }
            Append(data, size);
            if (piece)
                return false;
            payload = new ArraySegment<byte>(pieces, 0, piecesSize);
            pieces = null;
            return true;
        }

        private void Append(ReadOnlySpan<byte> data, int size)
        {
            if (pieces == null)
            {
                pieces = new byte[2 * Limits.MaxReliable];
                piecesSize = 0;
            }
            if (pieces.Length < size)
                Array.Resize(ref pieces, Grown(size));
            data.CopyTo(new Span<byte>(pieces, piecesSize, data.Length));
            piecesSize = size;
        }

        private static int Grown(int size)
        {
            int n = 4096;
            while (n < size)
                n *= 2;
            return n;
        }
    }
}
