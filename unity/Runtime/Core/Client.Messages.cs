using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Musubi
{
    public sealed unsafe partial class Client
    {
        // What the last native poll handed out, next..count not yet given to the game. The array is managed, so that nobody can
        // free it under an event; what its pointers point at is the library's, hence turn, which changes with every poll.
        private readonly NativeEvent[] polled = new NativeEvent[64];
        private int next, count;
        private uint turn;
        private readonly List<Peer> connected = new List<Peer>(); // as far as the game has polled

        /// <summary>Sends a message to a connected peer. The data is copied before the call returns.</summary>
        /// <param name="peer">a connected peer</param>
        /// <param name="mode">delivery promise</param>
        /// <param name="channel">0 to 255</param>
        /// <param name="data">at most <see cref="Limits.MaxReliable"/> or <see cref="Limits.MaxUnreliable"/> bytes</param>
        /// <param name="flags">priority, NoWake, deadline (see <see cref="Deadline"/>)</param>
        /// <param name="id">0, or any number of yours: one Delivered event repeats it</param>
        /// <returns>Ok: accepted. WouldBlock: queue or send budget full, Writable follows. NotConnected, Peer: the peer is not
        /// connected yet or any more. TooLarge, Value: the arguments.</returns>
        public ResultCode Send(Peer peer, DeliveryMode mode, int channel, ReadOnlySpan<byte> data, SendFlags flags = 0, ulong id = 0)
        {
            int code;
            fixed (byte* p = &MemoryMarshal.GetReference(data))
                code = NativeMethods.musubi_send(Handle, peer.Id, (uint)mode, (uint)channel, p, (uint)data.Length, (uint)flags, id);
            return Alive(code);
        }

        /// <summary>Sends several messages, whose bytes lie in one piece of data, in their order and with one wake. Makes no
        /// garbage.</summary>
        /// <returns>How many were accepted, from the front: less than all if one was refused. Send the rest again to learn why;
        /// if the first is refused, this is its negative <see cref="ResultCode"/>.</returns>
        public int SendBatch(ReadOnlySpan<Outgoing> messages, ReadOnlySpan<byte> data)
        {
            const int Most = 32; // at a time: 1.5 KiB of stack
            NativeMessage* native = stackalloc NativeMessage[Most];
            ulong h = Handle;
            int done = 0;

            fixed (byte* p = &MemoryMarshal.GetReference(data))
                while (done < messages.Length)
                {
                    int n = Math.Min(Most, messages.Length - done);
                    for (int i = 0; i < n; i++)
                        native[i] = messages[done + i].Native(p, data.Length);
                    int accepted = NativeMethods.musubi_send_batch(h, native, (uint)n);
                    if (accepted < 0)
                        return done > 0 ? done : (int)Alive(accepted);
                    done += accepted;
                    if (accepted < n)
                        break;
                }
            return done;
        }

        /// <summary>Sends a message to every connected peer, with one wake. Makes no garbage.</summary>
        /// <param name="mode">delivery promise</param>
        /// <param name="channel">0 to 255</param>
        /// <param name="data">the message</param>
        /// <param name="flags">as in <see cref="Send"/></param>
        /// <param name="refused">receives those whose queue or budget is full, who have to be sent to again after Writable, and
        /// Peer.None behind the last; may be empty</param>
        /// <returns>The number of peers for which it was accepted, or a negative <see cref="ResultCode"/>.</returns>
        public int Broadcast(DeliveryMode mode, int channel, ReadOnlySpan<byte> data, SendFlags flags = 0, Span<Peer> refused = default(Span<Peer>))
        {
            int code;
            fixed (byte* p = &MemoryMarshal.GetReference(data))
            fixed (Peer* r = &MemoryMarshal.GetReference(refused))
                code = NativeMethods.musubi_broadcast(Handle, (uint)mode, (uint)channel, p, (uint)data.Length, (uint)flags, (ulong*)r,
                    (uint)refused.Length);
            return (int)Alive(code);
        }

        /// <summary>A deadline for <see cref="Send"/> in unreliable modes: milliseconds, 1 to 65535, after which a message that has
        /// not left is dropped. To be joined with other flags by |.</summary>
        public static SendFlags Deadline(int ms)
        {
            if (ms < 1 || ms > 0xffff)
                throw new ArgumentOutOfRangeException("ms", "a deadline is 1 to 65535 milliseconds");
            return (SendFlags)((uint)ms << Limits.SendDeadlineShift);
        }

        /// <summary>Wakes the library if messages sent with NoWake may be waiting. Once a frame, after the sends.</summary>
        public ResultCode Flush() { return Alive(NativeMethods.musubi_flush(Handle)); }

        private static ResultCode Alive(int code)
        {
            if (code == (int)ResultCode.Handle)
                throw Disposed();
            return (ResultCode)code;
        }

        /// <summary>Waits until a poll has something, at most timeoutMs milliseconds; -1: no limit. For tools and servers; a game
        /// polls once a frame instead. Blocks; returns whether there is an event.</summary>
        public bool Wait(int timeoutMs)
        {
            int code = NativeMethods.musubi_wait(Handle, next < count ? 0 : (uint)timeoutMs);
            Check("wait", code);
            return code == 1 || next < count;
        }

        /// <summary>The events that wait, for foreach.</summary>
        public Events Poll()
        {
            if (IsDisposed)
                throw Disposed();
            return new Events(this);
        }

        /// <summary>Takes the oldest event, and ends the one before. False: none waits. One thread at a time: a second one gets a
        /// <see cref="MusubiException"/> with Busy, if it is noticed.</summary>
        public bool TryPoll(out Event e)
        {
            ulong h = Handle;
            unchecked { turn++; }
            if (next >= count && !Refill(h))
            {
                e = default(Event);
                return false;
            }
            Follow(polled[next].kind, new Peer(polled[next].peer));
            e = new Event(this, next++, turn);
            return true;
        }

        /// <summary>How many peers are connected, as far as their events were polled.</summary>
        public int PeerCount { get { return connected.Count; } }

        /// <summary>One of the connected peers, 0 to <see cref="PeerCount"/> - 1, in the order in which they came.</summary>
        public Peer GetPeer(int index) { return connected[index]; }

        private void Follow(EventKind kind, Peer peer)
        {
            if (kind == EventKind.PeerConnected)
                connected.Add(peer);
            else if (kind == EventKind.PeerClosed)
                connected.Remove(peer);
        }

        private bool Refill(ulong h)
        {
            int n;
            next = count = 0;
            fixed (NativeEvent* p = polled)
                n = NativeMethods.musubi_poll(h, p, (uint)polled.Length);
            if (n < 0)
                Check("poll", n);
            count = n;
            return n > 0;
        }

        /// <summary>An event's fields, as long as they are valid.</summary>
        internal ref NativeEvent At(int index, uint when)
        {
            if (when != turn)
                throw new InvalidOperationException("this event's data is no longer valid: it lives until the next poll or the client's disposal");
            return ref polled[index];
        }
    }
}
