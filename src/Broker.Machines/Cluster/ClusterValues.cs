namespace Broker.Machines.Cluster;

/// <summary>What all nodes of a cluster must have in common; written by the first one.</summary>
/// <param name="Name">Name of the cluster; 1 to <see cref="NodeRegistration.MaxTextLength"/> characters.</param>
/// <param name="Shards">Number of shards; at least 1. What hashes to a shard is in that shard's log, so it is fixed.</param>
/// <param name="Created">When the cluster began.</param>
public sealed record ClusterInfo(string Name, int Shards, DateTimeOffset Created);

/// <summary>What is asked of a node, and where it is; outlives its lease.</summary>
/// <param name="State">What is asked of it.</param>
/// <param name="Zone">What it may have in common with others that fail together with it; may be empty.</param>
public sealed record NodeStanding(NodeState State, string Zone);

/// <summary>The smaller values of the cluster as they stand in the metadata store (docs/cluster.md, "Values").</summary>
public static class ClusterValues
{
    private static readonly string[] s_states = ["up", "draining", "leaving", "down"]; // in the order of NodeState

    private sealed class Parts
    {
        public string Text { get; set; } = "";
        public string State { get; set; } = "";

        public string Zone { get; set; } = "";

        public int Shards { get; set; }

        public long Number { get; set; }

        public Guid Store { get; set; }
    }

    /// <summary>The word for a state.</summary>
    public static string WordOf(NodeState state) => s_states[(int)state];

    /// <summary>The state of a word.</summary>
    /// <exception cref="ClusterFormatException">There is none.</exception>
    public static NodeState StateOf(string word) =>
        Array.IndexOf(s_states, word) is var number and >= 0 ? (NodeState)number : throw new ClusterFormatException($"its state '{word}' is unknown");

    /// <summary>The value of <see cref="ClusterKeys.Cluster"/>.</summary>
    public static byte[] Write(ClusterInfo cluster)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        return ClusterValueWriter.Write(json =>
        {
            json.WriteString("name", cluster.Name);
            json.WriteNumber("shards", cluster.Shards);
            json.WriteString("created", cluster.Created.UtcDateTime);
        });
    }

    /// <summary>The value of <see cref="ClusterKeys.OfStanding"/>.</summary>
    public static byte[] Write(NodeStanding standing)
    {
        ArgumentNullException.ThrowIfNull(standing);
        return ClusterValueWriter.Write(json =>
        {
            json.WriteString("state", WordOf(standing.State));
            json.WriteString("zone", standing.Zone);
        });
    }

    /// <summary>The value of <see cref="ClusterKeys.Coordinator"/>.</summary>
    public static byte[] Write(NodeLife coordinator) => ClusterValueWriter.Write(json =>
    {
        json.WriteString("node", coordinator.Node);
        ClusterValueWriter.WriteIncarnation(json, coordinator.Incarnation);
    });

    /// <summary>The value of <see cref="ClusterKeys.OfUncleanElection"/>.</summary>
    public static byte[] Write(ReplicaId order) => ClusterValueWriter.Write(json =>
    {
        json.WriteString("node", order.Node);
        json.WriteString("store", order.Store);
    });

    /// <summary>The value of <see cref="ClusterKeys.EpochFloor"/>.</summary>
    public static byte[] WriteEpochFloor(long epoch) => ClusterValueWriter.Write(json => json.WriteNumber("epoch", epoch));

    /// <summary>What all nodes have in common.</summary>
    /// <exception cref="ClusterFormatException">The value is none of these, or lacks something.</exception>
    public static ClusterInfo ReadCluster(ReadOnlySpan<byte> value)
    {
        var created = new string[1];
        var parts = new Parts();
        ClusterValueReader.ReadValue(value, (parts, created), static (ref ClusterValueReader reader, string member, (Parts Parts, string[] Created) into) =>
        {
            switch (member)
            {
                case "name":
                    into.Parts.Text = reader.Text();
                    return true;
                case "shards":
                    into.Parts.Shards = reader.Int32();
                    return true;
                case "created":
                    into.Created[0] = reader.Text();
                    return true;
                default:
                    return false;
            }
        });
        if (!DateTimeOffset.TryParse(created[0], System.Globalization.CultureInfo.InvariantCulture, out var time))
        {
            throw new ClusterFormatException("it does not say when the cluster was created");
        }

        return parts.Text.Length == 0 ? throw new ClusterFormatException("the cluster has no name")
            : parts.Shards < 1 ? throw new ClusterFormatException($"the cluster has {parts.Shards} shards; it must have at least 1")
            : new ClusterInfo(parts.Text, parts.Shards, time);
    }

    /// <summary>What is asked of a node.</summary>
    /// <exception cref="ClusterFormatException">The value is none of these, or lacks something.</exception>
    public static NodeStanding ReadStanding(ReadOnlySpan<byte> value)
    {
        var parts = Read(value);
        return new NodeStanding(StateOf(parts.State), parts.Zone);
    }

    /// <summary>Who decides.</summary>
    /// <exception cref="ClusterFormatException">The value is none of these, or lacks something.</exception>
    public static NodeLife ReadCoordinator(ReadOnlySpan<byte> value)
    {
        var parts = Read(value);
        return parts.Text.Length > 0 && parts.Number > 0 ? new NodeLife(parts.Text, parts.Number) : throw new ClusterFormatException("it does not say which node in which life");
    }

    /// <summary>Who is to lead, whatever is lost.</summary>
    /// <exception cref="ClusterFormatException">The value is none of these, or lacks something.</exception>
    public static ReplicaId ReadUncleanElection(ReadOnlySpan<byte> value)
    {
        var parts = Read(value);
        return parts.Text.Length > 0 && parts.Store != Guid.Empty ? new ReplicaId(parts.Text, parts.Store) : throw new ClusterFormatException("it does not say which node with which store");
    }

    /// <summary>The highest epoch that was used before the metadata was restored.</summary>
    /// <exception cref="ClusterFormatException">The value is none of these, or lacks something.</exception>
    public static long ReadEpochFloor(ReadOnlySpan<byte> value) => Read(value).Number;

    private static Parts Read(ReadOnlySpan<byte> value)
    {
        var parts = new Parts();
        ClusterValueReader.ReadValue(value, parts, static (ref ClusterValueReader reader, string member, Parts into) =>
        {
            switch (member)
            {
                case "node":
                    into.Text = reader.Text();
                    return true;
                case "state":
                    into.State = reader.Text();
                    return true;
                case "zone":
                    into.Zone = reader.Text();
                    return true;
                case "incarnation":
                    into.Number = reader.Incarnation();
                    return true;
                case "store":
                    into.Store = reader.Guid();
                    return true;
                case "epoch":
                    into.Number = reader.Int64();
                    return true;
                default:
                    return false;
            }
        });
        return parts;
    }
}
