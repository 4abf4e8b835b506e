using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Transport;

namespace Broker.Actors.Tests.Nodes;

/// <summary>A user can be kept out whatever certificate it shows.</summary>
public sealed class UserTests
{
    [Fact]
    public async Task Disabled_user_is_disconnected_with_the_reason_and_others_are_not()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var one = await broker.ConnectAsync();
        await using var two = await broker.ConnectAsync();
        await using var bbq = await broker.ConnectRawAsync("bbq");
        await WireAdmin.UntilAsync(() => admin.RunAsync("connection list"), list => list.Count == 4, "all to be connected");
        var row = Assert.Single(await admin.RunAsync("user disable", """{"user":"client","reason":"left the company"}"""));
        Assert.Equal(("client", 3), ((string)row["user"]!, (int)row["closed"]!));
        foreach (var connection in new[] { one, two, bbq })
        {
            await ExpectRefusedAsync(connection, "left the company");
        }

        Assert.Single(await admin.RunAsync("cluster show"));
    }

    [Theory]
    [InlineData("broker/1")]
    [InlineData("bbq")]
    public async Task Disabled_user_is_refused_until_it_is_enabled(string alpn)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.RunAsync("user disable", """{"user":"client","reason":"for now"}""");
        await using (var refused = await broker.ConnectRawAsync(alpn))
        {
            await ExpectRefusedAsync(refused, "for now");
        }

        await admin.RunAsync("user enable", """{"user":"client"}""");
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
    }

    [Fact]
    public async Task Disabled_user_is_refused_after_a_restart_and_while_the_node_recovers()
    {
        var disk = new MemoryDisk();
        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var admin = await broker.AdministerAsync();
            await admin.RunAsync("user disable", """{"user":"client","reason":"for good"}""");
            await admin.RunAsync("user disable", """{"user":"nobody"}""");
            await admin.RunAsync("user enable", """{"user":"nobody"}""");
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: disk);
        await using var again = await restarted.AdministerAsync();
        await using var refused = await restarted.ConnectRawAsync("broker/1");
        await ExpectRefusedAsync(refused, "for good");
        Assert.Equal(
            ["admin:enabled:1:", "client:disabled:0:for good", "nobody:enabled:0:"],
            (await again.RunAsync("user list")).Select(u => $"{u["user"]}:{u["state"]}:{u["connections"]}:{u["reason"]}"));
        await again.RunAsync("user enable", """{"user":"client"}""");
        await using var client = await restarted.ConnectAsync();
    }

    [Fact]
    public async Task Connection_that_comes_just_while_its_user_is_disabled_does_not_slip_through()
    {
        var clock = new HeldClock();
        await using var broker = await BrokerFixture.StartAsync(time: clock);
        using var held = clock; // released before the node ends
        await using var admin = await broker.AdministerAsync();
        await admin.RunAsync("user list");
        clock.Hold();
        await using var client = await broker.ConnectRawAsync("broker/1"); // found to be welcome, and not in the list of connections yet
        await clock.HeldAsync();
        await admin.Stream.SendAsync(w => new AdminRequestFrame(7, "user disable", """{"user":"client","reason":"for good"}"""u8.ToArray()).Write(w));
        await admin.Stream.ExpectAsync(FrameType.AdminRow);
        clock.Release();
        await ExpectRefusedAsync(client, "for good");
    }

    [Fact]
    public async Task Messages_that_a_disabled_user_held_go_back()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var client = await broker.ConnectAsync();
        await client.FillDurableAsync("orders", "1", "2");
        await using var consumer = await client.SubscribeAsync("orders");
        await consumer.ExpectDeliveriesAsync(2);
        await admin.RunAsync("user disable", """{"user":"client"}""");
        await admin.ExpectQueueAsync("orders", ready: 2, unsettled: 0);
    }

    [Theory]
    [InlineData("user disable", "")]
    [InlineData("user disable", """{"user":""}""")]
    [InlineData("user enable", """{"user":""}""")]
    public async Task User_without_a_name_is_refused(string command, string json)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.RefusedAsync(ErrorCode.InvalidArgument, command, json);
    }

    [Fact]
    public async Task User_whose_name_is_too_long_is_refused()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.RefusedAsync(ErrorCode.InvalidArgument, "user disable", $$"""{"user":"{{new string('ä', 128)}}"}""");
        await admin.RunAsync("user disable", $$"""{"user":"{{new string('ä', 127)}}"}""");
        Assert.Equal(2, (await admin.RunAsync("user list")).Count);
    }

    [Fact]
    public async Task What_cannot_be_stored_is_not_in_force()
    {
        var disk = new MemoryDisk();
        await using var broker = await BrokerFixture.StartAsync(disk: disk);
        await using var admin = await broker.AdministerAsync();
        disk.OnOperation = o => o.Kind == DiskOperationKind.Sync && o.Path.StartsWith("metadata/", StringComparison.Ordinal) ? DiskError.Io : null;
        await admin.RefusedAsync(ErrorCode.Unavailable, "user disable", """{"user":"client"}""");
        await using var client = await broker.ConnectAsync();
        Assert.Equal("enabled", (string)(await admin.RunAsync("user list")).Single(u => (string)u["user"]! == "client")["state"]!);
    }

    private static async Task ExpectRefusedAsync(WireConnection connection, string reason)
    {
        var closed = await connection.ClosedAsync();
        Assert.Equal((QuicError.ConnectionAborted, (long?)ErrorCode.AccessRefused), (closed.Error, closed.ErrorCode));
        Assert.Contains("'client' is disabled", closed.Reason, StringComparison.Ordinal);
        Assert.Contains(reason, closed.Reason, StringComparison.Ordinal);
    }
}
