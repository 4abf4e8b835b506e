using Broker.Protocol;
using Broker.Transport;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Ends streams in every way and order that QUIC allows: reset, stop-sending, FIN, before, between and after bytes, the control stream included.</summary>
internal sealed class OddEnds : HostilePeer
{
    private const int MaxStreams = 24;

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        var connection = await target.Transport.ConnectAsync(target.Options);
        try
        {
            if (random.Next(4) > 0)
            {
                var control = await connection.OpenStreamAsync();
                StreamHeader.Write(control.Output, StreamKind.Control);
                new HelloFrame { ClientName = "odd" }.Write(control.Output);
                await control.Output.FlushAsync();
                await control.Input.ReadAsync(); // WELCOME, or the connection could be over before the node knows of it
                if (random.Next(3) == 0)
                {
                    await EndAsync(control, random);
                }
            }

            for (var streams = random.Next(1, MaxStreams); streams > 0; streams--)
            {
                var stream = await connection.OpenStreamAsync();
                StreamHeader.Write(stream.Output, (StreamKind)random.Next(8));
                await EndAsync(stream, random);
            }
        }
        catch (QuicTransportException)
        {
            // An odd end of the control stream is the connection's end.
        }
        finally
        {
            await connection.CloseAsync(random.NextInt64(1L << 62), new string('?', random.Next(300)));
            await connection.DisposeAsync();
        }
    }

    private static async Task EndAsync(IQuicStream stream, Random random)
    {
        for (var steps = random.Next(1, 6); steps > 0; steps--)
        {
            try
            {
                switch (random.Next(5))
                {
                    case 0:
                        stream.Reset(random.NextInt64(1L << 62));
                        break;
                    case 1:
                        stream.StopSending(random.NextInt64(1L << 62));
                        break;
                    case 2:
                        await stream.Output.WriteAsync(RandomBytes(random, 100));
                        break;
                    case 3:
                        await stream.Output.CompleteAsync();
                        break;
                    default:
                        await stream.DisposeAsync();
                        return;
                }
            }
            catch (Exception e) when (e is QuicTransportException or InvalidOperationException)
            {
                // Some orders end with the first step.
            }
        }
    }
}
