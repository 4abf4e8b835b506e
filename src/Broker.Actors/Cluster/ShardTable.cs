using Broker.Actors.Runtime;
using Broker.Machines.Cluster;

namespace Broker.Actors.Cluster;

/// <summary>What this node knows of one shard.</summary>
/// <param name="Shard">Its number.</param>
/// <param name="Assignment">Who has it; <c>null</c> while that is not known.</param>
/// <param name="Revision">Of the assignment in the metadata store; 0 while there is none.</param>
/// <param name="ServingEpoch">The epoch in which this node leads it and serves its queues; 0 if it does not.</param>
internal sealed record ShardView(int Shard, ShardAssignment? Assignment, long Revision, long ServingEpoch)
{
    /// <summary>Whether this node leads it, with all that was committed.</summary>
    public bool IsServing => ServingEpoch > 0;
}

/// <summary>To subscribers of a <see cref="ShardTable"/>: a shard's view has changed; look it up, for there may have been more changes since.</summary>
internal sealed record ShardChanged(int Shard);

/// <summary>The shards as this node sees them. Thread-safe. Assignments are written by the cluster's actor, who serves by the shards' replicas.</summary>
internal sealed class ShardTable
{
    private readonly Lock _lock = new();
    private readonly ShardView[] _views;
    private readonly List<ActorRef> _subscribers = [];

    public ShardTable(int count) => _views = [.. Enumerable.Range(0, count).Select(shard => new ShardView(shard, null, 0, 0))];

    public int Count => _views.Length;

    public ShardView this[int shard] => Volatile.Read(ref _views[shard]);

    /// <summary>An assignment was read; older revisions than the known one have no effect.</summary>
    public void SetAssignment(ShardAssignment assignment, long revision)
    {
        Change(assignment.Shard, view => revision > view.Revision ? view with { Assignment = assignment, Revision = revision } : view);
    }

    /// <summary>This node serves the shard in an epoch, or (0) does not any more.</summary>
    public void SetServing(int shard, long epoch) => Change(shard, view => view with { ServingEpoch = epoch });

    /// <summary>The actor is told <see cref="ShardChanged"/> of every shard now and of every change from now on.</summary>
    public void Subscribe(ActorRef subscriber)
    {
        lock (_lock)
        {
            _subscribers.Add(subscriber);
            for (var shard = 0; shard < _views.Length; shard++)
            {
                subscriber.Tell(new ShardChanged(shard));
            }
        }
    }

    private void Change(int shard, Func<ShardView, ShardView> change)
    {
        lock (_lock)
        {
            var before = _views[shard];
            var after = change(before);
            if (after == before)
            {
                return;
            }

            Volatile.Write(ref _views[shard], after);
            foreach (var subscriber in _subscribers)
            {
                subscriber.Tell(new ShardChanged(shard));
            }
        }
    }
}
