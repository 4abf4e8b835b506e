namespace Broker.Transport.Tests.Contract;

/// <summary>The acceptor bounds how many streams are open at once (RFC 9000, section 4.6).</summary>
public abstract class StreamLimitContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Opening_waits_at_the_limit_until_a_stream_is_closed()
    {
        var pair = await ConnectPairAsync(server => server with { MaxInboundStreams = 2 });
        var first = await OpenStreamAsync(pair.Client, pair.Server);
        _ = await OpenStreamAsync(pair.Client, pair.Server);

        var third = pair.Client.OpenStreamAsync().AsTask();
        Assert.True(await Wait.StaysPending(third), "the third stream opened beyond a limit of two");
        await CloseAsync(first);

        await Wait.For(third, "the slot of the closed stream");
    }

    [Fact]
    public async Task Half_closed_stream_keeps_its_slot()
    {
        var pair = await ConnectPairAsync(server => server with { MaxInboundStreams = 1 });
        var first = await OpenStreamAsync(pair.Client, pair.Server);
        await first.Local.Output.CompleteAsync();
        Assert.Equal(0, await Pattern.ReceiveAsync(first.Remote.Input));

        var second = pair.Client.OpenStreamAsync().AsTask();

        Assert.True(await Wait.StaysPending(second), "a slot came back though the answer was still open");
        await CloseAsync(first);
        await Wait.For(second, "the slot of the closed stream");
    }

    [Fact]
    public async Task Far_more_streams_than_the_limit_pass_one_after_another()
    {
        var pair = await ConnectPairAsync(server => server with { MaxInboundStreams = 3 });

        for (var i = 0; i < 50; i++)
        {
            await CloseAsync(await OpenStreamAsync(pair.Client, pair.Server));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Aborted_streams_return_their_slots(bool resetByOpener)
    {
        var pair = await ConnectPairAsync(server => server with { MaxInboundStreams = 3 });

        for (var i = 0; i < 30; i++)
        {
            var stream = await OpenStreamAsync(pair.Client, pair.Server);
            var aborting = resetByOpener ? stream.Local : stream.Remote;
            aborting.Reset(1);
            aborting.StopSending(1);
            await Wait.For(stream.Remote.DisposeAsync(), "the acceptor's end to be disposed");
            await Wait.For(stream.Local.DisposeAsync(), "the opener's end to be disposed");
        }
    }

    [Fact]
    public async Task Cancelled_waiter_does_not_take_a_slot_with_it()
    {
        var pair = await ConnectPairAsync(server => server with { MaxInboundStreams = 1 });
        var first = await OpenStreamAsync(pair.Client, pair.Server);
        using var cancel = new CancellationTokenSource();
        var cancelled = pair.Client.OpenStreamAsync(cancel.Token).AsTask();
        var patient = pair.Client.OpenStreamAsync().AsTask();
        Assert.True(await Wait.StaysPending(cancelled));

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(cancelled, "the cancelled open"));
        await CloseAsync(first);

        await Wait.For(patient, "the slot of the closed stream");
    }

    [Fact]
    public async Task Limit_of_zero_lets_the_peer_open_nothing()
    {
        var pair = await ConnectPairAsync(client: client => client with { MaxInboundStreams = 0 });

        var opening = pair.Server.OpenStreamAsync().AsTask();

        Assert.True(await Wait.StaysPending(opening));
        await Wait.For(pair.Server.CloseAsync(0), "the close");
        await Wait.ForFailure(QuicError.OperationAborted, opening, "the waiting open to fail with the connection");
    }

    private static async Task CloseAsync(StreamEnds stream)
    {
        await stream.Local.Output.CompleteAsync();
        await Pattern.ReceiveAsync(stream.Remote.Input);
        await stream.Remote.Output.CompleteAsync();
        await Pattern.ReceiveAsync(stream.Local.Input);
        await Wait.For(stream.Remote.DisposeAsync(), "the acceptor's end to be disposed");
        await Wait.For(stream.Local.DisposeAsync(), "the opener's end to be disposed");
    }
}
