using Broker.Actors.Queues;
using Broker.Actors.Routing;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Tests.Routing;

/// <summary>What a publisher hears of a batch that travels in parts.</summary>
public sealed class RemoteBatchTests
{
    private static readonly FrameFault s_full = new(ErrorCode.ResourceExhausted, "full");
    private static readonly FrameFault s_spent = new(ErrorCode.ResourceExhausted, "refused before");
    private static readonly FrameFault s_away = new(ErrorCode.Unavailable, "away");
    private readonly RemoteBatch _batch = new(PublishBatch.Of("orders", null, [.. Enumerable.Range(1, 9).Select(i => new RouteItem((ulong)i, 0, 0, 0, default))]));

    public RemoteBatchTests()
    {
        _batch.Add(11, first: 0, count: 3);
        _batch.Add(12, first: 3, count: 3);
        _batch.Add(13, first: 6, count: 3);
    }

    [Fact]
    public void It_is_answered_once_all_its_parts_are()
    {
        Assert.Null(_batch.HandleAnswered(12, []));
        Assert.Null(_batch.HandleAnswered(11, []));
        Assert.Equal((null, null), Short(_batch.HandleAnswered(13, [])!));
    }

    [Fact]
    public void Each_part_may_be_taken_as_far_as_there_was_room()
    {
        Assert.Null(_batch.HandleAnswered(13, [new RouteRefusal(1, 2, s_full)]));
        Assert.Null(_batch.HandleAnswered(11, [new RouteRefusal(2, 1, s_full)]));
        var answer = _batch.HandleAnswered(12, [])!;
        Assert.Equal([new BatchRefusal(2, 1, s_full), new BatchRefusal(7, 2, s_full)], answer.Refused!);
        Assert.Equal(s_full, answer.Fault);
    }

    [Fact]
    public void What_was_not_answered_when_the_leader_is_lost_is_unknown_and_what_was_refused_is_not()
    {
        Assert.Null(_batch.HandleAnswered(11, [new RouteRefusal(1, 2, s_full)]));
        Assert.Null(_batch.HandleAnswered(12, []));
        Assert.Equal([new BatchRefusal(1, 2, s_full), new BatchRefusal(6, 3, s_away)], _batch.Abandon(s_away).Refused!);
    }

    [Fact]
    public void Each_message_of_a_part_has_its_own_outcome()
    {
        Assert.Null(_batch.HandleAnswered(12, [new RouteRefusal(0, 1, s_spent), new RouteRefusal(2, 1, s_full)]));
        Assert.Null(_batch.HandleAnswered(13, [new RouteRefusal(0, 3, s_full)]));
        Assert.Equal([new BatchRefusal(3, 1, s_spent), new BatchRefusal(5, 1, s_full), new BatchRefusal(6, 3, s_full)], _batch.HandleAnswered(11, [])!.Refused!);
    }

    [Fact]
    public void What_was_not_sent_cannot_have_been_refused()
    {
        Assert.Null(_batch.HandleAnswered(11, []));
        Assert.Null(_batch.HandleAnswered(12, [new RouteRefusal(2, 100, s_full), new RouteRefusal(102, 1, s_full)]));
        Assert.Equal([new BatchRefusal(5, 1, s_full)], _batch.HandleAnswered(13, [])!.Refused!);
    }

    private static (FrameFault? Fault, IReadOnlyList<BatchRefusal>? Refused) Short(PublisherSignal.Answered answer) => (answer.Fault, answer.Refused);
}
