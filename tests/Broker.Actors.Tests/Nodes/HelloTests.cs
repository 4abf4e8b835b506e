using Broker.Actors.Server;
using Broker.Actors.Tests.Runtime;
using Broker.Protocol;
using Broker.Transport;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Nodes;

public sealed class HelloTests
{
    [Fact]
    public async Task Welcome_names_the_node_the_user_and_the_limits()
    {
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { MaxMessageBytes = 4096 });
        await using var client = await broker.ConnectAsync();
        var welcome = client.Welcome!;
        Assert.Equal(("node-1", "broker", "client"), (welcome.NodeId, welcome.ClusterName, welcome.Identity));
        Assert.Equal((4096, 4096 + 1024), (welcome.MaxMessageBytes, welcome.MaxFrameBytes));
    }

    [Theory]
    [InlineData(2, "/", ErrorCode.UnsupportedVersion)]
    [InlineData(1, "/other", ErrorCode.NotFound)]
    public async Task Hello_that_cannot_be_served_closes_the_connection(ulong version, string vhost, ErrorCode code)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectRawAsync("broker/1");
        var control = await client.OpenAsync(StreamKind.Control);
        await control.SendAsync(w => new HelloFrame { ClientName = "test", Version = version, Vhost = vhost }.Write(w));
        await ExpectClosedAsync(client, code);
    }

    [Fact]
    public async Task Second_hello_closes_the_connection()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectRawAsync("broker/1");
        var control = await client.OpenAsync(StreamKind.Control);
        var hello = new HelloFrame { ClientName = "test" };
        await control.SendAsync(hello.Write, hello.Write);
        await ExpectClosedAsync(client, ErrorCode.ProtocolViolation);
    }

    [Fact]
    public async Task Second_control_stream_closes_the_connection()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.OpenAsync(StreamKind.Control);
        await ExpectClosedAsync(client, ErrorCode.ProtocolViolation);
    }

    [Theory]
    [InlineData("4040 00", ErrorCode.UnknownFrame)]
    [InlineData("04 02 00 00", ErrorCode.UnknownFrame)]
    [InlineData("02 00", ErrorCode.ProtocolViolation)]
    [InlineData("01 00", ErrorCode.ProtocolViolation)]
    [InlineData("01 5001", ErrorCode.FrameTooLarge)]
    [InlineData("01 bfffffff", ErrorCode.FrameTooLarge)]
    public async Task Bad_frame_on_the_control_stream_closes_the_connection(string hex, ErrorCode code)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectRawAsync("broker/1");
        var control = await client.OpenAsync(StreamKind.Control);
        await control.SendHexAsync(hex);
        await ExpectClosedAsync(client, code);
    }

    [Fact]
    public async Task Reset_of_the_control_stream_closes_the_connection()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        client.Control.Abandon();
        await ExpectClosedAsync(client, ErrorCode.ProtocolViolation);
    }

    [Fact]
    public async Task End_of_the_control_stream_asks_for_an_orderly_close()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        client.Control.Finish();
        await ExpectClosedAsync(client, ErrorCode.NoError);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Client_that_says_no_hello_in_time_is_closed(bool opensControl)
    {
        var time = new ManualTimeProvider();
        var limits = new BrokerLimits();
        await using var broker = await BrokerFixture.StartAsync(limits, time);
        var timers = time.ActiveTimers;
        await using var client = await broker.ConnectRawAsync("broker/1");
        await WireAdmin.UntilAsync(() => Task.FromResult(time.ActiveTimers), count => count > timers, "the node to start its timer");
        if (opensControl)
        {
            await client.OpenAsync(StreamKind.Control);
        }

        await using (var other = await broker.ConnectAsync())
        {
            time.Advance(limits.OpeningTimeout - TimeSpan.FromMilliseconds(1));
            Assert.False(client.Quic.Closed.IsCompleted);
            time.Advance(TimeSpan.FromMilliseconds(1));
            await ExpectClosedAsync(client, ErrorCode.HandshakeTimeout);
            await other.DeclareQueueAsync("the welcomed one goes on");
        }
    }

    [Fact]
    public async Task Streams_that_come_before_welcome_wait_for_it()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var early = await broker.ConnectRawAsync("broker/1");
        var requests = await early.OpenRequestsAsync();
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "early" }.Write(w));

        await using var other = await broker.ConnectAsync();
        await using var check = await other.OpenRequestsAsync();
        await check.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "early", Flags = DeclareQueueFlags.Passive }.Write(w));
        await check.ExpectRefusalAsync(ErrorCode.NotFound);

        await early.HelloAsync();
        Assert.Equal("early", (await requests.ExpectQueueOkAsync()).Name);
    }

    [Fact]
    public async Task Certificate_tells_the_user()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.ConnectAsync(TestCertificates.AdminClient);
        Assert.Equal("admin", admin.Welcome!.Identity);
    }

    private static async Task ExpectClosedAsync(WireConnection client, ErrorCode code)
    {
        var closed = await client.ClosedAsync();
        Assert.Equal((QuicError.ConnectionAborted, (long?)code), (closed.Error, closed.ErrorCode));
        Assert.True(code == ErrorCode.NoError || closed.Reason.Length > 0, "a refusal gives its reason");
    }
}
