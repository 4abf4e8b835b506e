using System.Globalization;
using Broker.Actors.Runtime;
using Broker.Actors.Storage;
using Broker.Simulation.Tests.Nodes;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>
/// When all is well and nobody does anything, a node holds no more than what is there needs: mailboxes, parked batches and rooms of links are as when idle, queues have no more in
/// memory than they may and
/// the node counts no more than they have, the log is within its bounds, and no folder or segment on the disk belongs to nobody.
/// </summary>
internal static class NoUnboundedGrowth
{
    private const int MostWaiting = 64; // signs of life and timers of one moment, in all mailboxes
    private const int MostActors = 250;
    private const int MostTimers = 250;

    /// <summary>
    /// Segments of a queue that nothing refers to. A copy that ends when whoever has begun it no longer has the queue leaves what it has written to the next copy, which writes over that, or to the
    /// next look at what the disk has. That may be as much as a copy has, but in thousands of histories there was none at the end. What crashes leave goes with the start.
    /// </summary>
    private const int MostUnlistedSegments = 2;

    public static void Look(MemberLife life, IReadOnlyCollection<RecoveredShard> shards, IReadOnlyCollection<ClusterQueue> declared)
    {
        var (actors, waiting) = Count(life.System.GetHierarchy()!);
        Assert.True(waiting <= MostWaiting, $"{life.Member}: {waiting} messages wait in mailboxes: {Busiest(life.System.GetHierarchy()!)}");
        Assert.True(actors <= MostActors, $"{life.Member} has {actors} actors");
        Assert.True(life.Time.ActiveTimers <= MostTimers, $"{life.Member} has {life.Time.ActiveTimers} timers");
        CheckQueues(life, declared);
        CheckDisk(life, shards, declared);
    }

    /// <summary>Nothing is on its way over a link but what the next moment takes.</summary>
    public static void Look(SimulatedLink link)
    {
        foreach (var stream in link.Streams)
        {
            Assert.True(stream.WaitingCount <= MostWaiting, $"{link.From.Name}->{link.To.Name}: {stream.WaitingCount} messages wait for room");
        }
    }

    private static void CheckQueues(MemberLife life, IReadOnlyCollection<ClusterQueue> declared)
    {
        var loaded = 0L;
        foreach (var queue in declared)
        {
            if (life.Find(queue) is { Status: var status })
            {
                Assert.True(status is { Parked: 0, DeadLettersUnderWay: 0, Delayed: 0 }, $"'{queue.Name}': {status.Parked} parked, {status.DeadLettersUnderWay} dead, {status.Delayed} delayed");
                loaded += status.LoadedBytes;
            }
        }

        Assert.True(life.Services.Memory.UsedBytes == loaded, $"{life.Member} counts {life.Services.Memory.UsedBytes} bytes of messages in memory, and its queues have {loaded}");
        var known = life.Cluster.ShardOfQueue.Keys.Where(id => declared.All(q => q.Definition.Id != id)).ToList();
        Assert.True(known.Count == 0, $"{life.Member} still knows of queues {string.Join(' ', known)}, which were deleted");
    }

    private static void CheckDisk(MemberLife life, IReadOnlyCollection<RecoveredShard> shards, IReadOnlyCollection<ClusterQueue> declared)
    {
        var bounds = SimulatedNode.LogOptions;
        Assert.True(life.Log.SizeBytes <= bounds.MaxBytes && life.Log.FileCount <= bounds.MaxFiles, $"{life.Member}: {life.Log.SizeBytes} bytes of log in {life.Log.FileCount} files");
        var ledgers = shards.SelectMany(s => s.Ledgers).ToDictionary();
        foreach (var queue in life.Storage.Segments.Queues())
        {
            Assert.True(declared.Any(q => q.Definition.Id == queue) && ledgers.ContainsKey(queue), $"{life.Member} has segments of queue {queue}, which it has no replica of");
            var ledger = ledgers[queue];
            var listed = ledger.Index.Segments.Select(s => s.Number).Append(ledger.OpenSegment.Number).ToHashSet();
            var unlisted = life.Storage.Segments.Segments(queue).Where(n => !listed.Contains(n)).ToList(); // those that are to be deleted are, as nothing else goes on
            Assert.True(unlisted.Count <= MostUnlistedSegments,
                $"{life.Member}: segments {string.Join(' ', unlisted)} of queue {queue} belong to nobody; listed are {string.Join(' ', listed)}");
        }
    }

    private static (int Actors, int Waiting) Count(ActorHierarchyNode node)
    {
        var (actors, waiting) = (1, node.MailboxLength);
        foreach (var child in node.Children)
        {
            var below = Count(child);
            (actors, waiting) = (actors + below.Actors, waiting + below.Waiting);
        }

        return (actors, waiting);
    }

    private static string Busiest(ActorHierarchyNode node) => string.Join(
        ", ", Flat(node).OrderByDescending(n => n.MailboxLength).Take(5).Select(n => string.Create(CultureInfo.InvariantCulture, $"{n.MailboxLength} in {n.Path}")));

    private static IEnumerable<ActorHierarchyNode> Flat(ActorHierarchyNode node) => node.Children.SelectMany(Flat).Prepend(node);
}
