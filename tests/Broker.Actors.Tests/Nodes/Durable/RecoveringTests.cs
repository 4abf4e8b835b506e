using Broker.Protocol;
using Broker.Protocol.Bbq;
using Broker.Storage.Disks;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>A node that has not yet read what is on its disk takes connections, answers administrators, and lets everybody else wait.</summary>
public sealed class RecoveringTests : IAsyncDisposable
{
    private readonly MemoryDisk _disk = new();
    private BrokerFixture? _broker;
    private DiskHold? _hold;

    public async ValueTask DisposeAsync()
    {
        _hold?.Dispose();
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }

    [Fact]
    public async Task Cluster_show_says_that_the_node_is_recovering_and_then_that_it_is_up()
    {
        var broker = await RestartAsync();
        await using var admin = await broker.AdministerAsync();
        var shown = (await admin.RunAsync("cluster show"))[0];
        Assert.StartsWith("recovering", (string)shown["status"]!, StringComparison.Ordinal);
        _hold!.Release();
        await broker.ServerAsync();
        Assert.Equal("up", (string)(await admin.RunAsync("cluster show"))[0]["status"]!);
    }

    [Theory]
    [InlineData("queue list", "")]
    [InlineData("queue declare", """{"queue":"new"}""")]
    [InlineData("queue peek", """{"queue":"orders"}""")]
    [InlineData("exchange list", "")]
    [InlineData("binding list", "")]
    [InlineData("store show", "")]
    [InlineData("store verify", "")]
    public async Task Command_that_needs_what_is_on_the_disk_is_refused_with_the_reason_and_works_later(string command, string json)
    {
        var broker = await RestartAsync();
        await using var admin = await broker.AdministerAsync();
        var reason = await admin.RefusedAsync(ErrorCode.Unavailable, command, json);
        Assert.Contains("recovering", reason, StringComparison.Ordinal);
        _hold!.Release();
        await broker.ServerAsync();
        await admin.RunAsync(command, json);
    }

    [Theory]
    [InlineData("catalog")]
    [InlineData("actor hierarchy")]
    [InlineData("connection list")]
    [InlineData("user list")]
    public async Task Command_that_needs_nothing_from_the_disk_works_at_once(string command)
    {
        var broker = await RestartAsync();
        await using var admin = await broker.AdministerAsync();
        Assert.NotEmpty(await admin.RunAsync(command));
    }

