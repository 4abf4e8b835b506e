using System.Globalization;
using Broker.Actors.Cluster;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>Stands for what starts the queues of a shard where it is served: in another epoch, anew, and only when those of the one before have ended.</summary>
internal sealed class SimulatedQueues(ClusterWorld world, NodeServices services) : Actor
{
    private readonly Dictionary<int, (long Epoch, HashSet<ActorRef> Actors)> _served = [];
    private readonly Dictionary<ActorRef, int> _shardOf = [];

    private sealed record Noticed(int Shard);

    protected override SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Stopping;

    protected override void PreStart() => services.Cluster!.Shards.Subscribe(Self);

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
            foreach (var actor in actors)
            {
                Context.Stop(actor);
            }

            return; // until they have ended
        }

        _served[shard] = (epoch, actors);
        foreach (var queue in epoch > 0 ? world.Declared.Where(q => q.Shard == shard) : [])
        {
            var actor = Context.ActorOf(Props.Create(() => new QueueActor(queue.Name, services)), string.Create(CultureInfo.InvariantCulture, $"{queue.Name}-{epoch}"));
            actors.Add(actor);
            _shardOf.Add(actor, shard);
            Context.Watch(actor);
            actor.Tell(new QueueMessage.Start(0, queue.Definition), Self);
        }
    }
}
