using Broker.Transport.Ngtcp2;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Connections and streams come and go in every way there is, and nothing native stays behind.</summary>
[Collection(ProcessWideCounters.Name)]
public sealed class ChurnTests : Ngtcp2Tests
{
    // Tests before these may have left streams to the collector, whose buffers then still count.
    private readonly Ngtcp2Diagnostics _before = ProcessWideCounters.WithoutGarbage();

    [Fact]
    public async Task Nothing_is_left_when_the_transport_is_gone()
    {
        using var stop = new CancellationTokenSource();
        var pressure = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        });

        await using (var transport = new Ngtcp2Transport())
        {
            var listener = await transport.ListenAsync(ListenerDefaults with { MaxInboundStreams = 8 });
            var serve = ServeAsync(listener);
            await Wait.For(Task.WhenAll(Enumerable.Range(0, 8).Select(worker => ChurnAsync(transport, listener, worker))), "all workers");
            await listener.DisposeAsync();
            await Wait.For(serve, "the server to end");
        }

        await stop.CancelAsync();
        await pressure;
        await Wait.Until(IsNoMoreLeft, $"no more is left than the {_before} of before");
    }

    [Fact]
    public async Task Nothing_is_left_when_everything_is_dropped_in_the_middle()
    {
        for (var round = 0; round < 10; round++)
        {
            await using var transport = new Ngtcp2Transport();
            var listener = await transport.ListenAsync(ListenerDefaults);
            var client = await transport.ConnectAsync(ClientOf(listener));
            var server = (await listener.AcceptConnectionAsync())!;
            var streams = await Task.WhenAll(Enumerable.Range(0, 5).Select(async _ =>
            {
                var stream = await client.OpenStreamAsync();
                await stream.Output.WriteAsync(new byte[100_000]);
                stream.Output.GetSpan(10)[0] = 1;
                stream.Output.Advance(1);
                return stream;
            }));
            var taken = await server.AcceptStreamAsync();
            await taken.Input.ReadAsync();
            await transport.DisposeAsync();
            foreach (var stream in streams.Append(taken))
            {
                await stream.DisposeAsync();
                await Assert.ThrowsAnyAsync<Exception>(async () => await stream.Output.FlushAsync());
            }
        }

        await Wait.Until(IsNoMoreLeft, $"no more is left than the {_before} of before");
    }

    /// <summary>It may be less: what other tests have left goes meanwhile.</summary>
    private bool IsNoMoreLeft()
    {
        var now = Ngtcp2Diagnostics.Current;
        return now.Connections <= _before.Connections && now.TlsSessions <= _before.TlsSessions && now.TlsCredentials <= _before.TlsCredentials
            && now.Handles <= _before.Handles && now.Sockets <= _before.Sockets && now.Slabs <= _before.Slabs;
    }

    private async Task ChurnAsync(Ngtcp2Transport transport, IQuicListener listener, int worker)
    {
        var random = new Random(worker);
        for (var round = 0; round < 8; round++)
        {
            var connection = await transport.ConnectAsync(ClientOf(listener));
            await Task.WhenAll(Enumerable.Range(0, 12).Select(i => UseStreamAsync(connection, random.Next(4), random.Next(1, 60_000))));
            if (random.Next(2) == 0)
            {
                await connection.CloseAsync(5, "done");
            }
            else
            {
                await connection.DisposeAsync();
            }
        }
    }

    private static async Task UseStreamAsync(IQuicConnection connection, int way, int size)
    {
        await using var stream = await connection.OpenStreamAsync();
        try
        {
            await stream.Output.WriteAsync(new byte[size]);
            switch (way)
            {
                case 0:
                    stream.Reset(1);
                    stream.StopSending(2);
                    break;
                case 1:
                    await stream.Input.ReadAsync();
                    break;
                default:
                    await stream.Output.CompleteAsync();
                    Assert.Equal(size, (await ReadToEndAsync(stream.Input)).Length);
                    break;
            }
        }
        catch (QuicTransportException e) when (way < 2)
        {
            Assert.True(e.Error is QuicError.StreamAborted or QuicError.OperationAborted, e.ToString());
        }
    }

    private static async Task ServeAsync(IQuicListener listener)
    {
        var connections = new List<Task>();
        while (await listener.AcceptConnectionAsync() is { } connection)
        {
            connections.Add(ServeAsync(connection));
        }

        await Task.WhenAll(connections);
    }

    private static async Task ServeAsync(IQuicConnection connection)
    {
        var streams = new List<Task>();
        try
        {
            while (true)
            {
                streams.Add(ServeAsync(await connection.AcceptStreamAsync()));
            }
        }
        catch (QuicTransportException)
        {
            await Task.WhenAll(streams);
        }
    }

    private static async Task ServeAsync(IQuicStream stream)
    {
        await using (stream)
        {
            try
            {
                while (true)
                {
                    var read = await stream.Input.ReadAsync();
                    foreach (var segment in read.Buffer)
                    {
                        await stream.Output.WriteAsync(segment);
                    }

                    stream.Input.AdvanceTo(read.Buffer.End);
                    if (read.IsCompleted)
                    {
                        await stream.Output.CompleteAsync();
                        await stream.WritesClosed;
                        return;
                    }
                }
            }
            catch (QuicTransportException)
            {
                // The client went another way.
            }
        }
    }
}
