using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Messages to a client by its address (docs/protocol.md, section 8.6).</summary>
public sealed class AddressTests
{
    [Fact]
    public async Task A_message_to_an_address_comes_to_its_consumer()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var ann = await broker.ConnectAsync(TlsOf("ann"));
        await using var bob = await broker.ConnectAsync(TlsOf("bob"));
        var annReads = await ann.SubscribeDirectAsync("amq.address.ann");
        var bobReads = await bob.SubscribeDirectAsync("amq.address.bob the second");
        await using var annWrites = await ann.OpenPublisherAsync();
        await using var bobWrites = await bob.OpenPublisherAsync();
        await annWrites.PublishAsync(1, "amq.address", "bob the second", "hi", PublishFlags.Mandatory);
        await bobWrites.PublishAsync(1, "amq.address", "ann", "hello");
        var hi = await bobReads.ExpectDeliveryAsync();
        Assert.Equal(("hi", "amq.address", "bob the second"), (hi.Text, hi.Exchange, hi.Key));
        Assert.Equal("hello", (await annReads.ExpectDeliveryAsync()).Text);
        await annWrites.ExpectConfirmsAsync(1);
        await bobWrites.ExpectConfirmsAsync(1);
    }

    [Fact]
    public async Task A_message_to_nobody_is_dropped_or_returned()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "amq.address", "nobody", "lost");
        Assert.Equal([1UL], await publisher.ExpectConfirmsAsync(1));
        await publisher.PublishAsync(2, "amq.address", "nobody", "back", PublishFlags.Mandatory);
        Assert.Equal(ErrorCode.Unroutable, (await publisher.ExpectReturnAsync()).Code);

        var reads = await client.SubscribeDirectAsync("amq.address.somebody");
        await publisher.PublishAsync(3, "amq.address", "somebody", "there", PublishFlags.Mandatory);
        Assert.Equal("there", (await reads.ExpectDeliveryAsync()).Text);
        await publisher.ExpectConfirmsAsync(1);
        await reads.SendAsync(w => default(CancelFrame).Write(w));
        await reads.ExpectCancelledAsync();
        await publisher.PublishAsync(4, "amq.address", "somebody", "gone", PublishFlags.Mandatory);
        Assert.Equal(4UL, (await publisher.ExpectReturnAsync()).Sequence);
    }

    [Fact]
    public async Task An_address_stays_its_users_over_restarts_until_it_is_released()
    {
        var disk = new MemoryDisk();
        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var ann = await broker.ConnectAsync(TlsOf("ann"));
            await ann.SubscribeDirectAsync("amq.address.ann");
        }

        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var mallory = await broker.ConnectAsync(TlsOf("mallory"));
            Assert.Equal(ErrorCode.AccessRefused, (await mallory.ExpectRefusedAsync("amq.address.ann")).Code);
            await using var requests = await mallory.OpenRequestsAsync();
            await requests.SendAsync(w => new DeleteQueueFrame { RequestId = 1, Name = "amq.address.ann" }.Write(w));
            await requests.ExpectRefusalAsync(ErrorCode.AccessRefused);
            await using var admin = await broker.AdministerAsync();
            var row = Assert.Single(await admin.RunAsync("address list"));
            Assert.Equal(("ann", "ann"), ((string)row["address"]!, (string)row["user"]!));

            await using var ann = await broker.ConnectAsync(TlsOf("ann"));
            await using var own = await ann.OpenRequestsAsync();
            await own.SendAsync(w => new DeleteQueueFrame { RequestId = 1, Name = "amq.address.ann" }.Write(w));
            await own.ExpectCountAsync();
            await mallory.SubscribeDirectAsync("amq.address.ann");
            Assert.Equal("mallory", (string)Assert.Single(await admin.RunAsync("address list"))["user"]!);
        }
    }

    [Fact]
    public async Task The_newest_consumer_of_an_address_takes_its_place()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var lost = await broker.ConnectAsync(TlsOf("ann"));
        var old = await lost.SubscribeDirectAsync("amq.address.ann");
        await using var again = await broker.ConnectAsync(TlsOf("ann"));
        var reads = await again.SubscribeDirectAsync("amq.address.ann");
        Assert.Equal(ErrorCode.ResourceLocked, (await old.ExpectCancelledAsync()).Code);
        await lost.DisposeAsync(); // and its end takes nothing away
        await using var publisher = await again.OpenPublisherAsync();
        await publisher.PublishAsync(1, "amq.address", "ann", "to the new one", PublishFlags.Mandatory);
        Assert.Equal("to the new one", (await reads.ExpectDeliveryAsync()).Text);
        await publisher.ExpectConfirmsAsync(1);
    }

    [Theory]
    [InlineData("amq.address.", SubscribeFlags.NoAck, ErrorCode.InvalidArgument)]
    [InlineData("amq.address.a\u0007b", SubscribeFlags.NoAck, ErrorCode.InvalidArgument)]
    [InlineData("amq.address.ann", SubscribeFlags.None, ErrorCode.PreconditionFailed)]
    public async Task What_is_no_address_is_refused(string name, SubscribeFlags flags, ErrorCode expected)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        Assert.Equal(expected, (await client.ExpectRefusedAsync(name, flags)).Code);
    }

    [Fact]
    public async Task An_operator_releases_an_address()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var ann = await broker.ConnectAsync(TlsOf("ann"));
        var reads = await ann.SubscribeDirectAsync("amq.address.desk 1");
        await using var admin = await broker.AdministerAsync();
        await admin.RunAsync("address release", """{"address":"desk 1"}""");
        Assert.Empty(await admin.RunAsync("address list"));
        Assert.Equal(ErrorCode.AccessRefused, (await reads.ExpectCancelledAsync()).Code);
    }

    private static Broker.Transport.QuicTlsOptions TlsOf(string user) => TestCertificates.Authority.Issue(user, "1.3.6.1.5.5.7.3.2");
}
