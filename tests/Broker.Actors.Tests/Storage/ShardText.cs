using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Storage.Records;

namespace Broker.Actors.Tests.Storage;

/// <summary>What was recovered, in words, to compare two of them.</summary>
internal static class ShardText
{
    /// <summary>What is in queues, but for where it lies.</summary>
    public static string ContentOf(Dictionary<ulong, QueueLedger> ledgers) => string.Join('\n', ledgers.OrderBy(l => l.Key).Select(l => $"{l.Key}: {ContentOf(l.Value)}"));

    public static string Of(RecoveredShard shard) => $"""
        shard {shard.Shard}, epoch {shard.Epoch}, log {shard.Log}, committed {shard.Committed}, installing {shard.IsInstalling}, problem {shard.Problem}
        located {string.Join(' ', shard.Located)}
        held {string.Join(' ', shard.Held.Select(h => $"{h.ShardIndex}:{h.Epoch}:{h.Kind}:{h.Entity}:{h.Index}:{h.MessageCount}@{h.Position}+{h.Length}"))}
        {string.Join('\n', shard.Ledgers.OrderBy(l => l.Key).Select(l => $"{l.Key}: {ContentOf(l.Value)} {PlacesOf(l.Value)}"))}
        """;

    /// <summary>Fails unless a shard is what must be left of a script, and each message can be read.</summary>
    public static void AssertIs(ShardScript script, RecoveredShard shard)
    {
        var expected = script.Expected;
        Assert.Null(shard.Problem);
        Assert.Equal((expected.Epoch, expected.Last, expected.Noted, expected.IsInstalling), (shard.Epoch, shard.Log.Last, shard.Committed, shard.IsInstalling));
        Assert.EndsWith(string.Join(' ', shard.Log.Eras), expected.Eras, StringComparison.Ordinal);
        // A queue's end that was committed was acted upon, whether the log says so or not.
        var gone = shard.Held.Where(h => h.Kind == RecordKind.Deleted && h.ShardIndex <= script.Floor).Select(h => h.Entity).ToHashSet();
        Assert.Equal(ContentOf(Without(script.LedgersAt(shard.Committed), gone)), ContentOf(Without(shard.Ledgers, gone)));
        Assert.Equal(ShardScript.Positions(shard.Committed + 1, expected.Last), shard.Held.Select(h => h.ShardIndex));
        Assert.Equal(ShardScript.Positions(shard.Log.First, expected.Last), shard.Located.Select(l => l.ShardIndex));
        foreach (var located in shard.Located)
        {
            var record = script.Store.Log.Read(located.Position, located.Length)!;
            var made = expected.Records[(int)located.ShardIndex - 1];
            Assert.Equal((located.ShardIndex, located.Epoch, made.Entity, made.Index), (record.Header.ShardIndex, record.Header.Epoch, record.Header.Entity, record.Header.Index));
        }

        foreach (var (queue, ledger) in Without(shard.Ledgers, gone))
        {
            Assert.Empty(ledger.Unplaced());
            foreach (var position in ledger.Live.Ranges().SelectMany(r => ShardScript.Positions(r.First, r.Last)))
            {
                Assert.Equal(script.BytesOf(queue, position), Read(script, queue, ledger, position));
            }
        }
    }

    private static Dictionary<ulong, QueueLedger> Without(Dictionary<ulong, QueueLedger> ledgers, HashSet<ulong> queues) =>
        ledgers.Where(l => !queues.Contains(l.Key)).ToDictionary(l => l.Key, l => l.Value);

    private static string ContentOf(QueueLedger ledger) =>
        $"""
        last {ledger.LastIndex}, next {ledger.NextPosition}, bytes {ledger.LiveBytes}, live {string.Join(' ', ledger.Live.Ranges().Select(r => $"{r.First}-{r.Last}:{r.DeliveryCount}^{r.Priority}"))}
        held {string.Join(' ', ledger.Held.InOrder)}, dead {string.Join(' ', ledger.Dead.InOrder)}, last dead {ledger.LastDead}, keyed {string.Join(' ', ledger.Keyed.InOrder)}
        ids {string.Join(' ', ledger.Ids.All)}, producers {string.Join(' ', ledger.Producers.Marks)}, paused {ledger.IsPaused}, last expiring {ledger.LastExpiring}
        """;

    private static string PlacesOf(QueueLedger ledger) =>
        $"segments {string.Join(' ', ledger.Index.Segments)}, open {ledger.OpenSegment}, last {ledger.LastSegment}, log {string.Join(' ', ledger.Index.Runs.ToArray())}";

    private static byte[]? Read(ShardScript script, ulong queue, QueueLedger ledger, ulong position)
    {
        IEnumerable<StoredRecord?> records = ledger.Index.FindSegment(position) is { } segment
            ? script.Store.Segments.Blocks(queue, segment.Number, segment.Length).Select(b => script.Store.Segments.Read(queue, b))
            : ledger.Index.TryFindRun(position, out var run) ? [script.Store.Log.Read(run.LogPosition, run.LogLength)] : [];
        return records.OfType<StoredRecord>().SelectMany(r => r.Messages()).FirstOrDefault(m => m.Position == position && m.State == StoredMessageState.Intact).Bytes.ToArray();
    }
}
