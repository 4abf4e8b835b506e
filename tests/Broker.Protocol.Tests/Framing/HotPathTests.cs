using System.Buffers;
using Broker.Protocol.Tests.Vectors;

namespace Broker.Protocol.Tests.Framing;

/// <summary>What happens for each message allocates nothing.</summary>
public sealed class HotPathTests
{
    [Fact]
    public void Reading_and_writing_a_stream_of_messages_allocates_nothing()
    {
        var message = Samples.Message("shop", "order.created", null, "hello");
        var stream = new ArrayBufferWriter<byte>(1 << 20);
        for (var i = 1UL; i <= 100; i++)
        {
            PublishFrame.Write(stream, i, PublishFlags.Durable, message);
        }

        var output = new ArrayBufferWriter<byte>(1 << 20);
        var ranges = new List<SequenceRange>(16);
        Pass(stream.WrittenMemory, output, ranges);
        output.ResetWrittenCount();

        var before = GC.GetAllocatedBytesForCurrentThread();
        Pass(stream.WrittenMemory, output, ranges);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal([new SequenceRange(1, 100)], ranges);
    }

    private static void Pass(ReadOnlyMemory<byte> stream, ArrayBufferWriter<byte> output, List<SequenceRange> ranges)
    {
        ranges.Clear();
        using var reader = new FrameReader(new ReadOnlySequence<byte>(stream), 1 << 20);
        while (reader.TryRead(out _, out var payload, out _) == FrameReadStatus.Frame)
        {
            if (PublishFrame.TryRead(payload, out var publish, out _) && MessageView.TryParse(publish.Message, out var view, out _))
            {
                DeliverFrame.Write(output, publish.Sequence, DeliverFlags.None, 0, publish.Message);
                PublishFrame.Write(output, publish.Sequence, publish.Flags, "shop", "order.created", null, view.Body);
                RangeList.Append(ranges, publish.Sequence);
            }
        }

        ConfirmFrame.Write(output, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ranges));
    }
}
