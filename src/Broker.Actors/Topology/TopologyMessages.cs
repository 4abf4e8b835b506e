using System.Buffers.Text;
using System.Security.Cryptography;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>What the <see cref="TopologyActor"/> is asked, by request streams and admin commands. Answer to each: <see cref="TopologyReply"/>, once the change is in force.</summary>
internal abstract record TopologyRequest
{
    private protected TopologyRequest()
    {
    }

    /// <summary>What it is about, told apart by kind: requests that share one of these are carried out one after the other.</summary>
    public IReadOnlyList<string> Touched => this switch
    {
        DeclareExchange r => ["x" + r.Name],
        DeleteExchange r => ["x" + r.Name],
        DeclareQueue r => r.Name.Length > 0 ? ["q" + r.Name] : [],
        DeleteQueue r => ["q" + r.Name],
        Bind r => ["x" + r.Binding.Exchange, "q" + r.Binding.Queue],
        Unbind r => ["x" + r.Binding.Exchange, "q" + r.Binding.Queue],
        _ => [],
    };

    /// <summary>Declare an exchange; passive only asks for it.</summary>
    public sealed record DeclareExchange(string Name, string Type, bool Durable, bool Passive) : TopologyRequest;

    /// <summary>Delete an exchange.</summary>
    public sealed record DeleteExchange(string Name, bool IfUnused) : TopologyRequest;

    /// <summary>Declare a queue; an empty name asks for one made up here.</summary>
    public sealed record DeclareQueue(string Name, bool Durable, bool Passive) : TopologyRequest
    {
        /// <summary>Makes a name up that no other queue has.</summary>
        public static string MakeName() => $"{TopologyNames.ReservedPrefix}gen-{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16))}";
    }

    /// <summary>Delete a queue.</summary>
    public sealed record DeleteQueue(string Name, bool IfUnused, bool IfEmpty) : TopologyRequest
    {
        /// <summary>The queue has asked for it, as nobody uses it: only if that is so still.</summary>
        public bool IfUnwanted { get; init; }

        /// <summary>Only the queue of this number, and not another one that has its name by now; 0: whichever has it.</summary>
        public ulong OnlyId { get; init; }
    }

    /// <summary>Bind a queue to an exchange.</summary>
    public sealed record Bind(Binding Binding) : TopologyRequest;

    /// <summary>Remove a binding.</summary>
    public sealed record Unbind(Binding Binding) : TopologyRequest;

    /// <summary>For listings. Answer: <see cref="TopologyListing"/>.</summary>
    public sealed record List : TopologyRequest;
}

/// <summary>How a request ended.</summary>
/// <param name="Fault"><c>null</c>: it is done.</param>
/// <param name="Name">The queue's name, for a declaration.</param>
/// <param name="Messages">The queue's ready messages, for a declaration; for a deletion, those that went with it.</param>
/// <param name="Consumers">The queue's consumers, for a declaration.</param>
internal sealed record TopologyReply(FrameFault? Fault, string Name = "", long Messages = 0, int Consumers = 0);

/// <summary>Everything that is declared.</summary>
internal sealed record TopologyListing(IReadOnlyList<ExchangeDefinition> Exchanges, IReadOnlyList<QueueDefinition> Queues, IReadOnlyList<Binding> Bindings);

/// <summary>What else the <see cref="TopologyActor"/> is told.</summary>
internal abstract record TopologyMessage
{
    private protected TopologyMessage()
    {
    }

    /// <summary>By routing: the entities of the shard's queues have ended and are to be started anew, for this node has begun or ceased to lead it. No answer.</summary>
    public sealed record StartQueues(int Shard) : TopologyMessage;

    /// <summary>By an exchange that does not know what it is, as it has failed. Answer: <see cref="Exchanges.ExchangeMessage.Restore"/>, or that it is to end.</summary>
    /// <param name="Exchange">Its name.</param>
    /// <param name="LostOperationId">The operation whose message it failed at; 0 if there is none.</param>
    public sealed record ExchangeUnknown(string Exchange, long LostOperationId) : TopologyMessage;
}
