using System.Buffers.Binary;
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

        Assert.False(connection.Closed.IsCompleted, "a bad stream has ended the connection");
    }
}
