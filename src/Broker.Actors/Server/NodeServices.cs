using Broker.Actors.Admin;
using Broker.Actors.Connections;
using Broker.Actors.Exchanges;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;

namespace Broker.Actors.Server;

/// <summary>What the actors of one node share. Everything here is immutable or thread-safe; it is set up before the first connection is accepted.</summary>
internal sealed class NodeServices
{
    public NodeServices(BrokerServerOptions options)
    {
        Options = options;
        Limits = options.Limits;
        Queues = new QueueDirectory();
        Routes = new RouteTable(Queues);
        Memory = new MemoryGate(options.Limits.MaxMemoryBytes);
        Connections = new ConnectionRegistry();
    }

    public BrokerServerOptions Options { get; }

    public BrokerLimits Limits { get; }

    public QueueDirectory Queues { get; }

    public RouteTable Routes { get; }

    public MemoryGate Memory { get; }

    public ConnectionRegistry Connections { get; }

    public ActorRef ExchangeRegion { get; set; } = ActorRef.NoSender;

    public ActorRef QueueRegion { get; set; } = ActorRef.NoSender;

    public ActorRef Topology { get; set; } = ActorRef.NoSender;

    public AdminCommands Commands { get; set; } = AdminCommands.None;
}
