using Broker.Protocol;

namespace Broker.Actors.Replication;

/// <summary>What a part of a snapshot is (docs/cluster.md, "A replica on a node"). The numbers are beyond those of a replica's messages, from which they tell it apart.</summary>
internal static class SnapshotPart
{
    /// <summary>A queue begins, with its ledger.</summary>
    public const ulong Queue = 16;

    /// <summary>Messages of that queue.</summary>
    public const ulong Messages = 17;

    /// <summary>It is complete.</summary>
    public const ulong End = 18;

    /// <summary>What has changed since: the snapshot stands for more records, and some queues have ended.</summary>
    public const ulong Again = 19;

    /// <summary>Whether bytes that have come are a part of a snapshot, and not a message.</summary>
    public static bool IsOne(ReadOnlyMemory<byte> bytes) => Varint.TryRead(bytes.Span, out var kind, out _) && kind is >= Queue and <= Again;
}
