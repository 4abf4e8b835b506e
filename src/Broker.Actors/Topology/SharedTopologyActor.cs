using System.Diagnostics;
using Broker.Actors.Exchanges;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Coordination;
using Broker.Machines.Topology;

namespace Broker.Actors.Topology;

/// <summary>
/// What <see cref="TopologyActor"/> is to a node by itself, on each node of a cluster: all share one metadata store. It decides by what it knows and commits that by compare-and-swap; what
/// other nodes commit it watches. Either way the entities of this node carry it out.
/// </summary>
/// <remarks>
/// A decision that changes nothing is committed too, as a question whether it still stands: so what a client was told by one node holds for its requests at every other. Requests of this node
/// that touch the same name wait for one another.
/// </remarks>
internal sealed partial class SharedTopologyActor : Actor
{
    private const int MostTries = 20;
    private const long Restoring = -1; // in place of an operation's number
    private static long s_lastOperation; // never used twice, so that nothing which an actor before a restart waited for is taken for something else
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10); // with entities, and with the watch
    private static readonly TimeSpan s_checkPatience = TimeSpan.FromSeconds(1); // with a store that is only asked whether a decision stands
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(10);
    private readonly NodeServices _node;
    private readonly IMetadataStore _metadata;
    private readonly MetadataSnapshot _first;
    private readonly Action _restored;
    private readonly string _fence;
    private readonly TopologyView _view;
    private readonly Dictionary<long, Operation> _operations = [];
    private readonly BusyNames _busy = new();
    private MetadataFollower? _follower;
    private readonly RouteBarrier? _barrier;
    private int _unsettledExchanges;
    private long _beganAt;

    /// <param name="node">The node.</param>
    /// <param name="metadata">What the nodes share.</param>
    /// <param name="first">What was declared when the node started.</param>
    /// <param name="restored">Called once all that is there on this node.</param>
    public SharedTopologyActor(NodeServices node, IMetadataStore metadata, MetadataSnapshot first, Action restored)
    {
        _node = node;
        _metadata = metadata;
        _first = first;
        _restored = restored;
        _barrier = node.Cluster?.Barrier;
        _fence = TopologyKeys.FenceOf(node.Options.NodeId);
        _view = new TopologyView(reason => node.Storage?.Notice(StoreNoticeSeverity.Warning, reason));
    }

    private enum Stage
    {
        /// <summary>A transaction is under way.</summary>
        Storing,

        /// <summary>The decision was based on what is no longer so; the watch is to tell what is.</summary>
        Behind,

        /// <summary>The queue is asked whether it may be deleted.</summary>
        Deleting,

        /// <summary>It stands; entities are asked to say when it is in force.</summary>
        Settling,

        /// <summary>It is in force here; the other nodes are to say so, too.</summary>
        Spreading,
    }

    /// <summary>A request under way.</summary>
    private sealed class Operation(long id, TopologyRequest request, ActorRef requester, IReadOnlyList<string> touched)
    {
        public long Id => id;

        public TopologyRequest Request => request;

        public ActorRef Requester => requester;

        /// <summary>Names that no other operation of this node may touch before its end.</summary>
        public IReadOnlyList<string> Touched => touched;

        /// <summary>It declares a queue whose name was made up here.</summary>
        public bool IsNamedHere { get; init; }

        public Stage Stage { get; set; }

        public TopologyReply Reply { get; set; } = new(Fault: null);

        /// <summary>Answers of entities that are still to come.</summary>
        public int Awaited { get; set; }

        public int Tries { get; set; }

        /// <summary>What the last decision was based on.</summary>
        public IReadOnlyList<MetadataCondition> Basis { get; set; } = [];

        /// <summary>Every node must have carried out what is declared up to this revision before it is answered.</summary>
        public long Revision { get; set; }

        /// <summary>The number of the queue that was asked to end; 0 if none was.</summary>
        public ulong Ending { get; set; }

        /// <summary>Whether that queue has ended.</summary>
        public bool HasEnded { get; set; }

        /// <summary>Exchanges that are to go with what was removed in the parts that took place, if nothing has been bound to them since.</summary>
        public HashSet<string> Doomed { get; } = new(StringComparer.Ordinal);

        /// <summary>Exchanges that it has changed.</summary>
        public HashSet<string> Exchanges { get; } = new(StringComparer.Ordinal);
    }

    /// <summary>How a transaction ended.</summary>
    private sealed record Committed(long OperationId, MetadataTransaction Transaction, bool IsPart, MetadataCommit? Commit, Exception? Failure);

    /// <summary>What there is after a transaction of which nobody knows whether it took place.</summary>
    private sealed record ReadBack(long OperationId, MetadataSnapshot? Snapshot, Exception? Failure);

    /// <summary>An operation has waited long enough.</summary>
    private sealed record Overdue(long OperationId);

    /// <summary>It is time to look whether everything is there.</summary>
    private sealed record Look
    {
        public static readonly Look Instance = new();
    }

    protected override void PreStart()
    {
        Context.Describe(() => $"{_operations.Count} operations under way, revision {_view.Revision}");
        _beganAt = _node.Options.TimeProvider.GetTimestamp();
        foreach (var exchange in _view.Machine.Exchanges.Where(e => !TopologyNames.IsDefault(e.Name)))
        {
            CarryOut(new TopologyChange.ExchangeAdded(exchange));
        }

        CarryOut(_view.Merge(_first));
        foreach (var exchange in _view.Machine.Exchanges.Where(e => !TopologyNames.IsDefault(e.Name)))
        {
            _unsettledExchanges++;
            TellExchange(exchange.Name, new ExchangeMessage.Settle(Restoring));
        }

        if (_barrier is not null)
        {
            var self = Self;
            _barrier.Moved = () => self.Tell(BarrierMoved.Instance);
        }

        Apply(_first.Revision);
        _follower = new MetadataFollower(Context, _metadata, TopologyKeys.Prefix, HandleRead, HandleChanged);
        _follower.BeginAfter(_first.Revision);
        Self.Tell(Look.Instance);
    }

    protected override void PostStop() => _follower?.Dispose();

    protected override void Receive(object message)
    {
        switch (message)
        {
            case TopologyRequest.List:
                Sender.Tell(TopologyListing.Of(_view.Machine), Self);
                break;
            case TopologyRequest request:
                Handle(request, Sender);
                break;
            case Committed m when _operations.TryGetValue(m.OperationId, out var operation):
                HandleCommitted(operation, m);
                break;
            case ReadBack m when _operations.TryGetValue(m.OperationId, out var operation):
                HandleReadBack(operation, m);
                break;
            case Committed or ReadBack:
                break; // of before a restart
            case ExchangeDone { OperationId: Restoring }:
                _unsettledExchanges--;
                break;
            case ExchangeDone m when _unapplied.Remove(m.OperationId):
                AdvanceApplied();
                break;
            case LookApplied:
                AdvanceApplied();
                break;
            case BarrierMoved:
                FinishSpread();
                break;
            case ExchangeDone m:
                Advance(m.OperationId);
                break;
            case QueueReply reply:
                HandleReply(reply);
                break;
            case TopologyMessage.StartQueues m:
                StartQueues(m.Shard);
                break;
            case TopologyMessage.ExchangeUnknown m:
                TellExchange(m.Exchange, ExchangeMessage.Restore.Of(_view.Machine, m));
                break;
            case Overdue m:
                HandleOverdue(m.OperationId);
                break;
            case Look:
                LookWhetherAllIsThere();
                break;
            default:
                if (!_follower!.TryHandle(message))
                {
                    Unhandled(message);
                }

                break;
        }
    }

    /// <summary>Queues come to be when they handle their start, and need not be reachable yet to be routed to.</summary>
    private void LookWhetherAllIsThere()
    {
        var all = _unsettledExchanges <= 0 && _view.Machine.Queues.All(q => _node.Queues.TryGet(q.Name, out _));
        if (all || _node.Options.TimeProvider.GetElapsedTime(_beganAt) > s_patience)
        {
            _restored();
        }
        else
        {
            Context.Timers.StartSingle(Look.Instance, Look.Instance, s_look);
        }
    }

    private void StartQueues(int shard)
    {
        foreach (var queue in _view.Machine.Queues.Where(q => StableHash.ShardOf(q.Name, _node.Options.ShardCount) == shard))
        {
            CarryOut(new TopologyChange.QueueAdded(queue));
        }
    }

    private void HandleRead(MetadataSnapshot snapshot)
    {
        CarryOut(_view.Merge(snapshot));
        Apply(snapshot.Revision);
        WakeThoseBehind(all: true);
    }

    private void HandleChanged(MetadataChange change)
    {
        CarryOut(_view.Watch(change));
        Apply(change.Revision);
        WakeThoseBehind(all: false);
    }

    private void WakeThoseBehind(bool all)
    {
        foreach (var operation in _operations.Values.Where(o => o.Stage == Stage.Behind && (all || !_view.Holds(o.Basis))).ToList())
        {
            if (operation.Stage == Stage.Behind)
            {
                Context.Timers.Cancel(operation);
                Decide(operation);
            }
        }
    }

    private void CarryOut(IReadOnlyList<TopologyChange> changes)
    {
        foreach (var change in changes)
        {
            CarryOut(change);
            NoteChanged(change);
        }
    }

    /// <summary>Tells the entity that a change is about. Nobody waits for its answer: whoever needs to know asks when all is told.</summary>
    private void CarryOut(TopologyChange change)
    {
        switch (change)
        {
            case TopologyChange.VhostAdded c:
                _node.Vhosts.Add(c.Vhost);
                TellBuiltIns(c.Vhost.Name, e => new ExchangeMessage.Start(0, e));
                break;
            case TopologyChange.VhostRemoved c:
                _node.RemoveVhost(c.Vhost);
                TellBuiltIns(c.Vhost, _ => new ExchangeMessage.Remove(0));
                break;
            case TopologyChange.ExchangeAdded c:
                TellExchange(c.Exchange.Name, new ExchangeMessage.Start(0, c.Exchange));
                break;
            case TopologyChange.ExchangeRemoved c:
                TellExchange(c.Exchange, new ExchangeMessage.Remove(0));
                break;
            case TopologyChange.BindingAdded c:
                TellExchange(c.Binding.Exchange, new ExchangeMessage.Bind(0, c.Binding));
                break;
            case TopologyChange.BindingRemoved c:
                TellExchange(c.Binding.Exchange, new ExchangeMessage.Unbind(0, c.Binding));
                break;
            case TopologyChange.QueueAdded c:
                TellQueue(c.Queue.Name, new QueueMessage.Start(0, c.Queue));
                break;
            case TopologyChange.QueueRemoved c:
                TellQueue(c.Queue, new QueueMessage.Forget());
                break;
            default:
                throw new UnreachableException($"topology change {change}");
        }
    }

    private void TellBuiltIns(string vhost, Func<ExchangeDefinition, ExchangeMessage> message)
    {
        foreach (var exchange in TopologyNames.BuiltInsOf(vhost).Where(e => !TopologyNames.IsDefault(e.Name)))
        {
            TellExchange(exchange.Name, message(exchange));
        }
    }

    private void TellExchange(string exchange, ExchangeMessage message) => _node.ExchangeRegion.Tell(new ShardEnvelope(exchange, message), Self);

    private void TellQueue(string queue, QueueMessage message) => _node.QueueRegion.Tell(new ShardEnvelope(queue, message), Self);
}
