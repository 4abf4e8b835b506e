using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client.Tests.Connections;

public sealed class ConnectTests
{
    [Fact]
    public async Task Hello_says_who_comes_and_welcome_who_answers()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        var connecting = BrokerClient.ConnectAsync(broker.Options with { Vhost = "staging", MaxMessageBytes = 4096 });
        await broker.AcceptAsync(new WelcomeFrame { NodeId = "n1", ClusterName = "c", ProductVersion = "9.9", Identity = "alice", MaxMessageBytes = 2048 });
        await using var client = await Within.TimeAsync(connecting, "the client to connect");

        Assert.Equal(
            ("tests", "staging", 4096, 4096 + 1024), (broker.Hello.ClientName, broker.Hello.Vhost, broker.Hello.MaxMessageBytes, broker.Hello.MaxFrameBytes));
        Assert.Equal(("n1", "c", "9.9", "alice", 2048), (client.NodeId, client.ClusterName, client.ServerVersion, client.Identity, client.MaxMessageBytes));
        Assert.False(client.Closed.IsCompleted);
    }

    [Fact]
    public async Task A_refusal_has_the_servers_code_and_reason()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        var connecting = BrokerClient.ConnectAsync(broker.Options);
        await broker.AcceptHelloAsync();
        await broker.Connection.CloseAsync((long)ErrorCode.AccessRefused, "no such user");

        var refusal = await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(connecting, "the refusal"));
        Assert.Equal((ErrorCode.AccessRefused, false), (refusal.ErrorCode, refusal.IsRetryable));
        Assert.Contains("no such user", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_there_is_worth_a_retry_and_the_next_endpoint()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        var nobody = new BrokerEndpoint("127.0.0.1", 1);
        var failure = await Assert.ThrowsAsync<BrokerConnectionException>(() => BrokerClient.ConnectAsync(broker.Options with { Endpoints = [nobody] }));
        Assert.Equal((ErrorCode.Unavailable, true, QuicError.ConnectionRefused), (failure.ErrorCode, failure.IsRetryable, failure.TransportError));

        var connecting = BrokerClient.ConnectAsync(broker.Options with { Endpoints = [nobody, .. broker.Options.Endpoints] });
        await broker.AcceptAsync();
        await using var client = await Within.TimeAsync(connecting, "the second endpoint");
        Assert.Equal(broker.Options.Endpoints[0], client.Endpoint);
    }

    [Fact]
    public async Task No_welcome_in_time_is_a_timeout()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        var connecting = BrokerClient.ConnectAsync(broker.Options with { ConnectTimeout = TimeSpan.FromMilliseconds(50) });
        var failure = await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(connecting, "the timeout"));
        Assert.Equal((ErrorCode.HandshakeTimeout, true), (failure.ErrorCode, failure.IsRetryable));
    }

    [Fact]
    public async Task Cancelling_ends_the_wait_for_welcome()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        using var cancel = new CancellationTokenSource();
        var connecting = BrokerClient.ConnectAsync(broker.Options, cancel.Token);
        await broker.AcceptHelloAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(connecting, "the cancellation"));
    }

    [Theory]
    [InlineData("020102", ErrorCode.UnsupportedVersion)]
    [InlineData("0300", ErrorCode.ProtocolViolation)]
    [InlineData("02ffffffffffffffff", ErrorCode.FrameTooLarge)]
    public async Task What_is_no_welcome_closes_the_connection(string hex, ErrorCode code)
    {
        await using var broker = await ScriptedBroker.StartAsync();
        var connecting = BrokerClient.ConnectAsync(broker.Options);
        await broker.AcceptHelloAsync();
        await broker.Control.Quic.Output.WriteAsync(Convert.FromHexString(hex));

        var failure = await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(connecting, "the failure"));
        Assert.Equal(code, failure.ErrorCode);
        Assert.Equal(code, (await broker.ClosedByClientAsync()).Code);
    }

    [Fact]
    public async Task Options_that_cannot_be_are_named()
    {
        var options = new BrokerClientOptions { TrustedRootsFile = "ca.pem" };
        Assert.Equal("Endpoints", (await Refused(options with { Endpoints = [] })).ParamName);
        Assert.Equal("TrustedRootsFile", (await Refused(options with { TrustedRootsFile = null })).ParamName);
        Assert.Equal("PrivateKeyFile", (await Refused(options with { CertificateFile = "client.pem" })).ParamName);
        Assert.Equal("ConnectTimeout", (await Refused(options with { ConnectTimeout = TimeSpan.Zero })).ParamName);

        static Task<ArgumentException> Refused(BrokerClientOptions options) => Assert.ThrowsAsync<ArgumentException>(() => BrokerClient.ConnectAsync(options));
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_is_named()
    {
        var failure = await Assert.ThrowsAsync<BrokerConnectionException>(
            () => BrokerClient.ConnectAsync(new BrokerClientOptions { TrustedRootsFile = "nowhere/ca.pem" }));
        Assert.Equal((ErrorCode.InvalidArgument, false), (failure.ErrorCode, failure.IsRetryable));
        Assert.Contains("nowhere", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("broker.example", "broker.example", 7400)]
    [InlineData("broker.example:7401", "broker.example", 7401)]
    [InlineData("10.0.0.1:1", "10.0.0.1", 1)]
    [InlineData("::1", "::1", 7400)]
    [InlineData("[::1]:7402", "::1", 7402)]
    [InlineData("[::1]", "::1", 7400)]
    public void Endpoints_are_read(string text, string host, int port)
    {
        Assert.Equal(new BrokerEndpoint(host, port), BrokerEndpoint.Parse(text));
        Assert.Equal(new BrokerEndpoint(host, port), BrokerEndpoint.Parse(BrokerEndpoint.Parse(text).ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData(":7400")]
    [InlineData("host:")]
    [InlineData("host:0")]
    [InlineData("host:65536")]
    [InlineData("host:x")]
    [InlineData("[::1")]
    [InlineData("[::1]7400")]
    public void What_is_no_endpoint_is_refused(string text) => Assert.Throws<FormatException>(() => BrokerEndpoint.Parse(text));
}
