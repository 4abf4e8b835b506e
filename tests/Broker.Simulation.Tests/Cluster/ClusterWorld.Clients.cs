using Broker.Actors.Storage;
using Broker.Machines.Cluster;
using Broker.Actors.Cluster;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Simulation.Tests.Checkers;
using Broker.Simulation.Tests.Cluster.Checkers;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>What clients do, and what is checked when all is well again.</summary>
internal sealed partial class ClusterWorld
{
    private readonly IReadOnlyList<ClusterPublisher> _publishers;
    private readonly List<ClusterConsumer> _consumers = [];
    private readonly Dictionary<ClusterQueue, IReadOnlyList<MessageId>> _contents = []; // at the end
    private bool _isQuiet; // clients begin nothing new

    private void Act()
    {
        if (_isQuiet)
        {
            return;
        }

        if (ReadLog is not null && Random.Next(8) == 0)
        {
            ActOnLog(ReadLog);
            Later(Delay(1, 12), Act);
            return;
        }

        var queue = Queues[Random.Next(Queues.Count)];
        _consumers.RemoveAll(c => c.IsOver);
        switch (Random.Next(100))
        {
            case < 5 when queue.Name == PassingName:
                ActOnPassing(queue);
                break;
            case < 2:
                _publishers[Random.Next(_publishers.Count)].Reconnect(queue);
                break;
            case < 40 when queue.Source is null:
                _publishers[Random.Next(_publishers.Count)].Publish(queue);
                break;
            case < 48 when _consumers.Count < 6 && FindServing(queue) is ({ } life, { } local):
                _consumers.Add(new ClusterConsumer(this, queue, life, local.Actor));
                break;
            case < 70 when _consumers.Count > 0:
                _consumers[Random.Next(_consumers.Count)].Grant(Random.Next(1, 12));
                break;
            case < 97 when _consumers.Count > 0:
                _consumers[Random.Next(_consumers.Count)].Settle(Random);
                break;
            case < 99 when _consumers.Count > 0:
                _consumers[Random.Next(_consumers.Count)].Vanish();
                break;
            default:
                break;
        }

        Later(Delay(1, 12), Act);
    }

    private void Tend()
    {
        foreach (var publisher in _publishers)
        {
            publisher.Tend();
        }

        Later(TimeSpan.FromMilliseconds(50), Tend);
    }

    /// <summary>Everything is well again, and stays so: clients get their answers, queues are emptied, and all replicas have the same.</summary>
    private void Settle()
    {
        Await("every shard is served with all its replicas in sync", IsWell);
        _isQuiet = true;
        Await("queues that are to be deleted are", () => Queues.All(q => !q.IsDeleting) && (Options.Workload != ClusterWorkload.Features || Queues.Any(q => q.Name == PassingName)));
        Await("publishers with names get their answers", () => _publishers.All(p => p.Unconfirmed == 0));
        Await("every shard is served with all its replicas in sync", IsWell);
        _isFrozen = true;
        _consumers.ForEach(c => c.Vanish());
        Advance(TimeSpan.FromMilliseconds(300));
        Drain(Queues.Where(q => q.Source is null));
        Await("dead letters arrive", () => Queues.All(q => FindServing(q) is (_, { Status.DeadLettersUnderWay: 0 })));
        Drain(Queues.Where(q => q.Source is not null));
        CheckAllContents();
        if (ReadLog is not null)
        {
            ReadToTheEnd(ReadLog);
        }

        Await("logs are given up to their bounds", () => Members.All(m => m.Life!.Log.RetirementGoal() <= m.Life.Log.StartPosition));
        Members.ToList().ForEach(static m => m.Life!.ForgetStatuses()); // what they have said some time ago is not how they are
        Await("everything is at rest", IsAtRest);
        CheckReplicas();
        Collect();
    }

    private void Await(string what, Func<bool> isSo)
    {
        NothingStuck.Await(what, isSo, () => Now, () => Advance(TimeSpan.FromMilliseconds(100)));
        Trace(what);
    }

    private bool IsWell() => Members.All(m => m.IsRunning) && Enumerable.Range(0, Options.Placement.Shards).All(shard =>
        Metadata[shard] is ({ Leader: { } leader } assignment, _)
        && assignment.Replicas.Count == Options.Placement.Replicas
        && assignment.Replicas.Select(n => new ReplicaId(n, Members.Single(m => m.Name == n).Store)).ToHashSet().SetEquals(assignment.InSync)
        && Members.Where(m => m.Life!.Cluster.Shards[shard].ServingEpoch > 0).Select(m => m.Life!.Cluster.Identity.Life).SequenceEqual([leader])
        && Declared.Where(q => q.Shard == shard).All(q => Members.Count(m => m.Life!.Find(q) is not null) == 1));

