namespace Broker.Machines.Cluster;

/// <summary>A <see cref="ShardAssignment"/> as it stands in the metadata store (docs/cluster.md, "Values").</summary>
public static class ShardAssignmentCodec
{
    private sealed class Parts
    {
        public int? Shard { get; set; }

        public long Epoch { get; set; }

        public NodeLife? Leader { get; set; }

        public List<ReplicaId> InSync { get; } = [];

        public List<string> Replicas { get; } = [];
    }

    private sealed class NodeParts
    {
        public string Node { get; set; } = "";

        public long Incarnation { get; set; }

        public Guid Store { get; set; }
    }

    /// <summary>The value of an assignment.</summary>
    /// <exception cref="ArgumentException">It contradicts itself.</exception>
    public static byte[] Write(ShardAssignment assignment)
    {
        ArgumentNullException.ThrowIfNull(assignment);
        if (FaultOf(assignment) is { } fault)
        {
            throw new ArgumentException(fault, nameof(assignment));
        }

        return ClusterValueWriter.Write(json =>
        {
            json.WriteNumber("shard", assignment.Shard);
            json.WriteNumber("epoch", assignment.Epoch);
            if (assignment.Leader is { } leader)
            {
                json.WriteStartObject("leader");
                json.WriteString("node", leader.Node);
                ClusterValueWriter.WriteIncarnation(json, leader.Incarnation);
                json.WriteEndObject();
            }
            else
            {
                json.WriteNull("leader");
            }

            json.WriteStartArray("inSync");
            foreach (var replica in assignment.InSync)
            {
                json.WriteStartObject();
                json.WriteString("node", replica.Node);
                json.WriteString("store", replica.Store);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            ClusterValueWriter.WriteTexts(json, "replicas", assignment.Replicas);
        });
    }

    /// <summary>The assignment of a value.</summary>
    /// <exception cref="ClusterFormatException">It is none, or one that contradicts itself.</exception>
    public static ShardAssignment Read(ReadOnlySpan<byte> value)
    {
        var parts = new Parts();
        ClusterValueReader.ReadValue(value, parts, ReadMember);
        var assignment = new ShardAssignment(parts.Shard ?? -1, parts.Epoch, parts.Leader, parts.InSync, parts.Replicas);
        return FaultOf(assignment) is { } fault ? throw new ClusterFormatException(fault) : assignment;
    }

    private static bool ReadMember(ref ClusterValueReader reader, string member, Parts into)
    {
        switch (member)
        {
            case "shard":
                into.Shard = reader.Int32();
                return true;
            case "epoch":
                into.Epoch = reader.Int64();
                return true;
            case "leader":
                if (!reader.IsNull)
                {
                    var leader = ReadNode(ref reader);
                    into.Leader = new NodeLife(leader.Node, leader.Incarnation);
                }

                return true;
            case "inSync":
                for (var isFirst = true; reader.NextElement(ref isFirst);)
                {
                    var replica = ReadNode(ref reader);
                    into.InSync.Add(new ReplicaId(replica.Node, replica.Store));
                }

                return true;
            case "replicas":
                reader.Texts(into.Replicas);
                return true;
            default:
                return false;
        }
    }

    private static NodeParts ReadNode(ref ClusterValueReader reader)
    {
        var parts = new NodeParts();
        reader.Object(parts, static (ref ClusterValueReader reader, string member, NodeParts into) =>
        {
            switch (member)
            {
                case "node":
                    into.Node = reader.Text();
                    return true;
                case "incarnation":
                    into.Incarnation = reader.Incarnation();
                    return true;
                case "store":
                    into.Store = reader.Guid();
                    return true;
                default:
                    return false;
            }
        });
        return parts;
    }

    /// <summary>What is wrong with an assignment, for it is better not to start than to follow one that is damaged; <c>null</c> if nothing is.</summary>
    private static string? FaultOf(ShardAssignment a) =>
        a.Shard < 0 ? "it has no shard number of 0 or more"
        : a.Epoch < 1 ? $"its epoch is {a.Epoch}; it must be at least 1"
        : a.Replicas.Count == 0 ? "it has no replicas"
        : a.Replicas.Any(string.IsNullOrEmpty) ? "a replica has no node"
        : a.Replicas.Distinct(StringComparer.Ordinal).Count() < a.Replicas.Count ? "a node has two replicas"
        : a.InSync.Count == 0 ? "nobody is in sync"
        : a.InSync.Any(r => r.Store == Guid.Empty) ? "an in-sync replica has no store"
        : a.InSync.Distinct().Count() < a.InSync.Count ? "a replica is in sync twice"
        : a.InSync.FirstOrDefault(r => !a.Replicas.Contains(r.Node)) is { Node: not null } other ? $"'{other.Node}' is in sync and has no replica"
        : a.Leader is not { } leader ? null
        : leader.Incarnation < 1 ? "its leader has no incarnation"
        : a.InSync.Any(r => r.Node == leader.Node) ? null
        : $"its leader '{leader.Node}' is not in sync";
}
