using System.Buffers.Binary;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>A message that says who published it, as which one, and to which queue, by every byte of its body.</summary>
/// <param name="Queue">Number of the queue.</param>
/// <param name="Producer">Number of the producer.</param>
/// <param name="Number">Ascending with each producer.</param>
internal readonly record struct FaultMessage(int Queue, int Producer, ulong Number)
{
    private const int HeadBytes = 16;
    private const int MaxFillBytes = 1_500;

    public byte[] Body()
    {
        var random = new Random(unchecked((Queue * 31) + (Producer * 1_000_003) + (int)Number));
        var body = new byte[HeadBytes + random.Next(MaxFillBytes)];
        BinaryPrimitives.WriteInt32LittleEndian(body, Queue);
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(4), Producer);
        BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(8), Number);
        random.NextBytes(body.AsSpan(HeadBytes));
        return body;
    }

    /// <summary>The message of a body; <c>null</c> if it is none that was ever published.</summary>
    public static FaultMessage? Of(ReadOnlySpan<byte> body)
    {
        if (body.Length < HeadBytes)
        {
            return null;
        }

        var message = new FaultMessage(
            BinaryPrimitives.ReadInt32LittleEndian(body), BinaryPrimitives.ReadInt32LittleEndian(body[4..]), BinaryPrimitives.ReadUInt64LittleEndian(body[8..]));
        return body.SequenceEqual(message.Body()) ? message : null;
    }
}
