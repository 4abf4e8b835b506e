using System.Globalization;
using Broker.Actors.Cluster;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>
/// Stands for what starts the queues of a shard where it is served: in another epoch, anew, and only when those of the one before have ended. Where it is not served, a queue that dead
/// letters go to has
/// a <see cref="SimulatedRoute"/> in its place.
/// </summary>
internal sealed class SimulatedQueues(ClusterWorld world, NodeServices services) : Actor
{
    private readonly Dictionary<int, (long Epoch, Dictionary<ActorRef, ulong> Actors)> _served = [];
    private readonly Dictionary<ActorRef, int> _shardOf = [];
    private readonly Dictionary<string, ActorRef> _routes = [];

    private sealed record Noticed(int Shard);

    /// <summary>Queues were declared or deleted.</summary>
    public sealed record DeclarationsChanged
    {
        public static readonly DeclarationsChanged Instance = new();
    }

    protected override SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Stopping;

    protected override void PreStart()
    {
        services.Cluster!.Shards.Subscribe(Self);
        foreach (var queue in world.Declared.Where(q => q.Source is not null))
        {
            var target = queue;
            _routes.Add(queue.Name, Context.ActorOf(Props.Create(() => new SimulatedRoute(world, target)), $"route-{queue.Name}"));
            StandIn(queue);
        }
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ShardChanged m when world.Random.Next(4) == 0:
                Context.Timers.StartSingle(m.Shard, new Noticed(m.Shard), world.Delay(0, 400)); // whoever serves no more does so a little longer
                break;
            case ShardChanged m:
                Look(m.Shard);
                break;
            case Noticed m:
                Look(m.Shard);
                break;
            case DeclarationsChanged:
                foreach (var (shard, (epoch, _)) in _served.ToList())
                {
                    if (epoch > 0 && epoch == services.Cluster!.Shards[shard].ServingEpoch)
                    {
                        StartThose(shard);
                    }
                }

                break;
            case Passivate:
                Context.Stop(Sender); // it was deleted
                break;
            case Terminated m when _shardOf.Remove(m.Actor, out var shard):
                _served[shard].Actors.Remove(m.Actor);
                Look(shard);
                break;
            default:
                break; // answers of queues
        }
    }

    private void Look(int shard)
    {
        var epoch = services.Cluster!.Shards[shard].ServingEpoch;
        var (before, actors) = _served.GetValueOrDefault(shard, (0, []));
        if (epoch == before)
        {
            return;
        }

        if (actors.Count > 0)
        {
            foreach (var actor in actors.Keys)
            {
                Context.Stop(actor);
            }

            return; // until they have ended
        }

        _served[shard] = (epoch, actors);
        if (epoch > 0)
        {
            StartThose(shard);
        }
        else
        {
            foreach (var queue in world.Declared.Where(q => q.Shard == shard && q.Source is not null))
            {
                StandIn(queue);
            }
        }
    }

    private void StartThose(int shard)
    {
        var (epoch, actors) = _served[shard];
        foreach (var queue in world.Declared.Where(q => q.Shard == shard && !actors.ContainsValue(q.Definition.Id) && !q.IsDeleted))
        {
            var actor = Context.ActorOf(
                Props.Create(() => new QueueActor(queue.Name, services)), string.Create(CultureInfo.InvariantCulture, $"{queue.Name}-{queue.Definition.Id}-{epoch}"));
            actors.Add(actor, queue.Definition.Id);
            _shardOf.Add(actor, shard);
            Context.Watch(actor);
            actor.Tell(new QueueMessage.Start(0, queue.Definition), Self);
        }
    }

    private void StandIn(ClusterQueue queue) => services.Queues.Add(new LocalQueue(queue.Definition, _routes[queue.Name], new QueueStatus(), IsLocal: false));
}
