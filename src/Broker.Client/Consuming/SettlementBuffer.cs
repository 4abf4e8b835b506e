using System.Buffers;
using Broker.Protocol;

namespace Broker.Client.Consuming;

/// <summary>Settlements that wait to be sent, joined into ranges, and the credit that they give back.</summary>
internal sealed class SettlementBuffer
{
    /// <summary>Enough of them to be worth a frame of their own.</summary>
    private const int ManyTags = 256;

    private readonly TagSet[] _byOutcome = [new(), new(), new()];
    private readonly Dictionary<string, TagSet> _byReason = new(StringComparer.Ordinal); // what is rejected for a reason
    private long _tags;

    public long CreditMessages { get; private set; }

    public long CreditBytes { get; private set; }

    public bool IsEmpty => _tags == 0 && CreditMessages == 0 && CreditBytes == 0;

    /// <summary>Whether to send now, whoever waits or not.</summary>
    public bool IsLarge(int prefetchMessages, long prefetchBytes) =>
        _tags >= ManyTags || CreditMessages * 4L >= prefetchMessages || CreditBytes * 4 >= prefetchBytes;

    /// <summary>Adds consecutive tags, in whatever order they come.</summary>
    /// <exception cref="InvalidOperationException">One of them waits to be sent already.</exception>
    public void Add(SequenceRange tags, SettleOutcome outcome, string reason = "")
    {
        foreach (var settled in _byOutcome)
        {
            ThrowIfIn(settled, tags);
        }

        foreach (var settled in _byReason.Values)
        {
            ThrowIfIn(settled, tags);
        }

        SetOf(outcome, reason).Add(tags);
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
            Write(writer, outcome, _byOutcome[(int)outcome], "");
            _byOutcome[(int)outcome].Clear();
        }

        foreach (var (reason, tags) in _byReason)
        {
            Write(writer, SettleOutcome.Reject, tags, reason);
        }

        _byReason.Clear();

        if (withCredit && (CreditMessages > 0 || CreditBytes > 0))
        {
            new CreditFrame((ulong)CreditMessages, (ulong)CreditBytes).Write(writer);
        }

        _tags = 0;
        CreditMessages = 0;
        CreditBytes = 0;
    }

    private static void ThrowIfIn(TagSet settled, SequenceRange tags)
    {
        if (settled.Overlaps(tags))
        {
            throw new InvalidOperationException($"delivery {tags.First} is settled already");
        }
    }

    private TagSet SetOf(SettleOutcome outcome, string reason)
    {
        if (reason.Length == 0)
        {
            return _byOutcome[(int)outcome];
        }

        if (!_byReason.TryGetValue(reason, out var tags))
        {
            tags = new TagSet();
            _byReason.Add(reason, tags);
        }

        return tags;
    }

    private static void Write(IBufferWriter<byte> writer, SettleOutcome outcome, TagSet tags, string reason)
    {
        var ranges = tags.Ranges;
        for (var at = 0; at < ranges.Length; at += ProtocolLimits.MaxRanges)
        {
            SettleFrame.Write(writer, outcome, ranges[at..Math.Min(ranges.Length, at + ProtocolLimits.MaxRanges)], reason);
        }
    }
}
