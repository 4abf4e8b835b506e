using Broker.Actors.Tests.Nodes;
using Broker.Node.Tests.Processes;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Talks and never listens: takes credit without end and reads no delivery, publishes and reads no confirm, has bytes echoed and lets them pile up.</summary>
internal sealed class DeafClient : HostilePeer
{
    private const int Messages = 300;
    private const int EchoBytes = 16 << 20; // more than all windows and buffers of both directions together
    private static readonly TimeSpan s_deaf = TimeSpan.FromMilliseconds(300);

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        await using var witness = await ConnectAsync(target);
        var queue = $"deaf-{Guid.NewGuid():N}";
        await witness.DeclareQueueAsync(queue);
        await using (var deaf = await ConnectAsync(target, options => options with { StreamReceiveWindow = 16 << 10, ConnectionReceiveWindow = 64 << 10 }))
        {
            var consumer = await deaf.SubscribeAsync(queue, ProtocolLimits.MaxCredit, ProtocolLimits.MaxCredit, random.Next(2) == 0 ? SubscribeFlags.NoAck : SubscribeFlags.None);
            var publisher = await deaf.OpenPublisherAsync();
            await publisher.SendAsync(w =>
            {
                for (var number = 1; number <= Messages; number++)
                {
                    WireStream.WritePublish(w, (ulong)number, "", queue, new byte[random.Next(2_000)]);
                }
            });
            var echo = await deaf.OpenAsync(StreamKind.Echo);
            var shouting = ShoutAsync(echo.Quic);
            await Task.Delay(s_deaf); // the attack is to let time pass
            Assert.False(shouting.IsCompleted, "the node has taken an echo of 16 MiB that nobody reads");

            // The queue goes away under the deaf consumer, or after it.
            if (random.Next(2) == 0)
            {
                await DeleteAsync(witness, queue);
            }

            await deaf.DisposeAsync();
            await Wait.For(shouting, "the end of the shouting");
            GC.KeepAlive(consumer);
        }

        await DeleteAsync(witness, queue);
    }

    private static async Task ShoutAsync(IQuicStream echo)
    {
        try
        {
            for (var sent = 0; sent < EchoBytes; sent += 64 << 10)
            {
                await echo.Output.WriteAsync(new byte[64 << 10]);
            }
        }
        catch (QuicTransportException)
        {
            // The connection is over, as it must be in the end.
        }
    }

    private static async Task DeleteAsync(WireConnection connection, string queue)
    {
        await using var requests = await connection.OpenAsync(StreamKind.Request);
        await requests.SendAsync(w => new DeleteQueueFrame(1, queue, DeleteQueueFlags.None).Write(w));
        await requests.ExpectAsync(FrameType.CountOk);
    }
}
