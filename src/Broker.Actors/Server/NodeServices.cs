using Broker.Actors.Admin;
using Broker.Actors.Connections;
using Broker.Actors.Exchanges;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;

namespace Broker.Actors.Server;

/// <summary>What the actors of one node share. Everything here is immutable or thread-safe; it is set up before the first connection is accepted.</summary>
internal sealed class NodeServices
{
    private long _unroutable;

    public NodeServices(BrokerServerOptions options)
    {
        Options = options;
        Limits = options.Limits;
        Queues = new QueueDirectory();
        Routes = new RouteTable(Queues);
        Memory = new MemoryGate(options.Limits.MaxMemoryBytes);
        Connections = new ConnectionRegistry();
    }

    /// <summary>By publisher streams.</summary>
    public void AddUnroutable(long count) => Interlocked.Add(ref _unroutable, count);

    public BrokerServerOptions Options { get; }

    public BrokerLimits Limits { get; }

    public QueueDirectory Queues { get; }

    public RouteTable Routes { get; }

    public MemoryGate Memory { get; }

    /// <summary>Messages that no queue wanted and nobody asked back, since the start.</summary>
    public long UnroutableCount => Volatile.Read(ref _unroutable);

    public ConnectionRegistry Connections { get; }

    public ActorRef ExchangeRegion { get; set; } = ActorRef.NoSender;

    public ActorRef QueueRegion { get; set; } = ActorRef.NoSender;

    public ActorRef Topology { get; set; } = ActorRef.NoSender;

    public AdminCommands Commands { get; set; } = AdminCommands.None;
}
