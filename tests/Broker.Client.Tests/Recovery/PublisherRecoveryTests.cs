using Broker.Client.Tests.Scripted;
using Broker.Coordination.Tests.Etcd;
using Broker.Protocol;

namespace Broker.Client.Tests.Recovery;

/// <summary>A publisher outlives its streams: what has no outcome is sent again, in order, under the same producer id and sequences.</summary>
public sealed class PublisherRecoveryTests
{
    [Fact]
    public async Task What_was_not_confirmed_when_the_connection_was_lost_is_sent_again()
    {
        var (broker, client, publisher, stream, producer) = await OpenAsync();
        await using var disposal = broker;
        for (var i = 1; i <= 5; i++)
        {
            await publisher.PublishAsync("", "orders", Body(i));
        }

        await stream.ReadPublishesAsync(5);
        await stream.ConfirmAsync(new SequenceRange(1, 1), new SequenceRange(3, 3));
        var flush = publisher.FlushAsync();
        await WaitUntilConfirmedAsync(client, broker);
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await broker.AcceptAsync();

        var (again, sameProducer) = await AcceptAsync(broker);
        Assert.Equal(producer, sameProducer);
        Assert.Equal(["2", "4", "5"], await ReadBodiesAsync(again, 2, 4, 5));
        await again.ConfirmAsync(new SequenceRange(2, 2), new SequenceRange(4, 5));
        await Within.TimeAsync(flush, "the confirms");
        Assert.Equal(6ul, (await publisher.PublishAsync("", "orders", Body(6))).Sequence);
        Assert.Equal(["6"], await ReadBodiesAsync(again, 6));
    }

    [Fact]
    public async Task What_is_published_while_there_is_no_connection_waits_for_one()
    {
        var (broker, client, publisher, stream, _) = await OpenAsync();
        await using var disposal = broker;
        await stream.Quic.Output.CompleteAsync();
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await publisher.PublishAsync("", "orders", Body(1));
        var single = client.PublishAsync("", "orders", Body(9));
        await broker.AcceptAsync();
        PeerStream[] streams = [(await AcceptAsync(broker)).Stream, (await AcceptAsync(broker)).Stream];
        var bodies = new List<string>();
        foreach (var each in streams)
        {
            bodies.Add((await each.ReadAsync()).AsPublish().Body);
            await each.ConfirmAsync(new SequenceRange(1, 1));
        }

        Assert.Equal(["1", "9"], bodies.Order());
        await Within.TimeAsync(publisher.FlushAsync(), "the confirm");
        await Within.TimeAsync(single, "the other confirm");
    }

