using System.Buffers;
using Broker.Protocol;
using Broker.Protocol.Bbq;
using Broker.Transport;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Clients that send anything. The node stays up, healthy clients see nothing of it, and nothing is left behind.</summary>
public sealed class HostileTests
{
    private const int StreamsPerKind = 1000;
    private const int StreamsPerConnection = 50;

    [Theory]
    [InlineData("control", 1)]
    [InlineData("publish", 2)]
    [InlineData("consume", 3)]
    [InlineData("request", 4)]
    [InlineData("echo", 5)]
    [InlineData("admin", 6)]
    [InlineData("no kind", 7)]
    [InlineData("bbq", 8)]
    public async Task Random_and_damaged_bytes_hurt_nobody_else(string kind, int seed)
    {
        var random = new Random(seed);
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var healthy = await broker.ConnectAsync();
        await healthy.DeclareQueueAsync("hostile");
        await healthy.DeclareQueueAsync("healthy");
        await using var publisher = await healthy.OpenPublisherAsync();
        await using var consumer = await healthy.SubscribeAsync("healthy", messages: 1_000_000, flags: SubscribeFlags.NoAck);
        await publisher.PublishAsync(1, "", "healthy", "0");
        await publisher.ExpectConfirmsAsync(1);
        await consumer.ExpectDeliveryAsync();
        var before = (await admin.HierarchyAsync()).Where(IsOfConnections).ToList();
        for (var connection = 0; connection < StreamsPerKind / StreamsPerConnection; connection++)
        {
            await AttackAsync(broker, kind, random);
            await publisher.PublishAsync((ulong)connection + 2, "", "healthy", "still here");
            Assert.Equal("still here", (await consumer.ExpectDeliveryAsync()).Text);
            await publisher.ExpectConfirmsAsync(1);
        }

        await WireAdmin.UntilAsync(
            async () => string.Join(", ", (await admin.HierarchyAsync()).Where(IsOfConnections).Except(before)), left => left.Length == 0, "the actors of the hostile streams to be gone");
    }

    private static bool IsOfConnections(string path) => path.StartsWith("/user/listener", StringComparison.Ordinal);

    private static async Task AttackAsync(BrokerFixture broker, string kind, Random random)
    {
        await using var client = await broker.ConnectRawAsync(kind == "bbq" ? "bbq" : "broker/1", TestCertificates.AdminClient);
        if (kind is not ("control" or "bbq"))
        {
            await client.HelloAsync();
        }

        for (var i = 0; i < StreamsPerConnection; i++)
        {
            try
            {
                var stream = await client.Quic.OpenStreamAsync().AsTask().WaitAsync(WireConnection.Timeout);
                await stream.Output.WriteAsync(Bytes(kind, random)).AsTask().WaitAsync(WireConnection.Timeout);
                switch (random.Next(3))
                {
                    case 0:
                        stream.Reset((long)ErrorCode.Cancelled);
                        stream.StopSending((long)ErrorCode.Cancelled);
                        break;
                    case 1:
                        await stream.Output.CompleteAsync();
                        break;
                }
            }
            catch (QuicTransportException)
            {
                // The node has thrown the stream or the connection out, as it may.
            }
        }
    }

    private static byte[] Bytes(string kind, Random random)
    {
        var writer = new ArrayBufferWriter<byte>();
        switch (kind)
        {
            case "bbq":
                break;
            case "no kind":
                WriteRandom(writer, random, 9);
                return writer.WrittenSpan.ToArray();
            default:
                StreamHeader.Write(writer, Enum.Parse<StreamKind>(kind, ignoreCase: true));
                break;
        }

        var header = writer.WrittenCount;
        if (random.Next(3) == 0)
        {
            WriteRandom(writer, random, 3000);
            return writer.WrittenSpan.ToArray();
        }

        for (var i = random.Next(1, 8); i > 0; i--)
        {
            WriteFrame(writer, kind, random);
        }

        // Damage a few bytes, or none: what is right in form may still be wrong at this moment.
        var bytes = writer.WrittenSpan.ToArray();
        for (var i = random.Next(4); i > 0; i--)
        {
            bytes[random.Next(header, bytes.Length)] = (byte)random.Next(256);
        }

        return bytes[..random.Next(header, bytes.Length + 1)];
    }

    private static void WriteRandom(ArrayBufferWriter<byte> writer, Random random, int max)
    {
        var bytes = new byte[random.Next(max)];
        random.NextBytes(bytes);
        writer.Write(bytes);
    }

    private static void WriteFrame(ArrayBufferWriter<byte> writer, string kind, Random random)
    {
        var number = (ulong)random.Next(1, 6);
        switch (kind)
        {
            case "control":
                new HelloFrame { ClientName = "hostile" }.Write(writer);
                break;
            case "publish" when random.Next(2) == 0:
                new PublisherOpenFrame("").Write(writer);
                break;
            case "publish":
                WireStream.WritePublish(writer, number, random.Next(2) == 0 ? "" : "amq.fanout", "hostile", new byte[random.Next(100)], (PublishFlags)random.Next(4));
                break;
            case "consume":
                WriteConsumeFrame(writer, random, number);
                break;
            case "request":
                WriteRequestFrame(writer, random, number);
                break;
            case "admin":
                new AdminRequestFrame(number, random.Next(2) == 0 ? "queue list" : "queue peek", """{"queue":"hostile"}"""u8.ToArray()).Write(writer);
                break;
            case "bbq" when random.Next(2) == 0:
                BbqRequest.WriteConsume(writer, "hostile"u8);
                break;
            case "bbq":
                BbqRequest.WritePublish(writer, ""u8, "hostile"u8, new byte[random.Next(100)]);
                break;
            default:
                WriteRandom(writer, random, 100);
                break;
        }
    }

    private static void WriteConsumeFrame(ArrayBufferWriter<byte> writer, Random random, ulong number)
    {
        switch (random.Next(4))
        {
            case 0:
                new SubscribeFrame { Queue = "hostile", CreditMessages = number, CreditBytes = number, Flags = (SubscribeFlags)random.Next(8) }.Write(writer);
                break;
            case 1:
                new CreditFrame(number, ProtocolLimits.MaxCredit).Write(writer);
                break;
            case 2:
                SettleFrame.Write(writer, (SettleOutcome)random.Next(3), [new SequenceRange(number, number + (ulong)random.Next(3))]);
                break;
            default:
                default(CancelFrame).Write(writer);
                break;
        }
    }

    private static void WriteRequestFrame(ArrayBufferWriter<byte> writer, Random random, ulong number)
    {
        switch (random.Next(6))
        {
            case 0:
                new DeclareQueueFrame { RequestId = number, Name = "hostile", Flags = (DeclareQueueFlags)random.Next(16) }.Write(writer);
                break;
            case 1:
                new GetFrame(number, "hostile", (GetFlags)random.Next(2)).Write(writer);
                break;
            case 2:
                SettleFrame.Write(writer, (SettleOutcome)random.Next(3), [new SequenceRange(number, number)]);
                break;
            case 3:
                new DeleteQueueFrame(number, "hostile", (DeleteQueueFlags)random.Next(4)).Write(writer);
                break;
            case 4:
                new BindFrame { RequestId = number, Exchange = "amq.fanout", Destination = "hostile", RoutingKey = $"{number}" }.Write(writer);
                break;
            default:
                new DeclareExchangeFrame { RequestId = number, Name = "hostile", Type = "fanout" }.Write(writer);
                break;
        }
    }
}
