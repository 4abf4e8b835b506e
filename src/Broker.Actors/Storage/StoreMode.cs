using System.Diagnostics.CodeAnalysis;
using Broker.Storage;

namespace Broker.Actors.Storage;

/// <summary>Whether what a store holds is for the node that opens it: one by itself, or one of a cluster.</summary>
internal static class StoreMode
{
    // With its number: what is on an emptied disk must not be taken for the replica that was there.
    private const string StartAnew = "move the whole store away, that is the folder with 'identity.json', 'log' and 'queues', and start again";

    /// <summary>Refuses a store that the node must not go on with.</summary>
    /// <exception cref="StoreException">What is wrong, and what to do.</exception>
    public static void Check(QueueRecovery recovery, bool isClustered)
    {
        if (!isClustered)
        {
            Refuse(
                recovery.HasReplicated,
                "the store has queues that are replicated in a cluster, and this node is configured to be by itself: messages would be lost or come twice. Configure the cluster that it belongs to");
            return;
        }

        Refuse(
            recovery.HasLocal,
            "the store has queues of a node by itself, and this node is configured to be one of a cluster. Start it without a cluster, or, to give up what is in those queues, " + StartAnew);
        var findings = recovery.Damages.Select(d => $"'{d.File}' is damaged at {d.Offset}: {d.Reason}")
            .Concat(recovery.Lost.Select(l => $"records {l.FirstIndex} to {l.LastIndex} of entity {l.Entity:x} are lost"))
            .Concat(recovery.Shards.Values.Where(s => s.Problem is not null).Select(s => $"shard {s.Shard}: {s.Problem}"))
            .ToList();
        Refuse(
            findings.Count > 0,
            DamagedCopy($"{string.Join("; ", findings.Take(3))}{(findings.Count > 3 ? $" and {findings.Count - 3} more" : "")}"));
    }

    /// <summary>What is said of a store of a cluster's node when part of it cannot be read.</summary>
    public static string DamagedCopy(string found) =>
        $"this node's copy of the cluster's queues is damaged, and its peers have it whole: {StartAnew}; the node is filled from its peers then. Found: {found}";

    private static void Refuse([DoesNotReturnIf(true)] bool condition, string text)
    {
        if (condition)
        {
            throw new StoreException(StoreProblem.Unreadable, text);
        }
    }
}
