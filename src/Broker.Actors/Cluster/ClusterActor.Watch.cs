using Broker.Actors.Runtime;
using Broker.Coordination;
using Broker.Machines.Cluster;

namespace Broker.Actors.Cluster;

/// <summary>Reading the cluster, and what follows from what is read.</summary>
internal sealed partial class ClusterActor
{
    private readonly Dictionary<string, string> _unreadable = new(StringComparer.Ordinal);
    private CancellationTokenSource? _watching;
    private int _reading; // which reading of everything it is; what comes of an earlier one is dropped
    private int _readFailures;
    private bool _isRead; // once

    private abstract record WatchMessage(int Reading);

    private sealed record WasRead(int Reading, IReadOnlyList<MetadataSnapshot> Snapshots) : WatchMessage(Reading);

    private sealed record Watched(int Reading, IAsyncEnumerator<MetadataChange> Watch, bool IsChange) : WatchMessage(Reading);

    private sealed record ReadingFailed(int Reading, Exception Reason) : WatchMessage(Reading);

    private sealed record ReadAgain(int Reading) : WatchMessage(Reading);

    private void Handle(WatchMessage message)
    {
        if (message.Reading != _reading)
        {
            return;
        }

        switch (message)
        {
            case WasRead m:
                Take(m.Snapshots);
                break;
            case Watched { IsChange: true } m:
                var change = m.Watch.Current;
                Next(m.Watch);
                Take(change);
                break;
            case Watched:
                ReadLater("a watch has ended");
                break;
            case ReadingFailed m:
                ReadLater(m.Reason.Message);
                break;
            case ReadAgain:
                Read();
                break;
        }
    }

    /// <summary>Reads everything, and then what changes.</summary>
    private void Read()
    {
        EndWatches();
        var reading = ++_reading;
        Context.PipeTo(ReadAllAsync(_metadata, _stopped.Token), all => new WasRead(reading, all), e => new ReadingFailed(reading, e));

        static async Task<IReadOnlyList<MetadataSnapshot>> ReadAllAsync(IMetadataStore metadata, CancellationToken stopped)
        {
            var all = new List<MetadataSnapshot>();
            foreach (var prefix in ClusterView.Prefixes)
            {
                all.Add(await metadata.ReadAsync(prefix, stopped));
            }

            return all;
        }
    }

    /// <summary>A watch that was too slow, or a store that failed: nothing is lost, as everything is read again.</summary>
    private void ReadLater(string why)
    {
        EndWatches();
        Publish("metadata", Name, $"reading what the cluster has agreed on again: {why}");
        Context.Timers.StartSingle(nameof(ReadAgain), new ReadAgain(++_reading), _retries.Delay(++_readFailures, _random.NextDouble()));
    }

    private void EndWatches()
    {
        _watching?.Cancel();
        _watching = null;
    }

    private void Take(IReadOnlyList<MetadataSnapshot> snapshots)
    {
        _readFailures = 0;
        var news = new List<ClusterNews>();
        _watching = new CancellationTokenSource();
        foreach (var (prefix, snapshot) in ClusterView.Prefixes.Zip(snapshots))
        {
            var present = snapshot.Values.Select(v => v.Key).ToHashSet(StringComparer.Ordinal);
            news.AddRange(_view.KeysOf(prefix).Where(key => !present.Contains(key)).Select(key => _view.Delete(key, snapshot.Revision)));
            news.AddRange(snapshot.Values.Select(Put));
            Next(_metadata.WatchAsync(prefix, snapshot.Revision, _watching.Token).GetAsyncEnumerator(CancellationToken.None));
        }

        var isFirst = !_isRead;
        _isRead = true;
        if (isFirst)
        {
            Publish("joined", Name, $"as {_life.Life.Incarnation:x16}, with {_view.Nodes.Count} nodes registered");
        }

        Follow(news);
    }

    private void Take(MetadataChange change) =>
        Follow([.. change.Deletes.Select(key => _view.Delete(key, change.Revision)), .. change.Puts.Select(Put)]);