    [Fact]
    public async Task Streams_that_need_queues_wait_and_then_find_everything_there()
    {
        var broker = await RestartAsync();
        await using var client = await broker.ConnectAsync();
        var publisher = await client.OpenAsync(StreamKind.Publish);
        await publisher.SendAsync(w => new PublisherOpenFrame("").Write(w), w => WireStream.WritePublish(w, 1, "", "orders", "third"u8.ToArray(), PublishFlags.Mandatory));
        var consumer = await client.OpenAsync(StreamKind.Consume);
        await consumer.SendAsync(w => new SubscribeFrame { Queue = "orders", CreditMessages = 100, CreditBytes = 1 << 20 }.Write(w));
        var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "orders", Flags = DeclareQueueFlags.Durable }.Write(w));
        var ready = publisher.ExpectAsync(FrameType.PublisherReady);
        var subscribed = consumer.ExpectAsync(FrameType.Subscribed);
        var declared = requests.ExpectQueueOkAsync();
        await using (var echo = await client.OpenAsync(StreamKind.Echo)) // needs no queue
        {
            await echo.SendBytesAsync(1, 2, 3);
            echo.Finish();
            Assert.Equal([1, 2, 3], await echo.ReadBytesAsync());
        }

        Assert.False(ready.IsCompleted || subscribed.IsCompleted || declared.IsCompleted, "answered before the queues were there");
        _hold!.Release();
        await ready;
        await subscribed;
        await declared;
        Assert.Equal([1UL], await publisher.ExpectConfirmsAsync(1));
        Assert.Equal(["first", "second", "third"], await consumer.ExpectBodiesAsync(3));
    }

    [Fact]
    public async Task Streams_of_bbq_wait_and_then_work()
    {
        var broker = await RestartAsync();
        await using var bbq = await broker.ConnectRawAsync("bbq");
        var publisher = new WireStream(await bbq.Quic.OpenStreamAsync());
        await publisher.SendAsync(w => BbqRequest.WritePublish(w, ""u8, "orders"u8, "third"u8));
        publisher.Finish();
        var confirming = publisher.ReadBytesAsync();
        await using var admin = await broker.AdministerAsync();
        await WireAdmin.UntilAsync(() => admin.RunAsync("connection list"), list => list.Any(c => (string)c["protocol"]! == "bbq"), "the connection to be there");
        Assert.False(confirming.IsCompleted, "confirmed before the queue was there");
        _hold!.Release();
        Assert.Equal([0], await confirming);
        await admin.ExpectQueueAsync("orders", ready: 3, unsettled: 0);
    }

    [Fact]
    public async Task Stream_that_is_abandoned_while_it_waits_does_nothing_later()
    {
        var broker = await RestartAsync();
        await using var client = await broker.ConnectAsync();
        var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new PurgeQueueFrame(1, "orders").Write(w));
        var gone = await broker.ConnectAsync();
        var publisher = await gone.OpenAsync(StreamKind.Publish);
        await publisher.SendAsync(w => new PublisherOpenFrame("").Write(w), w => WireStream.WritePublish(w, 1, "", "orders", "lost"u8.ToArray()));
        await gone.DisposeAsync();
        await using var admin = await broker.AdministerAsync();
        requests.Abandon();
        await WireAdmin.UntilAsync(() => admin.RunAsync("connection list"), list => list.Count == 2, "the connection to be gone");
        _hold!.Release();
        await broker.ServerAsync();
        Assert.Equal(["first", "second"], (await admin.RunAsync("queue peek", """{"queue":"orders"}""")).Select(r => (string)r["body"]!));
        await client.DeclareQueueAsync("new");
    }

    [Fact]
    public async Task User_is_disabled_while_the_node_recovers()
    {
        var broker = await RestartAsync();
        await using var client = await broker.ConnectAsync(TestCertificates.Client);
        await using var admin = await broker.AdministerAsync();
        Assert.Equal(["admin:enabled:1", "client:enabled:1"], (await admin.RunAsync("user list")).Select(u => $"{u["user"]}:{u["state"]}:{u["connections"]}"));
        var disabling = admin.RunAsync("user disable", """{"user":"client"}"""); // needs the disk for its note
        _hold!.Release();
        await disabling;
        Assert.Equal((long?)ErrorCode.AccessRefused, (await client.ClosedAsync()).ErrorCode);
    }

    [Fact]
    public async Task Vhosts_and_permissions_are_known_before_queues_are()
    {
        await using (var before = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var preparing = await before.AdministerAsync();
            await preparing.RunAsync("vhost add", """{"vhost":"shop"}""");
            await preparing.RunAsync("permission set", """{"user":"client","configure":".*","write":".*","read":".*","vhost":"/"}""");
            await preparing.RunAsync("permission set", """{"user":"client","configure":"","write":".*","read":"","vhost":"shop"}""");
        }

        var broker = await RestartAsync();
        await using var client = await broker.ConnectAsync(vhost: "shop");
        await broker.ConnectRefusedAsync(ErrorCode.NotFound, "none");
        await using var admin = await broker.AdministerAsync();
        Assert.Equal(2, (await admin.RunAsync("permission list")).Count);
        _hold!.Release();
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "q" }.Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.AccessRefused);
    }

    [Fact]
    public async Task Start_on_a_disk_that_cannot_be_read_fails_and_says_why()
    {
        await FillAsync();
        _disk.OnOperation = o => o.Kind == DiskOperationKind.Read && DiskHold.IsLogFile(o.Path) ? DiskError.Io : null;
        await using var broker = await BrokerFixture.ListenAsync(disk: _disk);
        var failure = await Assert.ThrowsAsync<DiskException>(broker.ServerAsync);
        Assert.Contains("log/", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>A node that has begun to read its log and goes on when it is let.</summary>
    private async Task<BrokerFixture> RestartAsync()
    {
        await FillAsync();
        _hold = new DiskHold(_disk, o => o.Kind == DiskOperationKind.Read && DiskHold.IsLogFile(o.Path));
        _broker = await BrokerFixture.ListenAsync(disk: _disk);
        await _hold.ReachedAsync();
        return _broker;
    }

    private async Task FillAsync()
    {
        await using var broker = await BrokerFixture.StartAsync(disk: _disk);
        await using var client = await broker.ConnectAsync();
        await client.FillDurableAsync("orders", "first", "second");
    }
}
