using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Topology;

/// <summary>A topology whose plans take effect at once, in the order in which they are made, and which keeps what has changed.</summary>
internal sealed class AppliedTopology
{
    private readonly Queue<TopologyChange> _changes = new();

    public TopologyMachine Machine { get; } = new();

    public FrameFault? DeclareExchange(string name, string kind, bool passive = false, bool durable = true) =>
        Declare(new ExchangeDeclaration(name, kind, durable, passive));

    public FrameFault? Declare(ExchangeDeclaration exchange) => Apply(Machine.PlanDeclareExchange(exchange));

    public FrameFault? Declare(QueueDeclaration queue) => Apply(Machine.PlanDeclareQueue(queue));

    public FrameFault? Apply(TopologyPlan plan)
    {
        foreach (var change in plan.Changes)
        {
            Assert.True(Machine.Apply(change), $"{change} was planned and has no effect");
            _changes.Enqueue(change);
        }

        return plan.Fault;
    }

    public FrameFault? DeleteExchange(string name, bool ifUnused) => Apply(Machine.PlanDeleteExchange(name, ifUnused));

    public FrameFault? DeclareQueue(string name, bool passive = false, bool durable = true) => Declare(new QueueDeclaration(name, durable, passive));

    public FrameFault? DeclareNamedByServer(string name) => Apply(Machine.PlanDeclareNamedByServer(new QueueDeclaration(name)));

    public FrameFault? DeleteQueue(string name) => Apply(Machine.PlanQueueDeleted(name));

    public FrameFault? Bind(Binding binding) => Apply(Machine.PlanBind(binding));

    public FrameFault? Unbind(Binding binding) => Apply(Machine.PlanUnbind(binding));

    /// <summary>What has changed since the last call.</summary>
    public List<TopologyChange> Changes()
    {
        var changes = _changes.ToList();
        _changes.Clear();
        return changes;
    }
}
