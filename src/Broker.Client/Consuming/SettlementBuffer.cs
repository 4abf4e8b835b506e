using System.Buffers;
using System.Runtime.InteropServices;
using Broker.Protocol;

namespace Broker.Client.Consuming;

/// <summary>Settlements that wait to be sent, joined into ranges, and the credit that they give back.</summary>
internal sealed class SettlementBuffer
{
    /// <summary>Enough of them to be worth a frame of their own.</summary>
    private const int ManyTags = 256;

    private readonly List<SequenceRange>[] _ranges = [[], [], []];
    private long _tags;

    public long CreditMessages { get; private set; }

    public long CreditBytes { get; private set; }

    public bool IsEmpty => _tags == 0 && CreditMessages == 0 && CreditBytes == 0;

    /// <summary>Whether to send now, whoever waits or not.</summary>
    public bool IsLarge(int prefetchMessages, long prefetchBytes) =>
        _tags >= ManyTags || CreditMessages * 4L >= prefetchMessages || CreditBytes * 4 >= prefetchBytes;

    /// <summary>Adds consecutive tags, in whatever order they come.</summary>
    /// <exception cref="InvalidOperationException">One of them waits to be sent already.</exception>
    public void Add(SequenceRange tags, SettleOutcome outcome)
    {
        var own = _ranges[(int)outcome];
        foreach (var ranges in _ranges)
        {
            var at = Find(ranges, tags.First);
            if ((at > 0 && ranges[at - 1].Last >= tags.First) || (at < ranges.Count && ranges[at].First <= tags.Last))
            {
                throw new InvalidOperationException($"delivery {tags.First} is settled already");
            }
        }

        Insert(own, tags);
        _tags += (long)tags.Count;
    }

    public void AddCredit(long messages, long bytes)
    {
        CreditMessages += messages;
        CreditBytes += bytes;
    }

    /// <summary>Writes everything as SETTLE and CREDIT frames and is empty then.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="withCredit"><c>false</c>: the consumer is cancelled, so the credit is dropped.</param>
    public void WriteTo(IBufferWriter<byte> writer, bool withCredit)
    {
        for (var outcome = SettleOutcome.Ack; outcome <= SettleOutcome.Reject; outcome++)
        {
            var ranges = _ranges[(int)outcome];
            var span = CollectionsMarshal.AsSpan(ranges);
            for (var at = 0; at < span.Length; at += ProtocolLimits.MaxRanges)
            {
                SettleFrame.Write(writer, outcome, span[at..Math.Min(span.Length, at + ProtocolLimits.MaxRanges)]);
            }

            ranges.Clear();
        }

        if (withCredit && (CreditMessages > 0 || CreditBytes > 0))
        {
            new CreditFrame((ulong)CreditMessages, (ulong)CreditBytes).Write(writer);
        }

        _tags = 0;
        CreditMessages = 0;
        CreditBytes = 0;
    }

    /// <summary>The index of the first range that begins at or after the tag.</summary>
    private static int Find(List<SequenceRange> ranges, ulong tag)
    {
        // Nearly always the newest: look from the end.
        if (ranges.Count == 0 || ranges[^1].First < tag)
        {
            return ranges.Count;
        }

        int low = 0, high = ranges.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (ranges[middle].First < tag)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private static void Insert(List<SequenceRange> ranges, SequenceRange tags)
    {
        var at = Find(ranges, tags.First);
        var joinsBefore = at > 0 && ranges[at - 1].Last + 1 == tags.First;
        var joinsAfter = at < ranges.Count && tags.Last + 1 == ranges[at].First;
        switch (joinsBefore, joinsAfter)
        {
            case (true, true):
                ranges[at - 1] = new SequenceRange(ranges[at - 1].First, ranges[at].Last);
                ranges.RemoveAt(at);
                break;
            case (true, false):
                ranges[at - 1] = ranges[at - 1] with { Last = tags.Last };
                break;
            case (false, true):
                ranges[at] = ranges[at] with { First = tags.First };
                break;
            default:
                ranges.Insert(at, tags);
                break;
        }
    }
}
