using System;

namespace Musubi
{
    /// <summary>One thing that happened. Which members count is said at each <see cref="EventKind"/>. An event, and the
    /// <see cref="Data"/> that it shows, ends with the next poll of its client or the client's disposal; after that its
    /// members throw InvalidOperationException. Copy what you keep.</summary>
    public readonly unsafe ref struct Event
    {
        private readonly Client client;
        private readonly int index;
        private readonly uint turn;

        internal Event(Client client, int index, uint turn)
        {
            this.client = client;
            this.index = index;
            this.turn = turn;
        }

        /// <summary>What happened.</summary>
        public EventKind Kind { get { return client == null ? EventKind.None : (EventKind)client.At(index, turn).kind; } }

        /// <summary>Why, for kinds that have a reason; Ok otherwise.</summary>
        public ResultCode Result { get { return (ResultCode)client.At(index, turn).code; } }

        /// <summary>The same as a number: also the other side's positive code of a close, the level of a log line (0 debug to
        /// 3 error), the most members of a host in the local network.</summary>
        public int Code { get { return client.At(index, turn).code; } }

        /// <summary>Whom it concerns.</summary>
        public Peer Peer { get { return new Peer(client.At(index, turn).peer); } }

        /// <summary>Members, messages, or the id given to Send: see the kind.</summary>
        public ulong Count { get { return client.At(index, turn).count; } }

        /// <summary>Payload of a message, join code, user id and so on: see the kind. No copy: it ends with the next poll.</summary>
        public ReadOnlySpan<byte> Data
        {
            get
            {
                ref NativeEvent e = ref client.At(index, turn);
                return new ReadOnlySpan<byte>(e.data, (int)e.dataSize);
            }
        }

        /// <summary>A sentence for people, in UTF-8. No copy: it ends with the next poll.</summary>
        public ReadOnlySpan<byte> TextUtf8
        {
            get
            {
                ref NativeEvent e = ref client.At(index, turn);
                return new ReadOnlySpan<byte>(e.text, (int)e.textSize);
            }
        }

        /// <summary>How a message was sent.</summary>
        public DeliveryMode Mode { get { return (DeliveryMode)client.At(index, turn).mode; } }

        /// <summary>Channel of a message, 0 to 255.</summary>
        public byte Channel { get { return client.At(index, turn).channel; } }

        /// <summary>The way data travels now.</summary>
        public Route Route { get { return (Route)client.At(index, turn).route; } }

        /// <summary>Round trip, microseconds.</summary>
        public int RttUs { get { return (int)client.At(index, turn).rttUs; } }

        /// <summary>The NAT's mapping.</summary>
        public NatBehaviour NatMapping { get { return (NatBehaviour)client.At(index, turn).natMapping; } }

        /// <summary>The NAT's filtering.</summary>
        public NatBehaviour NatFiltering { get { return (NatBehaviour)client.At(index, turn).natFiltering; } }

        /// <summary>How the NAT chooses ports.</summary>
        public NatPorts NatPorts { get { return (NatPorts)client.At(index, turn).natPorts; } }

        /// <summary>Whether packets that come too early move a flow to another port.</summary>
        public Answer NatPoisonable { get { return (Answer)client.At(index, turn).natPoisonable; } }

        /// <summary>A new string of <see cref="TextUtf8"/>.</summary>
        public string GetText()
        {
            ref NativeEvent e = ref client.At(index, turn);
            return Utf8.Read(e.text, (int)e.textSize);
        }

        /// <summary>A new string of <see cref="Data"/> where that is text: a join code, a user id.</summary>
        public string GetDataText()
        {
            ref NativeEvent e = ref client.At(index, turn);
            return Utf8.Read(e.data, (int)e.dataSize);
        }

        /// <summary>A copy of <see cref="Data"/>.</summary>
        public byte[] GetDataCopy() { return Data.ToArray(); }
    }
}
