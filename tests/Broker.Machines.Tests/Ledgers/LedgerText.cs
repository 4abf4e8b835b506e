using Broker.Machines.Ledgers;

namespace Broker.Machines.Tests.Ledgers;

/// <summary>A ledger in words, to compare two of them.</summary>
internal static class LedgerText
{
    /// <summary>Everything but where messages lie.</summary>
    public static string ContentOf(QueueLedger ledger) => $"""
        last {ledger.LastIndex}, next {ledger.NextPosition}, bytes {ledger.LiveBytes}
        live {string.Join(' ', ledger.Live.Ranges().Select(r => $"{r.First}-{r.Last}:{r.DeliveryCount}{(r.Priority > 0 ? $"^{r.Priority}" : "")}"))}
        producers {string.Join(' ', ledger.Producers.Marks.Select(m => $"{m.Producer}@{m.LastSequence}{(m.Refused is { } refused ? $" but {refused}" : "")}"))}
        held {string.Join(' ', ledger.Held.InOrder)}
        dead {string.Join(' ', ledger.Dead.InOrder)}, last {ledger.LastDead}
        keyed {string.Join(' ', ledger.Keyed.InOrder)}
        ids {string.Join(' ', ledger.Ids.All)}
        paused {ledger.IsPaused}, last expiring {ledger.LastExpiring}
        """;

    /// <summary>Content and segments, as a checkpoint has them.</summary>
    public static string Of(QueueLedger ledger) => $"""
        {ContentOf(ledger)}
        segments {string.Join(' ', ledger.Index.Segments)}, last {ledger.LastSegment}, open {ledger.OpenSegment}
        """;

    /// <summary>All of it, with those records of the log that still hold something of the queue.</summary>
    public static string WithLog(QueueLedger ledger) => $"""
        {Of(ledger)}
        log {string.Join(' ', ledger.Index.Runs.ToArray().Where(r => ledger.Live.HasAny(r.First, r.Last)))}
        """;

    public static void AssertAlike(QueueLedger expected, QueueLedger actual) => Assert.Equal(Of(expected), Of(actual));
}
