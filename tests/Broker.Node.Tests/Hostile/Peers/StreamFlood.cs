using Broker.Node.Tests.Processes;
using Broker.Protocol;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Opens streams until the node's limit stops it, and uses none of them.</summary>
internal sealed class StreamFlood : HostilePeer
{
    private const int Limit = 256;
    private const byte HalfAVarint = 0x40;

    public override int Company => 2;

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        await using var connection = await ConnectAsync(target);
        var toTheLimit = random.Next(8) == 0;
        var count = toTheLimit ? Limit - 1 : random.Next(100); // the control stream is one of them
        for (var opened = 0; opened < count; opened++)
        {
            var stream = await Wait.For(connection.Quic.OpenStreamAsync(), $"stream {opened + 2} of {Limit} to open");
            await stream.Output.WriteAsync(new[] { random.Next(2) == 0 ? HalfAVarint : (byte)random.Next((int)StreamKind.Publish, (int)StreamKind.Echo + 1) });
        }

        if (toTheLimit)
        {
            using var enough = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
            var oneTooMany = connection.Quic.OpenStreamAsync(enough.Token).AsTask();
            var failure = await Record.ExceptionAsync(async () =>
            {
                // The peer learns of a stream by its first byte: a backend may hand it out before it may be used.
                var stream = await oneTooMany;
                await stream.Output.WriteAsync(new[] { HalfAVarint }, enough.Token);
                await stream.Output.CompleteAsync();
                await stream.WritesClosed.WaitAsync(enough.Token);
            });
            Assert.True(failure is OperationCanceledException, $"stream {Limit + 1} was taken: {failure}");
        }

        Assert.False(connection.Quic.Closed.IsCompleted, "a client that opens what it may was thrown out");
    }
}
