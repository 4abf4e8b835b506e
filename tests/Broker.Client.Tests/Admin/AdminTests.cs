using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Admin;

public sealed class AdminTests
{
    [Fact]
    public async Task Rows_come_in_order_until_the_end()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var rows = ReadAsync(client.AdminAsync("queue list", new JsonObject { ["vhost"] = "/" }));
        var stream = await broker.AcceptAsync(StreamKind.Admin);
        var request = await stream.ReadAsync<AdminRequestFrame>(FrameType.AdminRequest, AdminRequestFrame.TryRead);
        Assert.Equal(("queue list", "{\"vhost\":\"/\"}"), (request.Command, Encoding.UTF8.GetString(request.Json.Span)));
        await stream.SendAsync(Row(1, "{\"name\":\"a\"}"), Row(1, "{\"name\":\"b\"}"), new AdminEndFrame(1, ErrorCode.NoError, "").Write);
        Assert.Equal(["a", "b"], (await Within.TimeAsync(rows, "the rows")).Select(static row => row.GetProperty("name").GetString()));
        Assert.Null(await stream.TryReadAsync());
    }

    [Fact]
    public async Task A_command_that_fails_yields_its_rows_first()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var seen = new List<JsonElement>();
        var rows = ReadAsync(client.AdminAsync("queue list"), seen);
        var stream = await broker.AcceptAsync(StreamKind.Admin);
        await stream.SendAsync(Row(1, "{}"), new AdminEndFrame(1, ErrorCode.NotFound, "no such vhost").Write);
        var failure = await Assert.ThrowsAsync<BrokerRequestException>(() => Within.TimeAsync(rows, "the failure"));
        Assert.Equal((ErrorCode.NotFound, "no such vhost", "queue list"), (failure.ErrorCode, failure.Reason, failure.Operation));
        Assert.Single(seen);
    }

    [Fact]
    public async Task Leaving_the_loop_abandons_the_command()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var loop = Task.Run(async () =>
        {
            await foreach (var row in client.AdminAsync("log tail"))
            {
                break;
            }
        });
        var stream = await broker.AcceptAsync(StreamKind.Admin);
        await stream.ReadAsync();
        await stream.SendAsync(Row(1, "{}"));
        await Within.TimeAsync(loop, "the loop");
        var reset = await Assert.ThrowsAsync<Transport.QuicTransportException>(() => stream.TryReadAsync());
        Assert.Equal((long)ErrorCode.Cancelled, reset.ErrorCode);
        Assert.False(client.Closed.IsCompleted);
    }

    [Theory]
    [InlineData("405103017b78")]
    [InlineData("405103027b7d")]
    [InlineData("4051027b")]
    [InlineData("2000")]
    public async Task A_row_that_cannot_be_closes_the_connection(string hex)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var rows = ReadAsync(client.AdminAsync("queue list"));
        var stream = await broker.AcceptAsync(StreamKind.Admin);
        await stream.Quic.Output.WriteAsync(Convert.FromHexString(hex));
        await stream.EndAsync();
        var lost = await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(rows, "the end"));
        Assert.Equal(ErrorCode.ProtocolViolation, lost.ErrorCode);
    }

    [Fact]
    public async Task Echoed_bytes_come_back_whatever_their_number()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var bytes = Enumerable.Range(0, 5_000_000).Select(static i => (byte)(i % 255)).ToArray();
        var echo = client.EchoAsync(bytes);
        await EchoAsync(await broker.AcceptAsync(StreamKind.Echo));
        Assert.True((await Within.TimeAsync(echo, "the echo")).AsSpan().SequenceEqual(bytes));

        var ping = client.PingAsync();
        await EchoAsync(await broker.AcceptAsync(StreamKind.Echo));
        Assert.True(await Within.TimeAsync(ping, "the ping") > TimeSpan.Zero);
    }

    [Fact]
    public async Task A_cancelled_echo_abandons_its_stream_only()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        using var cancel = new CancellationTokenSource();
        var echo = client.EchoAsync(new byte[10], cancel.Token);
        await broker.AcceptAsync(StreamKind.Echo);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(echo, "the cancellation"));
        Assert.False(client.Closed.IsCompleted);
    }

    private static Action<System.Buffers.IBufferWriter<byte>> Row(ulong id, string json) => new AdminRowFrame(id, Encoding.UTF8.GetBytes(json)).Write;

    private static async Task<List<JsonElement>> ReadAsync(IAsyncEnumerable<JsonElement> rows, List<JsonElement>? into = null)
    {
        into ??= [];
        await foreach (var row in rows)
        {
            into.Add(row);
        }

        return into;
    }

    private static async Task EchoAsync(PeerStream stream)
    {
        while (true)
        {
            var result = await Within.TimeAsync(stream.Quic.Input.ReadAsync().AsTask(), "bytes to echo");
            foreach (var segment in result.Buffer)
            {
                await stream.Quic.Output.WriteAsync(segment);
            }

            stream.Quic.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                await stream.EndAsync();
                return;
            }
        }
    }
}
