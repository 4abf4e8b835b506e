using Broker.Actors.Exchanges;
using Broker.Coordination;
using Broker.Machines.Topology;

namespace Broker.Actors.Topology;

/// <summary>How far this node has carried out what is declared, and the wait of a request until all nodes have.</summary>
internal sealed partial class SharedTopologyActor
{
    private readonly HashSet<string> _changedExchanges = new(StringComparer.Ordinal); // told of changes, and not asked yet when those are in force
    private static readonly TimeSpan s_queuePatience = TimeSpan.FromSeconds(2); // with a queue that does not come to be: others are not to wait for it for ever
    private readonly Dictionary<string, (ulong Id, long Since)> _comingQueues = new(StringComparer.Ordinal); // told to start, and perhaps not to be routed to yet
    private readonly SortedSet<long> _unapplied = []; // numbers of questions to exchanges that are not answered
    private readonly Queue<(long Revision, long LastQuestion)> _applying = new();

    /// <summary>Another node is further, or another one counts.</summary>
    private sealed record BarrierMoved
    {
        public static readonly BarrierMoved Instance = new();
    }

    /// <summary>It is time to look whether queues have come to be.</summary>
    private sealed record LookApplied
    {
        public static readonly LookApplied Instance = new();
    }

    private void NoteChanged(TopologyChange change)
    {
        switch (change)
        {
            case TopologyChange.BindingAdded { Binding.Exchange: var exchange }:
                _changedExchanges.Add(exchange);
                break;
            case TopologyChange.BindingRemoved { Binding.Exchange: var exchange }:
                _changedExchanges.Add(exchange);
                break;
            case TopologyChange.ExchangeAdded { Exchange.Name: var exchange }:
                _changedExchanges.Add(exchange);
                break;
            case TopologyChange.ExchangeRemoved { Exchange: var exchange }:
                _changedExchanges.Add(exchange);
                break;
            case TopologyChange.VhostAdded { Vhost.Name: var vhost }:
                _changedExchanges.UnionWith(TopologyNames.BuiltInsOf(vhost).Select(e => e.Name).Where(e => !TopologyNames.IsDefault(e)));
                break;
            case TopologyChange.QueueAdded { Queue: var queue }:
                _comingQueues[queue.Name] = (queue.Id, _node.Options.TimeProvider.GetTimestamp());
                break;
            case TopologyChange.QueueRemoved { Queue: var name }:
                _comingQueues.Remove(name);
                break;
            default:
                break;
        }
    }

    /// <summary>Everything up to a revision was told to the entities. When they have done it, this node says so.</summary>
    private void Apply(long revision)
    {
        if (_barrier is null)
        {
            return;
        }

        foreach (var exchange in _changedExchanges)
        {
            var question = Interlocked.Increment(ref s_lastOperation);
            _unapplied.Add(question);
            TellExchange(exchange, new ExchangeMessage.Settle(question));
        }

        _changedExchanges.Clear();
        _applying.Enqueue((revision, s_lastOperation));
        AdvanceApplied();
    }

    private void AdvanceApplied()
    {
        foreach (var (name, (id, since)) in _comingQueues.ToList())
        {
            if ((_node.Queues.TryGet(name, out var queue) && queue.Id >= id) || _node.Options.TimeProvider.GetElapsedTime(since) > s_queuePatience)
            {
                _comingQueues.Remove(name);
            }
        }

        if (_comingQueues.Count > 0)
        {
            Context.Timers.StartSingle(LookApplied.Instance, LookApplied.Instance, s_look);
            return;
        }

        var applied = 0L;
        while (_applying.TryPeek(out var next) && (_unapplied.Count == 0 || _unapplied.Min > next.LastQuestion))
        {
            applied = _applying.Dequeue().Revision;
        }

        _barrier!.Advance(applied);
    }

    /// <summary>What a decision without a change was based on was declared by then.</summary>
    private static long RevisionOf(MetadataTransaction transaction) => transaction.Conditions.Select(c => c.ModRevision).DefaultIfEmpty().Max();

    /// <summary>The request is in force on this node; it is answered when it is so on all.</summary>
    private void Spread(Operation operation)
    {
        if (_barrier is null || operation.Reply.Fault is not null || _barrier.Behind(operation.Revision).Count == 0)
        {
            Finish(operation);
            return;
        }

        operation.Stage = Stage.Spreading;
        Wait(operation);
    }

    private void FinishSpread()
    {
        foreach (var operation in _operations.Values.Where(o => o.Stage == Stage.Spreading && _barrier!.Behind(o.Revision).Count == 0).ToList())
        {
            Finish(operation);
        }
    }
}