    [Fact]
    public async Task Unavailable_queue_stops_the_stream_and_everything_without_an_outcome_comes_again_in_order()
    {
        var (broker, _, publisher, stream, producer) = await OpenAsync();
        await using var disposal = broker;
        for (var i = 1; i <= 4; i++)
        {
            await publisher.PublishAsync("", "orders", Body(i));
        }

        await stream.ReadPublishesAsync(4);
        await stream.SendAsync(
            w => ConfirmFrame.Write(w, [new SequenceRange(1, 1)]),
            new RejectFrame(2, ErrorCode.Unavailable, "leader is away").Write,
            new RejectFrame(3, ErrorCode.QueueDeleted, "gone").Write);
        Assert.Null(await stream.TryReadAsync()); // the client ends its side
        await publisher.PublishAsync("", "orders", Body(5));
        Assert.True(stream.HasNoMore());
        await stream.FailAsync(ErrorCode.Unavailable, "leader is away");

        var (again, sameProducer) = await AcceptAsync(broker);
        Assert.Equal(producer, sameProducer);
        Assert.Equal(["2", "4", "5"], await ReadBodiesAsync(again, 2, 4, 5));
        await again.ConfirmAsync(new SequenceRange(2, 2), new SequenceRange(4, 5));
        var failure = await Assert.ThrowsAsync<PublishRejectedException>(() => Within.TimeAsync(publisher.FlushAsync(), "the flush"));
        Assert.Equal((3ul, ErrorCode.QueueDeleted, 0L), (failure.Sequence, failure.ErrorCode, failure.FurtherFailures));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    public async Task What_another_node_knows_of_the_producer_changes_nothing(ulong lastSequence)
    {
        var (broker, _, publisher, stream, _) = await OpenAsync(new PublisherOptions { ProducerId = "billing", FirstSequence = 1 }, lastSequence: 41);
        await using var disposal = broker;
        Assert.Equal(42ul, (await publisher.PublishAsync("", "orders", Body(42))).Sequence);
        await publisher.PublishAsync("", "orders", Body(43));
        await stream.ReadPublishesAsync(2);
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await broker.AcceptAsync();
        var (again, producer) = await AcceptAsync(broker, lastSequence);
        Assert.Equal("billing", producer);
        Assert.Equal(["42", "43"], await ReadBodiesAsync(again, 42, 43));
        await again.ConfirmAsync(new SequenceRange(42, 43));
        Assert.Equal(44ul, (await publisher.PublishAsync("", "orders", Body(44))).Sequence);
    }

    [Fact]
    public async Task Numbers_of_a_chosen_name_begin_above_what_any_node_can_have_seen()
    {
        var before = (ulong)(DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalMicroseconds;
        var (broker, _, publisher, _, _) = await OpenAsync(new PublisherOptions { ProducerId = "billing" }, lastSequence: 41);
        await using var disposal = broker;
        Assert.InRange((await publisher.PublishAsync("", "orders", Body(1))).Sequence, before, before + 60_000_000);
    }

    [Fact]
    public async Task Node_that_goes_away_answers_what_it_has_and_the_rest_goes_to_another_connection()
    {
        var (broker, _, publisher, stream, _) = await OpenAsync();
        await using var disposal = broker;
        await publisher.PublishAsync("", "orders", Body(1));
        await stream.ReadPublishesAsync(1);
        var (old, oldControl) = (broker.Connection, broker.Control);
        await oldControl.SendAsync(new GoAwayFrame(ErrorCode.ShuttingDown, "drain").Write);
        Assert.Null(await stream.TryReadAsync());
        await publisher.PublishAsync("", "orders", Body(2));
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await stream.EndAsync();

        await broker.AcceptAsync();
        var (again, _) = await AcceptAsync(broker);
        Assert.Equal(["2"], await ReadBodiesAsync(again, 2));
        await again.ConfirmAsync(new SequenceRange(2, 2));
        await Within.TimeAsync(publisher.FlushAsync(), "the confirm");
        Assert.False(old.Closed.IsCompleted);
    }

    [Fact]
    public async Task Stream_that_is_never_answered_for_ends_the_publisher_when_patience_is_over()
    {
        var (broker, _, publisher, stream, _) = await OpenAsync(patience: TimeSpan.Zero);
        await using var disposal = broker;
        await publisher.PublishAsync("", "orders", Body(1));
        var flush = publisher.FlushAsync();
        await stream.ReadPublishesAsync(1);
        await stream.FailAsync(ErrorCode.Unavailable, "leader is away");
        var failure = await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(flush, "the end of patience"));
        Assert.Equal((ErrorCode.Unavailable, "leader is away"), (failure.ErrorCode, failure.Reason));
    }

    [Fact]
    public async Task Message_that_no_queue_takes_within_patience_is_rejected_and_the_others_are_not()
    {
        var patience = TimeSpan.FromMinutes(1);
        var time = new SkippingTime();
        var (broker, _, publisher, stream, _) = await OpenAsync(patience: patience, time: time);
        await using var disposal = broker;
        await publisher.PublishAsync("", "orders", Body(1));
        await publisher.PublishAsync("", "other", Body(2));
        var flush = publisher.FlushAsync();
        await stream.ReadPublishesAsync(2);
        await stream.ConfirmAsync(new SequenceRange(2, 2));
        for (var i = 0; i < 3; i++)
        {
            await stream.SendAsync(new RejectFrame(1, ErrorCode.Unavailable, "leader is away").Write);
            Assert.Null(await stream.TryReadAsync()); // the client ends its side
            await stream.EndAsync();
            stream = (await AcceptAsync(broker)).Stream;
            Assert.Equal(["1"], await ReadBodiesAsync(stream, 1));
            Assert.False(flush.IsCompleted);
        }

        time.Skip(patience);
        await stream.SendAsync(new RejectFrame(1, ErrorCode.Unavailable, "leader is away").Write);
        var failure = await Assert.ThrowsAsync<PublishRejectedException>(() => Within.TimeAsync(flush, "the end of patience"));
        Assert.Equal((1ul, ErrorCode.Unavailable, 0L), (failure.Sequence, failure.ErrorCode, failure.FurtherFailures));
        Assert.Equal(3ul, (await publisher.PublishAsync("", "orders", Body(3))).Sequence);
    }

    [Fact]
    public async Task Without_a_producer_id_nothing_is_sent_twice()
    {
        var (broker, client, publisher, stream, producer) = await OpenAsync(new PublisherOptions { Idempotent = false });
        await using var disposal = broker;
        Assert.Equal("", producer);
        await publisher.PublishAsync("", "orders", Body(1));
        await stream.ReadPublishesAsync(1);
        var flush = publisher.FlushAsync();
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(flush, "the loss"));
        await broker.AcceptAsync();
        var opening = client.CreatePublisherAsync(new PublisherOptions { Idempotent = false });
        var (again, _) = await AcceptAsync(broker);
        await Within.TimeAsync(opening, "another publisher on the new connection");
        Assert.True(again.HasNoMore());
    }

