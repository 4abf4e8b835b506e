using System.Buffers.Binary;

namespace Broker.Node.Tests.Durability.Kills;

/// <summary>A message that says who published it, as which one, and where to, by every byte of its body.</summary>
/// <param name="Publisher">Number of the publisher.</param>
/// <param name="Number">1, 2, 3 and so on with each publisher.</param>
internal readonly record struct KillMessage(int Publisher, ulong Number)
{
    public const string Exchange = "both";
    private const int HeadBytes = 12;
    private const int MaxFillBytes = 4_000;

    /// <summary>The queues. The first two are bound to the exchange as well.</summary>
    public static IReadOnlyList<string> Queues { get; } = ["kill-a", "kill-b", "kill-c", "kill-d"];

    /// <summary>Exchange and routing key that it goes to.</summary>
    public (string Exchange, string Key) Route => (Mix >> 40 & 3) switch
    {
        0 => (Exchange, ""),
        var queue => ("", Queues[(int)queue]),
    };

    /// <summary>The queues that it reaches.</summary>
    public IEnumerable<string> Destinations => Route is { Exchange.Length: > 0 } ? Queues.Take(2) : [Route.Key];

    /// <summary>Whether it is published as durable; a durable queue keeps it in any case.</summary>
    public bool Durable => (Mix >> 50 & 3) > 0;

    public byte[] Body()
    {
        var body = new byte[HeadBytes + (int)((Mix >> 20) % MaxFillBytes)];
        BinaryPrimitives.WriteInt32LittleEndian(body, Publisher);
        BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(4), Number);
        new Random((int)(Mix & int.MaxValue)).NextBytes(body.AsSpan(HeadBytes));
        return body;
    }

    /// <summary>The message of a body; <c>null</c> if it is none that was ever published.</summary>
    public static KillMessage? Of(ReadOnlySpan<byte> body)
    {
        if (body.Length < HeadBytes)
        {
            return null;
        }

        var message = new KillMessage(BinaryPrimitives.ReadInt32LittleEndian(body), BinaryPrimitives.ReadUInt64LittleEndian(body[4..]));
        return body.SequenceEqual(message.Body()) ? message : null;
    }

    // The same in every process, unlike System.HashCode.
    private ulong Mix
    {
        get
        {
            var x = unchecked(((ulong)Publisher << 48) ^ (Number * 0x9E3779B97F4A7C15));
            x = unchecked((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9);
            x = unchecked((x ^ (x >> 27)) * 0x94D049BB133111EB);
            return x ^ (x >> 31);
        }
    }
}
