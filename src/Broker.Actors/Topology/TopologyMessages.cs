using System.Buffers.Text;
using System.Security.Cryptography;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>What the <see cref="TopologyActor"/> is asked, by request streams and admin commands. Answer to each: <see cref="TopologyReply"/>, once the change is in force.</summary>
/// <remarks>All names are with their vhost (<see cref="EntityName"/>).</remarks>
internal abstract record TopologyRequest
{
    private protected TopologyRequest()
    {
    }

    /// <summary>The connection that asks, for exclusive queues, named as their owners are; <c>null</c>: the broker itself or its operator.</summary>
    public string? Asker { get; init; }

    /// <summary>What it is about, told apart by kind: requests that share one of these are carried out one after the other.</summary>
    public IReadOnlyList<string> Touched => this switch
    {
        DeclareExchange r => ["x" + r.Name],
        DeleteExchange r => ["x" + r.Name],
        DeclareQueue r => r.IsUnnamed ? [] : ["q" + r.Name],
        DeleteQueue r => ["q" + r.Name],
        Bind r => TouchedBy(r.Binding),
        Unbind r => TouchedBy(r.Binding),
        AddVhost r => ["v" + r.Vhost.Name],
        RemoveVhost r => ["v" + r.Name],
        _ => [],
    };

    private static IReadOnlyList<string> TouchedBy(Binding binding) => binding.Kind == DestinationKind.Queue ? ["x" + binding.Exchange, "q" + binding.Destination]
        : binding.Exchange == binding.Destination ? ["x" + binding.Exchange]
        : ["x" + binding.Exchange, "x" + binding.Destination];

    /// <summary>Declare an exchange; passive only asks for it.</summary>
    public sealed record DeclareExchange(string Name, string Type, bool Durable, bool Passive) : TopologyRequest
    {
        /// <summary>It goes with the last binding from it.</summary>
        public bool AutoDelete { get; init; }

        /// <summary>Nobody can publish to it.</summary>
        public bool Internal { get; init; }

        /// <summary>See <see cref="ExchangeArguments"/>.</summary>
        public FieldTable Arguments { get; init; } = FieldTable.Empty;

        /// <summary>For the machine.</summary>
        public ExchangeDeclaration Declaration => new(Name, Type, Durable, Passive) { AutoDelete = AutoDelete, Internal = Internal, Arguments = Arguments };
    }

    /// <summary>Delete an exchange.</summary>
    public sealed record DeleteExchange(string Name, bool IfUnused) : TopologyRequest;

    /// <summary>Declare a queue; a name that is empty within its vhost asks for one made up here.</summary>
    public sealed record DeclareQueue(string Name, bool Durable, bool Passive) : TopologyRequest
    {
        /// <summary>It goes with its last consumer.</summary>
        public bool AutoDelete { get; init; }

        /// <summary>Only who asks may use it, and it goes with that connection.</summary>
        public bool Exclusive { get; init; }

        /// <summary>See <see cref="Broker.Machines.Queues.QueueArguments"/>.</summary>
        public FieldTable Arguments { get; init; } = FieldTable.Empty;

        /// <summary>Whether a name is to be made up.</summary>
        public bool IsUnnamed => !Passive && EntityName.LocalOf(Name).Length == 0;

        /// <summary>For the machine.</summary>
        public QueueDeclaration Declaration => new(Name, Durable, Passive) { AutoDelete = AutoDelete, Exclusive = Exclusive, Arguments = Arguments, Asker = Asker };

        /// <summary>The same with a made-up name that no other queue has.</summary>
        public DeclareQueue WithMadeUpName() =>
            this with { Name = EntityName.Beside(Name, $"{TopologyNames.ReservedPrefix}gen-{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16))}") };
    }

    /// <summary>Delete a queue.</summary>
    public sealed record DeleteQueue(string Name, bool IfUnused, bool IfEmpty) : TopologyRequest
    {
        /// <summary>The queue has asked for it, as nobody uses it: only if that is so still.</summary>
        public bool IfUnwanted { get; init; }

        /// <summary>Only the queue of this number, and not another one that has its name by now; 0: whichever has it.</summary>
        public ulong OnlyId { get; init; }
    }

    /// <summary>Bind a queue or an exchange to an exchange.</summary>
    public sealed record Bind(Binding Binding) : TopologyRequest;

    /// <summary>Remove a binding.</summary>
    public sealed record Unbind(Binding Binding) : TopologyRequest;

    /// <summary>Make a vhost.</summary>
    public sealed record AddVhost(VhostDefinition Vhost) : TopologyRequest;

    /// <summary>Remove a vhost in which there is nothing any more: see <see cref="VhostRemoval"/>. Refused with PRECONDITION_FAILED if there is.</summary>
    public sealed record RemoveVhost(string Name) : TopologyRequest;

    /// <summary>For listings. Answer: <see cref="TopologyListing"/>.</summary>
    public sealed record List : TopologyRequest;
}

/// <summary>How a request ended.</summary>
/// <param name="Fault"><c>null</c>: it is done.</param>
/// <param name="Name">The queue's name with its vhost, for a declaration.</param>
/// <param name="Messages">The queue's ready messages, for a declaration; for a deletion, those that went with it.</param>
/// <param name="Consumers">The queue's consumers, for a declaration.</param>
internal sealed record TopologyReply(FrameFault? Fault, string Name = "", long Messages = 0, int Consumers = 0);

/// <summary>Everything that is declared.</summary>
internal sealed record TopologyListing(IReadOnlyList<ExchangeDefinition> Exchanges, IReadOnlyList<QueueDefinition> Queues, IReadOnlyList<Binding> Bindings)
{
    /// <summary>The vhosts that all that is in.</summary>
    public IReadOnlyList<VhostDefinition> Vhosts { get; init; } = [];

    /// <summary>Of a machine.</summary>
    public static TopologyListing Of(TopologyMachine machine) => new([.. machine.Exchanges], [.. machine.Queues], [.. machine.Bindings]) { Vhosts = [.. machine.Vhosts] };
}

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
