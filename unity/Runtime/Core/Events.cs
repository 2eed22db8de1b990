namespace Musubi
{
    /// <summary>The events that wait, for foreach: <c>foreach (Event e in client.Poll())</c>. Takes them one by one, also those
    /// that come meanwhile, and ends quietly when the client is disposed inside the loop. Makes no garbage.</summary>
    public readonly struct Events
    {
        private readonly Client client;

        internal Events(Client client) { this.client = client; }

        /// <summary>For foreach.</summary>
        public Enumerator GetEnumerator() { return new Enumerator(client); }

        /// <summary>For foreach.</summary>
        public ref struct Enumerator
        {
            private readonly Client client;
            private Event current;

            internal Enumerator(Client client)
            {
                this.client = client;
                current = default(Event);
            }

            /// <summary>The event that was taken last.</summary>
            public Event Current { get { return current; } }

            /// <summary>Takes the next event; false: none is left.</summary>
            public bool MoveNext() { return !client.IsDisposed && client.TryPoll(out current); }
        }
    }
}