    [Fact]
    public async Task Disposing_without_a_connection_does_not_wait_for_one_if_nothing_is_under_way()
    {
        var (broker, _, publisher, _, _) = await OpenAsync(closeTimeout: TimeSpan.FromMinutes(10));
        await using var disposal = broker;
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await Within.TimeAsync(publisher.DisposeAsync().AsTask(), "the end");
    }

    private static byte[] Body(int number) => System.Text.Encoding.UTF8.GetBytes($"{number}");

    /// <summary>The client has read everything on the connection's streams when what was opened after has been answered.</summary>
    private static async Task WaitUntilConfirmedAsync(BrokerClient client, ScriptedBroker broker)
    {
        var ping = client.PingAsync();
        var echo = await broker.AcceptAsync(StreamKind.Echo);
        await echo.Quic.Output.WriteAsync("ping"u8.ToArray());
        await echo.EndAsync();
        await Within.TimeAsync(ping, "the echo");
    }

    private static async Task<List<string>> ReadBodiesAsync(PeerStream stream, params ulong[] sequences)
    {
        var bodies = new List<string>();
        foreach (var sequence in sequences)
        {
            var publish = (await stream.ReadAsync()).AsPublish();
            Assert.Equal(sequence, publish.Sequence);
            bodies.Add(publish.Body);
        }

        return bodies;
    }

    private static async Task<(PeerStream Stream, string Producer)> AcceptAsync(ScriptedBroker broker, ulong lastSequence = 0)
    {
        var stream = await broker.AcceptAsync(StreamKind.Publish);
        var open = await stream.ReadAsync<PublisherOpenFrame>(FrameType.PublisherOpen, PublisherOpenFrame.TryRead);
        await stream.SendAsync(new PublisherReadyFrame(lastSequence).Write);
        return (stream, open.ProducerId);
    }

    private static async Task<(ScriptedBroker Broker, BrokerClient Client, Publisher Publisher, PeerStream Stream, string Producer)> OpenAsync(
        PublisherOptions? options = null, ulong lastSequence = 0, TimeSpan? patience = null, TimeSpan? closeTimeout = null, TimeProvider? time = null)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(o => ScriptedBroker.Recovering(o) with
        {
            RecoveryPatience = patience ?? TimeSpan.FromSeconds(30),
            CloseTimeout = closeTimeout ?? o.CloseTimeout,
            TimeProvider = time ?? o.TimeProvider,
        });
        var opening = client.CreatePublisherAsync(options);
        var (stream, producer) = await AcceptAsync(broker, lastSequence);
        return (broker, client, await Within.TimeAsync(opening, "the publisher"), stream, producer);
    }
}
