using System.Buffers;
using Broker.Client.Consuming;
using Broker.Protocol;

namespace Broker.Client.Tests.Consuming;

public sealed class SettlementBufferTests
{
    [Fact]
    public void Tags_in_any_order_become_the_fewest_ranges()
    {
        for (var seed = 1; seed <= 200; seed++)
        {
            var random = new Random(seed);
            var tags = Enumerable.Range(1, 200).Where(_ => random.Next(4) > 0).Select(static tag => (ulong)tag).ToArray();
            var shuffled = (ulong[])tags.Clone();
            random.Shuffle(shuffled);
            var buffer = new SettlementBuffer();
            foreach (var tag in shuffled)
            {
                buffer.Add(new SequenceRange(tag, tag), SettleOutcome.Ack);
            }

            var expected = new List<SequenceRange>();
            Array.ForEach(tags, tag => RangeList.Append(expected, tag));
            Assert.Equal(expected, Assert.Single(Write(buffer)).Ranges);
            Assert.True(buffer.IsEmpty);
        }
    }

    [Fact]
    public void More_ranges_than_a_frame_holds_go_into_several()
    {
        var buffer = new SettlementBuffer();
        for (var tag = 1ul; tag <= 10_000; tag += 2)
        {
            buffer.Add(new SequenceRange(tag, tag), SettleOutcome.Requeue);
        }

        Assert.Equal([4096, 904], Write(buffer).Select(static frame => frame.Ranges.Count));
    }

    [Fact]
    public void Overlaps_are_refused_whatever_the_outcome()
    {
        var buffer = new SettlementBuffer();
        buffer.Add(new SequenceRange(5, 9), SettleOutcome.Ack);
        foreach (var range in (SequenceRange[])[new(5, 5), new(9, 9), new(7, 20), new(1, 5), new(1, 20)])
        {
            Assert.Throws<InvalidOperationException>(() => buffer.Add(range, SettleOutcome.Reject));
        }

        buffer.Add(new SequenceRange(10, 10), SettleOutcome.Reject);
        buffer.Add(new SequenceRange(4, 4), SettleOutcome.Ack);
        Assert.Equal([[new SequenceRange(4, 9)], [new SequenceRange(10, 10)]], Write(buffer).Select(static frame => frame.Ranges));
    }

    [Fact]
    public void Rejections_go_with_their_reasons()
    {
        var buffer = new SettlementBuffer();
        buffer.Add(new SequenceRange(1, 1), SettleOutcome.Reject, "late");
        buffer.Add(new SequenceRange(2, 2), SettleOutcome.Reject);
        buffer.Add(new SequenceRange(3, 3), SettleOutcome.Reject, "wrong");
        buffer.Add(new SequenceRange(4, 4), SettleOutcome.Reject, "late");
        Assert.Throws<InvalidOperationException>(() => buffer.Add(new SequenceRange(4, 5), SettleOutcome.Ack));
        var frames = WriteFrames(buffer);
        Assert.All(frames, frame => Assert.Equal(SettleOutcome.Reject, frame.Outcome));
        Assert.Equal(["", "late", "wrong"], frames.Select(static frame => frame.Reason));
        Assert.Equal([[new(2, 2)], [new(1, 1), new(4, 4)], [new SequenceRange(3, 3)]], frames.Select(static frame => frame.Ranges));
        Assert.True(buffer.IsEmpty);
        Assert.Empty(WriteFrames(buffer));
    }

    private static List<(SettleOutcome Outcome, List<SequenceRange> Ranges)> Write(SettlementBuffer buffer) =>
        [.. WriteFrames(buffer).Select(static frame => (frame.Outcome, frame.Ranges))];

    private static List<(SettleOutcome Outcome, List<SequenceRange> Ranges, string Reason)> WriteFrames(SettlementBuffer buffer)
    {
        var writer = new ArrayBufferWriter<byte>();
        buffer.WriteTo(writer, withCredit: true);
        var frames = new List<(SettleOutcome, List<SequenceRange>, string)>();
        using var reader = new FrameReader(new ReadOnlySequence<byte>(writer.WrittenMemory), ProtocolLimits.MaxControlFrameBytes);
        while (reader.TryRead(out _, out var payload, out _) == FrameReadStatus.Frame)
        {
            var ranges = new List<SequenceRange>();
            Assert.True(SettleFrame.TryRead(payload, out var outcome, ranges, out var reason, out var fault), fault.Reason);
            frames.Add((outcome, ranges, reason));
        }

        return frames;
    }
}
