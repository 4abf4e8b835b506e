namespace Broker.Machines.Ledgers;

/// <summary>A block of messages as it was found in a segment.</summary>
/// <param name="Segment">Number of the segment.</param>
/// <param name="End">Offset behind the block in the segment.</param>
/// <param name="Positions">Positions of its messages, ascending.</param>
/// <param name="MessageBytes">Bytes of its messages.</param>
public sealed record RebuiltBlock(uint Segment, long End, IReadOnlyList<ulong> Positions, long MessageBytes);

/// <summary>Makes a ledger of nothing but segments, for a queue whose records were lost: every message counts as in the queue, and as handed out before.</summary>
public static class LedgerRebuild
{
    /// <summary>Makes the ledger.</summary>
    /// <param name="blocks">
    /// All blocks, in any order. Where segments overlap, the one with the higher number was copied out of the others, in order, and perhaps not to the end: of those only
    /// what comes behind its last position counts. What it left out before that had been settled.
    /// </param>
    public static QueueLedger From(IEnumerable<RebuiltBlock> blocks)
    {
        var segments = blocks.Where(b => b.Positions.Count > 0).GroupBy(b => b.Segment).OrderByDescending(g => g.Key)
            .Select(g => new
            {
                g.Key,
                Length = g.Max(b => b.End),
                Positions = g.SelectMany(b => b.Positions).Distinct().Order().ToList(), // behind the end that counted, a copy that was cut short may have left some again
                Bytes = g.Sum(b => b.MessageBytes),
            });
        var kept = new List<(SegmentEntry Entry, List<ulong> Positions)>();
        foreach (var segment in segments)
        {
            var (first, last) = (segment.Positions[0], segment.Positions[^1]);
            var copied = kept.Where(k => k.Entry.First <= last && k.Entry.Last >= first).Select(k => k.Entry.Last).DefaultIfEmpty().Max();
            var left = segment.Positions.FindAll(p => p > copied);
            if (left.Count > 0)
            {
                var count = (ulong)left.Count;
                kept.Add((new SegmentEntry(segment.Key, segment.Length, left[0], last, count, count, segment.Bytes * left.Count / segment.Positions.Count), left));
            }
        }

        var ledger = new QueueLedger();
        long bytes = 0;
        ulong next = 1;
        uint lastSegment = 0;
        foreach (var (entry, positions) in kept.OrderBy(k => k.Entry.First))
        {
            ledger.Index.AddSegment(entry);
            positions.ForEach(p => ledger.Live.Add(p, p, deliveryCount: 1));
            bytes += entry.MessageBytes;
            next = entry.Last + 1;
            lastSegment = Math.Max(lastSegment, entry.Number);
        }

        ledger.SetState(next, bytes, lastSegment, open: default);
        return ledger;
    }
}
