namespace Broker.Transport.Tests.Contract;

/// <summary>RESET_STREAM abandons one direction with a code (RFC 9000, section 19.4).</summary>
public abstract class ResetContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    private const long LargestCode = (1L << 62) - 1;

    [Theory]
    [InlineData(0)]
    [InlineData(77)]
    [InlineData(LargestCode)]
    public async Task Reset_reaches_the_peers_reads_with_its_code(long code)
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var read = stream.Remote.Input.ReadAsync().AsTask();

        stream.Local.Reset(code);

        var failure = await Wait.ForFailure(QuicError.StreamAborted, read, "the read to see the reset");
        Assert.Equal(code, failure.ErrorCode);
    }

    [Fact]
    public async Task Reset_by_the_accepting_side_reaches_the_opener()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        stream.Remote.Reset(5);

        var failure = await Wait.ForFailure(QuicError.StreamAborted, () => stream.Local.Input.ReadAsync(), "the read to see the reset");
        Assert.Equal(5, failure.ErrorCode);
    }

    [Fact]
    public async Task Reset_leaves_the_other_direction_alone()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        stream.Local.Reset(1);
        await Wait.ForFailure(QuicError.StreamAborted, () => stream.Remote.Input.ReadAsync(), "the read to see the reset");
        var answer = Pattern.ReceiveAsync(stream.Local.Input);
        await Pattern.SendAsync(stream.Remote.Output, 1 << 20);

        Assert.Equal(1 << 20, await answer);
    }

    [Fact]
    public async Task Reset_twice_keeps_the_first_code()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        stream.Local.Reset(8);
        stream.Local.Reset(9);

        var failure = await Wait.ForFailure(QuicError.StreamAborted, () => stream.Remote.Input.ReadAsync(), "the read to see the reset");
        Assert.Equal(8, failure.ErrorCode);
    }

    [Fact]
    public async Task Reset_after_an_acknowledged_end_changes_nothing()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        await Pattern.SendAsync(stream.Local.Output, 100);
        await Wait.For(stream.Local.WritesClosed, "the peer to acknowledge the end");

        stream.Local.Reset(1);

        Assert.Equal(100, await Pattern.ReceiveAsync(stream.Remote.Input));
        await stream.Local.WritesClosed;
    }

    [Fact]
    public async Task Own_writes_fail_after_a_reset()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        stream.Local.Reset(3);

        await Wait.ForFailure(QuicError.OperationAborted, () => stream.Local.Output.WriteAsync(new byte[10]), "the write to fail");
        await Wait.ForFailure(QuicError.OperationAborted, stream.Local.WritesClosed, "WritesClosed to fault");
    }

    [Fact]
    public async Task Reset_releases_a_flush_that_waits()
    {
        var pair = await ConnectPairAsync(server => server with { StreamReceiveWindow = 16 << 10 }, client => client with { SendBufferSize = 16 << 10 });
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var (flush, _) = await Pattern.WriteUntilBlockedAsync(stream.Local.Output);

        stream.Local.Reset(3);

        await Wait.ForFailure(QuicError.OperationAborted, flush, "the flush to fail");
    }

    [Fact]
    public async Task Stream_disposed_before_its_end_is_reset_and_stopped_with_the_default_code()
    {
        var pair = await ConnectPairAsync(client: client => client with { DefaultStreamErrorCode = 42 });
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        await Wait.For(stream.Local.DisposeAsync(), "the stream to be disposed");

        var read = await Wait.ForFailure(QuicError.StreamAborted, () => stream.Remote.Input.ReadAsync(), "the read to see the reset");
        var closed = await Wait.ForFailure(QuicError.StreamAborted, stream.Remote.WritesClosed, "the writer to see the stop");
        Assert.Equal([42, 42], [read.ErrorCode, closed.ErrorCode]);
    }

    [Fact]
    public async Task Output_completed_with_an_exception_is_a_reset_with_the_default_code()
    {
        var pair = await ConnectPairAsync(client: client => client with { DefaultStreamErrorCode = 43 });
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        await stream.Local.Output.CompleteAsync(new InvalidDataException("the application gave up"));

        var read = await Wait.ForFailure(QuicError.StreamAborted, () => stream.Remote.Input.ReadAsync(), "the read to see the reset");
        Assert.Equal(43, read.ErrorCode);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(LargestCode + 1)]
    public async Task Codes_beyond_62_bits_are_refused(long code)
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Local.Reset(code));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Local.StopSending(code));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await pair.Client.CloseAsync(code));
    }
}
