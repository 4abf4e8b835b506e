using System.Globalization;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Simulation.Tests.Cluster.Checkers;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>What queues there are, and those with arguments, or that are purged and deleted.</summary>
internal sealed partial class ClusterWorld
{
    private const string SourceName = "source";
    private const string BoundedName = "bounded";
    private const string PassingName = "passing";
    private static readonly QueueArguments s_lasting = QueueArguments.None with { DeliveryLimit = -1 };
    private static readonly TimeSpan s_patienceOfRequests = TimeSpan.FromMilliseconds(1500);
    private readonly List<ClusterQueue> _queues = [];
    private readonly HashSet<ulong> _ending = []; // numbers of queues that were asked for to be deleted
    private int _lastQueue;

    private void DeclareAll()
    {
        for (var i = 0; i < Options.Queues; i++)
        {
            Declare(string.Create(CultureInfo.InvariantCulture, $"q{i + 1}"), s_lasting);
        }

        if (Options.Workload != ClusterWorkload.Features)
        {
            return;
        }

        // Names that hash to another shard.
        var name = Enumerable.Range(1, 100).Select(i => string.Create(CultureInfo.InvariantCulture, $"dead-{i}")).First(n => ShardOf(n) != ShardOf(SourceName));
        var target = Declare(name, s_lasting);
        target.Source = Declare(
            SourceName, s_lasting with { DeadLetterExchange = "", DeadLetterRoutingKey = name, MessageTtl = Random.Next(2) == 0 ? Random.Next(300, 3000) : null }, target);
        Declare(BoundedName, s_lasting with { MaxLength = Random.Next(3, 30), Overflow = OverflowBehavior.RejectPublish });
        Declare(PassingName, s_lasting);
    }

    private int ShardOf(string queue) => StableHash.ShardOf(queue, Options.Placement.Shards);

    private ClusterQueue Declare(string name, QueueArguments arguments, ClusterQueue? target = null)
    {
        var queue = new ClusterQueue(
            new QueueDefinition(name, Durable: true, (ulong)++_lastQueue) { Arguments = arguments },
            ShardOf(name),
            new QueueFacts(name, () => string.Create(CultureInfo.InvariantCulture, $"[{Now.TotalMilliseconds:0}]")),
            new PublisherOrder(name)) { Target = target };
        _queues.Add(queue);
        return queue;
    }

    /// <summary>Now and then somebody has the one queue purged, or deleted.</summary>
    private void ActOnPassing(ClusterQueue queue)
    {
        if (queue.IsDeleting || FindServing(queue) is not ({ } life, { } local))
        {
            return;
        }

        queue.Facts.OnPurging();
        if (Random.Next(3) > 0)
        {
            Seen.Count("purges");
            local.Actor.Tell(new QueueMessage.Purge(), life.System.ActorOf(Props.Create(() => new Requester(OnPurged))));
            return;
        }

        queue.IsDeleting = true;
        _ending.Add(queue.Definition.Id);
        Delete(queue);
    }

    /// <summary>Asks for it, and asks again until somebody says that it is done.</summary>
    private void Delete(ClusterQueue queue)
    {
        if (queue.IsDeleted)
        {
            return;
        }

        queue.Facts.OnPurging(); // what has come since the last time, too
        if (FindServing(queue) is ({ } life, { } local))
        {
            local.Actor.Tell(new QueueMessage.Delete(1, IfUnused: false, IfEmpty: false), life.System.ActorOf(Props.Create(() => new Requester(answer => OnDeleted(queue, answer)))));
        }

        Later(s_patienceOfRequests, () => Delete(queue));
    }

    private void OnPurged(object answer) => Seen.Count("purges that were answered", answer is QueueReply.Purged { Fault: null } ? 1 : 0);

    /// <summary>The name is free, and somebody declares it anew: another queue, whose number nobody has had.</summary>
    private void OnDeleted(ClusterQueue queue, object answer)
    {
        if (answer is not QueueReply.Deleted || queue.IsDeleted)
        {
            return;
        }

        Trace($"{queue.Name} was deleted");
        queue.IsDeleted = true;
        _queues.Remove(queue);
        Later(Delay(0, 300), () =>
        {
            Declare(queue.Name, queue.Arguments);
            Seen.Count("queues declared anew");
            foreach (var member in Members)
            {
                member.Life?.TellOfDeclarations();
            }
        });
    }

    /// <summary>Everything was taken out of each queue, but for those that dead letters come to; when these have come, those as well.</summary>
    private void CheckContents(ClusterQueue queue, IReadOnlyList<Simulation.Tests.Checkers.MessageId> found)
    {
        SettledStaysSettled.Check(queue.Facts, found);
        NothingTwice.Check(queue.Facts, found);
        NoConfirmedMessageLost.Check(
            queue.Facts,
            found,
            id => queue.Target?.Facts.Messages.ContainsKey(id) ?? false);
    }

    private sealed class Requester(Action<object> answered) : Actor
    {
        protected override void Receive(object message)
        {
            answered(message);
            Context.Stop(Self);
        }
    }
}
