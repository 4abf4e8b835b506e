using System.Buffers.Binary;
using System.Diagnostics;
using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Durability;

/// <summary>Messages of 1 KiB that are numbered through, to and from one queue.</summary>
internal static class NumberedLoad
{
    public const int BodyBytes = 1 << 10;

    // Long enough for any number of messages: what stands still shows by the limit of one batch.
    private static readonly TimeSpan s_longest = TimeSpan.FromHours(2);

    /// <summary>Publishes messages, and waits until all are confirmed.</summary>
    /// <returns>How long that took.</returns>
    public static async Task<TimeSpan> PublishAsync(BrokerClient client, string queue, int first, int count)
    {
        var start = Stopwatch.GetTimestamp();
        await using var publisher = await client.CreatePublisherAsync();
        var body = new byte[BodyBytes];
        for (var number = first; number < first + count; number++)
        {
            Write(body, number);
            await publisher.PublishAsync("", queue, body);
        }

        await Wait.For(publisher.FlushAsync(), $"the confirms of {count} messages", s_longest);
        return Stopwatch.GetElapsedTime(start);
    }

    /// <summary>Consumes messages, which must come in order and unchanged, and acks all of them.</summary>
    /// <returns>How long that took.</returns>
    public static async Task<TimeSpan> DrainAsync(BrokerClient client, string queue, int first, int count)
    {
        var start = Stopwatch.GetTimestamp();
        await using var consumer = await client.SubscribeAsync(queue, new ConsumerOptions { PrefetchMessages = 8_192, PrefetchBytes = 8 << 20 });
        for (var next = first; next < first + count;)
        {
            using var batch = await Wait.For(consumer.ReadBatchAsync(), $"message {next} of {queue}");
            foreach (var delivery in batch!)
            {
                Check(delivery.Body.Span, next++);
            }

            await batch.AckAllAsync();
        }

        return Stopwatch.GetElapsedTime(start);
    }

    /// <summary>The number of a message whose every byte is right.</summary>
    public static int NumberOf(ReadOnlySpan<byte> body)
    {
        Assert.Equal(BodyBytes, body.Length);
        var number = BinaryPrimitives.ReadInt32LittleEndian(body);
        Check(body, number);
        return number;
    }

    public static void Write(Span<byte> body, int number)
    {
        body.Fill((byte)number);
        BinaryPrimitives.WriteInt32LittleEndian(body, number);
        BinaryPrimitives.WriteInt32LittleEndian(body[^4..], ~number);
    }

    private static void Check(ReadOnlySpan<byte> body, int number)
    {
        if (body.Length != BodyBytes || BinaryPrimitives.ReadInt32LittleEndian(body) != number || BinaryPrimitives.ReadInt32LittleEndian(body[^4..]) != ~number
            || body[4..^4].ContainsAnyExcept((byte)number))
        {
            Assert.Fail($"message {number} is another, or changed: {Convert.ToHexString(body[..Math.Min(16, body.Length)])}");
        }
    }
}
