using System.Buffers;

namespace Broker.Protocol.Tests.Framing;

/// <summary>Builds sequences of several segments, as a pipe gives them.</summary>
internal sealed class Segments : ReadOnlySequenceSegment<byte>
{
    private Segments(ReadOnlyMemory<byte> memory, long runningIndex)
    {
        Memory = memory;
        RunningIndex = runningIndex;
    }

    public static ReadOnlySequence<byte> Of(params IEnumerable<byte[]> parts)
    {
        Segments? first = null;
        Segments? last = null;
        foreach (var part in parts)
        {
            var next = new Segments(part, last is null ? 0 : last.RunningIndex + last.Memory.Length);
            last?.Next = next;
            first ??= next;
            last = next;
        }

        return first is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
    }

    /// <summary>Cuts the bytes before each of the given offsets.</summary>
    public static ReadOnlySequence<byte> Cut(byte[] bytes, params int[] offsets)
    {
        int[] bounds = [0, .. offsets, bytes.Length];
        return Of(bounds.Zip(bounds.Skip(1), (from, to) => bytes[from..to]));
    }
}
