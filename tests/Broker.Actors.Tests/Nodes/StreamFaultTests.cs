using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>docs/protocol.md, section 3: a fault ends its stream with ERROR, FIN and STOP_SENDING, and nothing else.</summary>
public sealed class StreamFaultTests
{
    /// <summary>Kind, bytes after it, and the code that they deserve.</summary>
    public static TheoryData<StreamKind, string, ErrorCode> Faults => new()
    {
        // A frame that the kind does not have.
        { StreamKind.Publish, "20 00", ErrorCode.UnknownFrame },
        { StreamKind.Consume, "12 00", ErrorCode.UnknownFrame },
        { StreamKind.Request, "20 00", ErrorCode.UnknownFrame },
        { StreamKind.Request, "7fff 00", ErrorCode.UnknownFrame },
        { StreamKind.Admin, "01 00", ErrorCode.UnknownFrame },
        // One that it has, at the wrong moment or from the wrong side.
        { StreamKind.Publish, "13 03 01 01 00", ErrorCode.ProtocolViolation },
        { StreamKind.Publish, "04 02 00 00", ErrorCode.ProtocolViolation },
        { StreamKind.Consume, "22 00", ErrorCode.ProtocolViolation },
        { StreamKind.Request, "4040 01 01", ErrorCode.ProtocolViolation },
        { StreamKind.Admin, "4051 00", ErrorCode.ProtocolViolation },
        { StreamKind.Publish, "12 05 01 00 00 00 00", ErrorCode.ProtocolViolation },
        { StreamKind.Publish, "10 02 00 00  10 02 00 00", ErrorCode.ProtocolViolation },
        { StreamKind.Consume, "23 02 01 01", ErrorCode.ProtocolViolation },
        { StreamKind.Consume, "24 04 00 01 01 00", ErrorCode.ProtocolViolation },
        // Payloads that end early, are too long, or say what cannot be.
        { StreamKind.Publish, "10 01 00", ErrorCode.ProtocolViolation },
        { StreamKind.Publish, "10 03 00 00 00", ErrorCode.ProtocolViolation },
        { StreamKind.Publish, "10 02 00 01", ErrorCode.ProtocolViolation },
        { StreamKind.Publish, "10 02 00 00  12 02 01 00", ErrorCode.ProtocolViolation },
        { StreamKind.Publish, "10 02 00 00  12 05 00 00 00 00 00", ErrorCode.ProtocolViolation },
        { StreamKind.Publish, "10 02 00 00  12 05 01 04 00 00 00", ErrorCode.ProtocolViolation },
        { StreamKind.Publish, "10 02 00 00  12 05 01 00 00 01 ff", ErrorCode.ProtocolViolation },
        { StreamKind.Consume, "20 01 00", ErrorCode.ProtocolViolation },
        { StreamKind.Consume, "20 06 00 00 08 01 01 00", ErrorCode.ProtocolViolation },
        { StreamKind.Request, "32 03 01 05 61", ErrorCode.ProtocolViolation },
        { StreamKind.Request, "24 04 03 01 01 00", ErrorCode.ProtocolViolation },
        { StreamKind.Request, "24 02 00 00", ErrorCode.ProtocolViolation },
        { StreamKind.Request, "37 03 01 00 02", ErrorCode.ProtocolViolation },
        { StreamKind.Request, "35 06 01 00 02 00 00 00", ErrorCode.ProtocolViolation },
        // Lengths over the limit, before any of the payload has come.
        { StreamKind.Publish, "12 c000000001000401", ErrorCode.FrameTooLarge },
        { StreamKind.Publish, "12 ffffffffffffffff", ErrorCode.FrameTooLarge },
        { StreamKind.Consume, "20 80100001", ErrorCode.FrameTooLarge },
        { StreamKind.Request, "32 80100001", ErrorCode.FrameTooLarge },
        // A name over its limit.
        { StreamKind.Request, "33 4104 01 4100" + Repeated(256) + "00", ErrorCode.LimitExceeded },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Fault_ends_its_stream_with_code_and_reason_and_leaves_the_others(StreamKind kind, string hex, ErrorCode code)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync(Transport.Tests.TestCertificates.AdminClient);
        await using var other = await client.OpenRequestsAsync();
        var stream = await client.OpenAsync(kind);
        await stream.SendHexAsync(hex);
        if (hex.StartsWith("10 02 00 00", StringComparison.Ordinal))
        {
            await stream.ExpectAsync(FrameType.PublisherReady);
        }

        await stream.ExpectFaultAsync(code);
        await other.SendAsync(w => new DeclareQueueFrame { RequestId = 7, Name = "orders" }.Write(w));
        Assert.Equal(7UL, (await other.ExpectQueueOkAsync()).RequestId);
    }

    [Theory]
    [InlineData(StreamKind.Publish, "10 02 00")]
    [InlineData(StreamKind.Publish, "12")]
    [InlineData(StreamKind.Publish, "12 80100000 00")]
    [InlineData(StreamKind.Consume, "20 06 00")]
    [InlineData(StreamKind.Request, "32 03 01")]
    [InlineData(StreamKind.Admin, "4050 03")]
    public async Task Stream_that_ends_within_a_frame_is_a_violation(StreamKind kind, string hex)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync(Transport.Tests.TestCertificates.AdminClient);
        var stream = await client.OpenAsync(kind);
        await stream.SendHexAsync(hex);
        stream.Finish();
        var error = await stream.ExpectErrorAsync();
        Assert.Equal(ErrorCode.ProtocolViolation, error.Code);
        await stream.ExpectEndAsync();
    }

    [Theory]
    [InlineData("00")]
    [InlineData("07")]
    [InlineData("4321")]
    [InlineData("ffffffffffffffff")]
    public async Task Unknown_kind_of_stream_is_refused_in_words(string kind)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        var stream = new WireStream(await client.Quic.OpenStreamAsync());
        await stream.SendHexAsync(kind);
        await stream.ExpectFaultAsync(ErrorCode.UnknownStreamKind);
        await client.DeclareQueueAsync("orders");
    }

    [Fact]
    public async Task Frames_before_the_fault_stand_and_those_behind_it_do_not()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        var publisher = await client.OpenPublisherAsync();
        await publisher.SendAsync(
            w => WireStream.WritePublish(w, 1, "", "orders", "first"u8.ToArray()),
            w => WireStream.WritePublish(w, 1, "", "orders", "again"u8.ToArray()),
            w => WireStream.WritePublish(w, 2, "", "orders", "behind"u8.ToArray()));
        var error = await publisher.ReadToErrorAsync();
        Assert.Equal(ErrorCode.ProtocolViolation, error.Code);

        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 1, unsettled: 0);
    }

    [Fact]
    public async Task Abandoned_streams_give_their_place_back()
    {
        await using var broker = await BrokerFixture.StartAsync(listener: l => l with { MaxInboundStreams = 8 });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        for (var i = 0; i < 50; i++)
        {
            var kind = (StreamKind)(2 + (i % 4));
            var stream = await client.OpenAsync(kind).WaitAsync(WireConnection.Timeout);
            stream.Abandon();
        }

        await client.DeclareQueueAsync("orders");
    }

    private static string Repeated(int count) => string.Concat(Enumerable.Repeat("61", count));
}
