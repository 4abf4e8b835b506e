namespace Broker.Transport.Tests.Contract;

/// <summary>CONNECTION_CLOSE carries the application's code and reason (RFC 9000, section 19.19).</summary>
public abstract class CloseContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    private const long LargestCode = (1L << 62) - 1;

    [Theory]
    [InlineData(true, 0)]
    [InlineData(true, LargestCode)]
    [InlineData(false, 1234)]
    public async Task Peer_sees_the_code(bool byClient, long code)
    {
        var pair = await ConnectPairAsync();
        var (closing, other) = byClient ? (pair.Client, pair.Server) : (pair.Server, pair.Client);

        await Wait.For(closing.CloseAsync(code), "the close");

        var seen = await Wait.For(other.Closed, "the peer to see the close");
        Assert.Equal((QuicError.ConnectionAborted, code), (seen.Error, seen.ErrorCode));
    }

    [Theory]
    [InlineData(true, "maintenance: back in a minute")]
    [InlineData(false, "größte Not")]
    public async Task Peer_sees_the_reason(bool byClient, string reason)
    {
        RequireCapability(QuicCapabilities.CloseReason);
        var pair = await ConnectPairAsync();
        var (closing, other) = byClient ? (pair.Client, pair.Server) : (pair.Server, pair.Client);

        await Wait.For(closing.CloseAsync(3, reason), "the close");

        Assert.Equal(reason, (await Wait.For(other.Closed, "the peer to see the close")).Reason);
    }

    [Fact]
    public async Task Closing_side_sees_its_own_close()
    {
        var pair = await ConnectPairAsync();

        await Wait.For(pair.Client.CloseAsync(5, "enough"), "the close");

        var seen = await Wait.For(pair.Client.Closed, "Closed on the closing side");
        Assert.Equal(new QuicCloseInfo(QuicError.OperationAborted, 5, "enough"), seen);
    }

    [Fact]
    public async Task Second_close_changes_nothing()
    {
        var pair = await ConnectPairAsync();

        await Wait.For(pair.Client.CloseAsync(1, "first"), "the close");
        await Wait.For(pair.Client.CloseAsync(2, "second"), "the second close");
        await Wait.For(pair.Client.DisposeAsync(), "the connection to be disposed");

        Assert.Equal(1, (await Wait.For(pair.Server.Closed, "the server to see the close")).ErrorCode);
        Assert.Equal(1, (await pair.Client.Closed).ErrorCode);
    }

    [Fact]
    public async Task Disposing_closes_with_the_default_code()
    {
        var pair = await ConnectPairAsync(client: client => client with { DefaultCloseErrorCode = 321 });

        await Wait.For(pair.Client.DisposeAsync(), "the connection to be disposed");

        var seen = await Wait.For(pair.Server.Closed, "the server to see the close");
        Assert.Equal((QuicError.ConnectionAborted, 321), (seen.Error, seen.ErrorCode));
    }

    [Fact]
    public async Task Long_reason_is_cut_to_256_bytes_between_characters()
    {
        var pair = await ConnectPairAsync();

        await Wait.For(pair.Client.CloseAsync(1, new string('é', 1000)), "the close");

        var own = await Wait.For(pair.Client.Closed, "Closed on the closing side");
        Assert.Equal(new string('é', 128), own.Reason);
        var seen = await Wait.For(pair.Server.Closed, "the server to see the close");
        if (Transport.Capabilities.HasFlag(QuicCapabilities.CloseReason))
        {
            Assert.Equal(new string('é', 128), seen.Reason);
        }
    }
}
