using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Machines.Replication;

namespace Broker.Actors.Replication;

/// <summary>Another node, as a shard's replica sees it: the link to it, the shard's stream on that link, and what is to be sent. Belongs to the replica.</summary>
internal sealed class ReplicaPeer(string node)
{
    public string Node => node;

    public ActorRef? Link { get; set; }

    public bool IsUp { get; set; }

    /// <summary>Whether the link broke because the node's process has ended.</summary>
    public bool IsGone { get; set; }

    /// <summary>The stream; <c>null</c> while it is not open.</summary>
    public ShardSender? Sender { get; set; }

    /// <summary>Whether a stream was asked for and its end was not heard of. Until then there can be no other one.</summary>
    public bool IsRequested { get; set; }

    /// <summary>Whether a stream has ended although the link is up: what was on its way is lost, as if the link had broken.</summary>
    public bool MustBegin { get; set; }

    /// <summary>What is to be sent, in order.</summary>
    public Queue<Outgoing> Queue { get; } = new();

    /// <summary>Number of the read that the first of the queue waits for; 0: none.</summary>
    public long Reading { get; set; }

    /// <summary>Messages that came in parts, so far.</summary>
    public List<ReadOnlyMemory<byte>> Parts { get; } = [];

    /// <summary>What was to be sent is lost, and so is the stream.</summary>
    public void Drop()
    {
        Forget();
        Sender = null;
    }

    /// <summary>What was to be sent is of no use any more. The other node drops what it has of a message in parts with the next one.</summary>
    public void Forget()
    {
        Queue.Clear();
        Reading = 0;
    }

    /// <summary>Puts a message before all others.</summary>
    public void SendBefore(Outgoing.Bytes message, bool dropFirst)
    {
        var rest = Queue.ToArray();
        Queue.Clear();
        Queue.Enqueue(message);
        foreach (var item in dropFirst ? rest.Skip(1) : rest)
        {
            Queue.Enqueue(item);
        }
    }

    /// <summary>Something to be sent.</summary>
    internal abstract class Outgoing
    {
        /// <summary>A message that is complete.</summary>
        public sealed class Bytes(ReadOnlyMemory<byte> message) : Outgoing
        {
            public ReadOnlyMemory<byte> Rest { get; set; } = message;

            /// <summary>Whether a part of it was sent; the rest has no first byte of its own any more.</summary>
            public bool IsContinued { get; set; }
        }

        /// <summary>Records, in as many messages as it takes.</summary>
        public sealed class Records(ReplicaMessage.Records message, ulong last) : Outgoing
        {
            public ReplicaMessage.Records Message => message;

            public ulong Last => last;

            /// <summary>The next one to be sent.</summary>
            public ulong Next { get; set; } = message.First;
        }

        /// <summary>The state of the whole shard.</summary>
        public sealed class State(SnapshotReader snapshot) : Outgoing
        {
            public SnapshotReader Snapshot => snapshot;
        }
    }
}