    private void Next(IAsyncEnumerator<MetadataChange> watch)
    {
        var reading = _reading;
        Context.PipeTo(watch.MoveNextAsync(), isChange => new Watched(reading, watch, isChange), e => new ReadingFailed(reading, e));
    }

    /// <summary>A value that cannot be read is passed over, for what was known before is better than nothing, and told once.</summary>
    private ClusterNews Put(MetadataValue value)
    {
        try
        {
            return _view.Put(value);
        }
        catch (ClusterFormatException e)
        {
            if (!_unreadable.TryGetValue(value.Key, out var known) || known != e.Message)
            {
                _unreadable[value.Key] = e.Message;
                Publish("unreadable", value.Key, e.Message);
            }

            return default;
        }
    }

    /// <summary>What follows from what is different.</summary>
    private void Follow(IReadOnlyList<ClusterNews> news)
    {
        foreach (var item in news)
        {
            switch (item.Subject)
            {
                case ClusterSubject.Node:
                    FollowNode(item.Node);
                    break;
                case ClusterSubject.Standing:
                    Publish("state", item.Node, ClusterValues.WordOf(_view.StateOf(item.Node)));
                    FollowLink(item.Node);
                    break;
                case ClusterSubject.Shard:
                    FollowShard(item.Shard);
                    break;
                case ClusterSubject.Coordinator when _view.Coordinator is { Value: var life }:
                    Publish("coordinator", life.Node, $"decides, as {life.Incarnation:x16}");
                    break;
            }
        }

        if (news.Any(n => n.Subject != ClusterSubject.Nothing))
        {
            ConsiderOffice();
            LookSoon();
            ConsiderLeaving();
        }
    }

    private void FollowNode(string node)
    {
        var registered = _view.Nodes.GetValueOrDefault(node);
        if (node != Name)
        {
            var detail = registered is { Value: var r } ? $"registered as {r.Incarnation:x16} at {r.Addresses[0]}" : "its lease has ended";
            Publish(registered is null ? "node-down" : "node-up", node, detail);
            FollowLink(node);
        }
        else if (registered is null || (registered.Value.Incarnation != _life.Life.Incarnation && registered.Revision > _life.Revision))
        {
            // Deleted although the lease may stand here: a store that many share may do that, and it is what counts. Or another process has this store.
            EndLife(registered is null ? "its registration is gone" : $"{registered.Value.Incarnation:x16} has its name");
        }
    }

    private void FollowShard(int number)
    {
        if (number >= _cluster.Shards.Count || !_view.Shards.TryGetValue(number, out var stored))
        {
            return;
        }

        var before = _cluster.Shards[number];
        if (stored.Revision <= before.Revision)
        {
            return;
        }

        _cluster.Shards.SetAssignment(stored.Value, stored.Revision);
        _cluster.Replicas[number].Tell(new ReplicaCommand.Assigned(stored.Value, stored.Revision), Self);
        PublishShard(before.Assignment, stored.Value);
    }

    private void PublishShard(ShardAssignment? before, ShardAssignment after)
    {
        var subject = $"shard {after.Shard}";
        if (before?.Epoch != after.Epoch || before.Leader != after.Leader)
        {
            Publish(
                after.Leader is null ? "leaderless" : "elected",
                subject,
                after.Leader is { } leader ? $"{leader.Node} leads in epoch {after.Epoch}" : $"nobody leads; its in-sync replicas are on {Names(after.InSync.Select(r => r.Node))}");
        }

        if (before is not null && !before.InSync.SequenceEqual(after.InSync))
        {
            Publish("in-sync", subject, Names(after.InSync.Select(r => r.Node)));
        }

        if (before is not null && !before.Replicas.Order(StringComparer.Ordinal).SequenceEqual(after.Replicas.Order(StringComparer.Ordinal)))
        {
            Publish("moved", subject, $"its replicas are on {Names(after.Replicas)}");
        }

        static string Names(IEnumerable<string> nodes) => string.Join(", ", nodes);
    }

    private void Apply(ShardAssignment assignment, long revision) => Follow([_view.Put(assignment, revision)]);

    private void Apply(IReadOnlyList<MetadataValue> current) => Follow([.. current.Select(Put)]);
}
