using System;

namespace Musubi
{
    /// <summary>Another client, as seen from this one. A number that is never used again for anybody else; nobody, or this
    /// client itself, is <see cref="None"/>.</summary>
    public readonly struct Peer : IEquatable<Peer>
    {
        /// <summary>Nobody, or this client itself.</summary>
        public static readonly Peer None = new Peer(0);

        /// <summary>The library's handle.</summary>
        public readonly ulong Id;

        /// <summary>A peer by the library's handle, as an event gave it.</summary>
        public Peer(ulong id) { Id = id; }

        /// <summary>Whether this is nobody, or this client itself.</summary>
        public bool IsNone { get { return Id == 0; } }

        /// <summary>Whether both are the same peer.</summary>
        public bool Equals(Peer other) { return Id == other.Id; }

        /// <summary>Whether the object is this peer.</summary>
        public override bool Equals(object other) { return other is Peer && ((Peer)other).Id == Id; }

        /// <summary>For dictionaries.</summary>
        public override int GetHashCode() { return Id.GetHashCode(); }

        /// <summary>The handle in hexadecimal, for logs.</summary>
        public override string ToString() { return "peer " + Id.ToString("x"); }

        /// <summary>Whether both are the same peer.</summary>
        public static bool operator ==(Peer a, Peer b) { return a.Id == b.Id; }

        /// <summary>Whether they are different peers.</summary>
        public static bool operator !=(Peer a, Peer b) { return a.Id != b.Id; }
    }
}