    private void Drain(IEnumerable<ClusterQueue> queues)
    {
        Await("every queue has its actor", () => Queues.All(q => FindServing(q).Queue is not null)); // a leader may have changed last thing
        var drains = queues.Select(queue =>
        {
            var (life, local) = FindServing(queue);
            var consumer = new ClusterConsumer(this, queue, life!, local!.Actor);
            consumer.Grant(int.MaxValue);
            return (Queue: queue, Local: local, Consumer: consumer);
        }).ToList();
        foreach (var (queue, local, consumer) in drains)
        {
            Await($"a consumer with credit gets all of '{queue.Name}'", () =>
            {
                Assert.False(consumer.IsOver, $"the consumer of '{queue.Name}' has ended");
                return local.Status is { Ready: 0, Consumers: 1 } && (ulong)consumer.Received.Count == (ulong)local.Status.Unsettled;
            });
            _contents.Add(queue, consumer.Received);
        }
    }

    /// <summary>Once everything was taken out of all queues: what is not in one may be a dead letter in another.</summary>
    private void CheckAllContents()
    {
        foreach (var (queue, found) in _contents)
        {
            CheckContents(queue, found);
            if (queue.Source is { } source)
            {
                DeadLettersArrive.Check(source.Facts, queue.Facts, _contents[source], source.Arguments.MessageTtl is not null);
            }
        }
    }

    private bool IsAtRest() => Enumerable.Range(0, Options.Placement.Shards).All(shard =>
    {
        var indexes = Metadata[shard].Assignment!.Replicas.Select(n => Members.Single(m => m.Name == n).Life!).Select(l => StatusOf(l, shard)).ToList();
        return indexes.All(s => s == indexes[0] && s.Last == s.Committed);
    });

    private static (ulong Last, ulong Committed) StatusOf(MemberLife life, int shard) => (life.StatusOf(shard).Last, life.StatusOf(shard).Committed);

    private void CheckReplicas()
    {
        foreach (var member in Members)
        {
            for (var shard = 0; shard < Options.Placement.Shards; shard++)
            {
                member.Life!.Cluster.Replicas[shard].Tell(new ReplicaCommand.Checkpoint(ShardEntity.Of(shard), 0)); // puts on the disk how far it knows to be committed
            }
        }

        Advance(TimeSpan.FromMilliseconds(600)); // longer than any disk takes
        _links.Values.ToList().ForEach(NoUnboundedGrowth.Look);
        foreach (var member in Members)
        {
            var shards = new List<RecoveredShard>();
            NoFaults.Look(member.Life!);
            for (var shard = 0; shard < Options.Placement.Shards; shard++)
            {
                if (Metadata[shard].Assignment!.Replicas.Contains(member.Name))
                {
                    var read = ShardLogReader.Read(member.Life!.Log, member.Life.Storage.Options.Store, shard);
                    Assert.True(read.Problem is null, $"{member} cannot read shard {shard}: {read.Problem}\n{RecordsOf(member.Life, shard)}");
                    Assert.True(read.Committed == read.Log.Last, $"{member} knows {read.Committed} of {read.Log.Last} records of shard {shard} to be committed");
                    _equalReplicas.Look(member.Name, read);
                    shards.Add(read);
                }
            }

            NoUnboundedGrowth.Look(member.Life!, shards, [.. Declared]);
        }
    }

    /// <summary>Compares what one replica has in the middle of everything with what others had as of the same record.</summary>
    private void LookAtOne()
    {
        var (member, shard) = (Members[Random.Next(Members.Count)], Random.Next(Options.Placement.Shards));
        if (member is { Life: { Log.State: LogState.Running } life, IsDamaged: false, IsDoomed: false } && (Metadata[shard].Assignment?.InSync.Any(r => r.Node == member.Name) ?? false)
            && StatusOf(life, shard).Committed > 0) // before, a replica that is new may have nothing on its disk
        {
            _equalReplicas.Look(member.Name, ShardLogReader.Read(life.Log, life.Storage.Options.Store, shard));
        }
    }

    /// <summary>What the log of a node has of a shard, for the message of a failure.</summary>
    private static string RecordsOf(MemberLife life, int shard)
    {
        var records = new List<string>();
        life.Log.TryScan(
            header => ShardReplay.IsOf(header, shard),
            record => records.Add($"{record.Header.Position}: {record.Header.Kind} {record.Header.Entity:x} {record.Header.Index}, {record.Header.ShardIndex} of {record.Header.CommittedIndex}"),
            damage => records.Add(damage.ToString()));
        return string.Join('\n', records.Take(40));
    }

    private void Collect()
    {
        Seen.Count("confirmed", Queues.Sum(q => q.Facts.Count(f => f.Confirmed)));
        Seen.Count("settled", Queues.Sum(q => q.Facts.Count(f => f.SettledAt >= 0)));
        Seen.Count("redelivered", Queues.Sum(q => q.Facts.Count(f => f.Counts.Count > 1)));
        Seen.Count("replicas compared", _equalReplicas.Compared);
        Seen.Count("epochs", _oneLeader.Epochs);
        foreach (var member in Members)
        {
            Seen.Add(member.Life!);
        }
    }
}
