using System.Buffers;
using System.Buffers.Binary;
using Broker.Node.Tests.Processes;
using Broker.Protocol.Bbq;
using Broker.Transport;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>The other protocol of the port: lengths beyond reason, enums that are none, half requests.</summary>
internal sealed class BbqGarbage : HostilePeer
{
    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        await using var connection = await target.Transport.ConnectAsync(target.Options with { ApplicationProtocols = ["bbq"] });
        for (var streams = random.Next(1, 10); streams > 0; streams--)
        {
            var stream = await connection.OpenStreamAsync();
            var payload = RandomBytes(random, 200);
            var bytes = new byte[8 + payload.Length];
            var length = random.Next(3) switch { 0 => ulong.MaxValue, 1 => 1UL << random.Next(63), _ => (ulong)payload.Length };
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
            payload.CopyTo(bytes, 8);
            try
            {
                await stream.Output.WriteAsync(bytes.AsMemory(0, random.Next(3) == 0 ? random.Next(1, bytes.Length + 1) : bytes.Length));
                if (random.Next(2) == 0)
                {
                    await stream.Output.CompleteAsync();
                }
            }
            catch (QuicTransportException e) when (e.Error == QuicError.StreamAborted)
            {
                // Refused while it was still talking.
            }
        }

        await PublishAsync(connection);
    }

    /// <summary>Bad streams have not ended the connection: a good one is served.</summary>
    private static async Task PublishAsync(IQuicConnection connection)
    {
        var stream = await connection.OpenStreamAsync();
        BbqRequest.WritePublish(stream.Output, ""u8, "nowhere"u8, "hello"u8);
        await stream.Output.FlushAsync();
        var confirm = await Wait.For(stream.Input.ReadAsync(), "the confirm of a good publish after bad ones");
        Assert.Equal([0], confirm.Buffer.ToArray());
    }
}
