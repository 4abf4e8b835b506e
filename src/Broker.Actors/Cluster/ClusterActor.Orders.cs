using Broker.Actors.Runtime;
using Broker.Coordination;
using Broker.Machines.Cluster;
using Broker.Protocol;

namespace Broker.Actors.Cluster;

/// <summary>
/// What operators order when the cluster must not decide by itself. Each is decided by what the metadata store says at that moment, not by what this node knows of it: the transaction compares
/// everything that the decision depends on, and is decided anew when something has changed.
/// </summary>
internal sealed partial class ClusterActor
{
    private void Order(Task<FrameFault?> order, ActorRef asker) => Context.PipeTo(order, fault => new Answer(asker, fault), e => new Answer(asker, Unavailable(e)));

    private async Task<FrameFault?> OrderElectionAsync(ClusterCommand.OrderElection order)
    {
        while (true)
        {
            var shardKey = ClusterKeys.OfShard(order.Shard);
            var nodeKey = ClusterKeys.OfNode(order.Node);
            if (await _membership.FindAsync(shardKey, _stopped.Token) is not { } shardValue)
            {
                return new FrameFault(ErrorCode.NotFound, $"shard {order.Shard} is not assigned");
            }

            var nodes = await ReadNodesAsync();
            var shard = ShardAssignmentCodec.Read(shardValue.Value.Span);
            if (!nodes.TryGetValue(nodeKey, out var node))
            {
                return new FrameFault(ErrorCode.PreconditionFailed, $"node '{order.Node}' is not there: only a replica that is there can lead");
            }

            if (!shard.Replicas.Contains(order.Node))
            {
                return new FrameFault(ErrorCode.PreconditionFailed, $"node '{order.Node}' has no replica of shard {order.Shard}; {string.Join(", ", shard.Replicas)} have");
            }

            if (nodes.Values.FirstOrDefault(n => shard.InSync.Contains(ReplicaOf(n.Value)) && _view.StateOf(n.Value.Name) != NodeState.Down) is { } serving)
            {
                return new FrameFault(
                    ErrorCode.PreconditionFailed,
                    $"shard {order.Shard} can be led without loss: '{serving.Value.Name}' is there and in sync. An order is for when nobody who is in sync is");
            }

            var key = ClusterKeys.OfUncleanElection(order.Shard);
            var before = await _membership.FindAsync(key, _stopped.Token);
            var commit = await _metadata.CommitAsync(
                new MetadataTransaction
                {
                    Conditions =
                    [
                        new MetadataCondition(shardKey, shardValue.ModRevision),
                        new MetadataCondition(nodeKey, node.Revision),
                        new MetadataCondition(key, before?.ModRevision ?? 0),
                    ],
                    Operations = [MetadataOperation.Put(key, ClusterValues.Write(ReplicaOf(node.Value)))],
                },
                _stopped.Token);
            if (commit.Succeeded)
            {
                return null;
            }
        }
    }

    private async Task<FrameFault?> ForgetAsync(string name)
    {
        while (true)
        {
            var (nodeKey, key) = (ClusterKeys.OfNode(name), ClusterKeys.OfStanding(name));
            if (await _membership.FindAsync(key, _stopped.Token) is not { } standing)
            {
                return new FrameFault(ErrorCode.NotFound, $"there is no node '{name}' in the cluster");
            }

            if (await _membership.FindAsync(nodeKey, _stopped.Token) is not null)
            {
                return new FrameFault(ErrorCode.PreconditionFailed, $"node '{name}' is there. Stop it first; 'cluster leave' takes its replicas to others before");
            }

            var kept = (await _metadata.ReadAsync(ClusterKeys.Shards, _stopped.Token)).Values.Select(v => ShardAssignmentCodec.Read(v.Value.Span)).Count(s => s.Replicas.Contains(name));
            if (kept > 0)
            {
                return new FrameFault(ErrorCode.PreconditionFailed, $"node '{name}' still has {kept} replicas. 'cluster down' has them replaced, as far as other nodes have room");
            }

            // It gets no replica meanwhile: only nodes that are registered do, and that is compared.
            var commit = await _metadata.CommitAsync(
                new MetadataTransaction
                {
                    Conditions = [new MetadataCondition(key, standing.ModRevision), new MetadataCondition(nodeKey, 0)],
                    Operations = [MetadataOperation.Delete(key)],
                },
                _stopped.Token);
            if (commit.Succeeded)
            {
                return null;
            }
        }
    }

    private async Task<FrameFault?> RaiseEpochsAsync(long floor)
    {
        while (true)
        {
            var stored = await _membership.FindAsync(ClusterKeys.EpochFloor, _stopped.Token);
            if (stored is not null && ClusterValues.ReadEpochFloor(stored.Value.Span) is var before && before >= floor)
            {
                return before == floor ? null : new FrameFault(ErrorCode.PreconditionFailed, $"the floor is {before} already, and only rises");
            }

            var commit = await _metadata.CommitAsync(
                new MetadataTransaction
                {
                    Conditions = [new MetadataCondition(ClusterKeys.EpochFloor, stored?.ModRevision ?? 0)],
                    Operations = [MetadataOperation.Put(ClusterKeys.EpochFloor, ClusterValues.WriteEpochFloor(floor))],
                },
                _stopped.Token);
            if (commit.Succeeded)
            {
                return null;
            }
        }
    }

    private static ReplicaId ReplicaOf(NodeRegistration node) => new(node.Name, node.Store);

    private async Task<Dictionary<string, Stored<NodeRegistration>>> ReadNodesAsync() =>
        (await _metadata.ReadAsync(ClusterKeys.Nodes, _stopped.Token)).Values.ToDictionary(
            v => v.Key, v => new Stored<NodeRegistration>(NodeRegistrationCodec.Read(v.Value.Span), v.ModRevision), StringComparer.Ordinal);
}
