using Broker.Client.Consuming;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Consuming;

public sealed class KeptDeliveriesTests
{
    [Fact]
    public void Deliveries_come_out_in_batches_in_their_order()
    {
        var kept = new KeptDeliveries(new NoSink(), 5000, long.MaxValue);
        for (var tag = 1ul; tag <= 2500; tag++)
        {
            Assert.True(Add(kept, tag));
        }

        var tags = new List<ulong>();
        while (kept.Take() is { } batch)
        {
            Assert.InRange(batch.Count, 1, 1024);
            tags.AddRange(batch.Select(static delivery => delivery.Tag));
        }

        Assert.Equal(Enumerable.Range(1, 2500).Select(static tag => (ulong)tag), tags);
    }

    [Fact]
    public void A_batch_that_was_taken_gets_no_more()
    {
        var kept = new KeptDeliveries(new NoSink(), 10, long.MaxValue);
        Add(kept, 1);
        var first = kept.Take();
        Add(kept, 2);
        Assert.Equal([1ul], first!.Select(static delivery => delivery.Tag));
        Assert.Equal([2ul], kept.Take()!.Select(static delivery => delivery.Tag));
        Assert.Null(kept.Take());
    }

    [Fact]
    public void No_more_are_kept_than_there_is_credit_for()
    {
        var kept = new KeptDeliveries(new NoSink(), 2, long.MaxValue);
        Assert.True(Add(kept, 1));
        Assert.True(Add(kept, 2));
        Assert.False(Add(kept, 3));
        Assert.Equal(2, kept.Take()!.Count);
        Assert.True(Add(kept, 3));
    }

    [Fact]
    public void The_message_that_crosses_the_credit_in_bytes_is_kept_and_none_after_it()
    {
        var kept = new KeptDeliveries(new NoSink(), 10, maxBytes: 1000);
        Assert.True(Add(kept, 1, size: 600));
        Assert.True(Add(kept, 2, size: 600));
        Assert.False(Add(kept, 3, size: 1));
        kept.Take();
        Assert.True(Add(kept, 3, size: 1));
    }

    private static bool Add(KeptDeliveries kept, ulong tag, int size = 5)
    {
        var message = PeerStream.Message(new byte[size]);
        var frame = new System.Buffers.ArrayBufferWriter<byte>();
        DeliverFrame.Write(frame, tag, DeliverFlags.None, 0, message);
        using var reader = new FrameReader(new System.Buffers.ReadOnlySequence<byte>(frame.WrittenMemory), ProtocolLimits.MaxControlFrameBytes);
        Assert.Equal(FrameReadStatus.Frame, reader.TryRead(out _, out var payload, out _));
        Assert.True(DeliverFrame.TryRead(payload, out var deliver, out var fault), fault.Reason);
        return kept.TryAdd(deliver, size);
    }

    private sealed class NoSink : ISettlementSink
    {
        public ValueTask SettleAsync(ulong first, ulong last, long bytes, SettleOutcome outcome, string reason) => throw new NotSupportedException("nothing is settled here");
    }
}
