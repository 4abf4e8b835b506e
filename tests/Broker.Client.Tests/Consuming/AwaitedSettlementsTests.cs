using Broker.Client.Consuming;
using Broker.Protocol;

namespace Broker.Client.Tests.Consuming;

public sealed class AwaitedSettlementsTests
{
    private readonly AwaitedSettlements _awaited = new();

    [Fact]
    public void A_settlement_is_complete_when_it_is_answered()
    {
        var first = _awaited.Add(new SequenceRange(1, 1));
        var second = _awaited.Add(new SequenceRange(2, 2));
        Assert.True(_awaited.TryComplete(new SequenceRange(2, 2)));
        Assert.Equal((false, true, false), (first.IsCompleted, second.IsCompletedSuccessfully, _awaited.IsEmpty));
        Assert.True(_awaited.TryComplete(new SequenceRange(1, 1)));
        Assert.Equal((true, true), (first.IsCompletedSuccessfully, _awaited.IsEmpty));
    }

    [Fact]
    public void Tags_that_were_settled_together_wait_for_the_last_piece()
    {
        var batch = _awaited.Add(new SequenceRange(10, 20));
        foreach (var piece in (SequenceRange[])[new(13, 15), new(20, 20), new(10, 10), new(11, 12)])
        {
            Assert.True(_awaited.TryComplete(piece));
            Assert.False(batch.IsCompleted);
        }

        Assert.True(_awaited.TryComplete(new SequenceRange(16, 19)));
        Assert.True(batch.IsCompletedSuccessfully);
        Assert.True(_awaited.IsEmpty);
    }

    [Fact]
    public void One_answer_may_complete_many_settlements_and_begin_the_next()
    {
        var settled = new[] { _awaited.Add(new SequenceRange(1, 3)), _awaited.Add(new SequenceRange(4, 4)), _awaited.Add(new SequenceRange(5, 9)) };
        Assert.True(_awaited.TryComplete(new SequenceRange(2, 6)));
        Assert.Equal([false, true, false], settled.Select(static task => task.IsCompleted));
        Assert.True(_awaited.TryComplete(new SequenceRange(1, 9)));
        Assert.All(settled, static task => Assert.True(task.IsCompletedSuccessfully));
    }

    [Fact]
    public void An_answer_that_comes_again_is_passed_over()
    {
        var batch = _awaited.Add(new SequenceRange(1, 2));
        Assert.True(_awaited.TryComplete(new SequenceRange(1, 1)));
        Assert.True(_awaited.TryComplete(new SequenceRange(1, 1)));
        Assert.False(batch.IsCompleted);
        Assert.True(_awaited.TryComplete(new SequenceRange(2, 2)));
        Assert.True(_awaited.TryComplete(new SequenceRange(1, 2)));
        Assert.True(batch.IsCompletedSuccessfully);
    }

    [Fact]
    public void An_answer_for_a_tag_that_was_never_settled_changes_nothing()
    {
        var settled = _awaited.Add(new SequenceRange(5, 9));
        foreach (var wrong in (SequenceRange[])[new(4, 4), new(10, 10), new(4, 9), new(5, 10), new(1, Varint.Max)])
        {
            Assert.False(_awaited.TryComplete(wrong));
        }

        Assert.False(settled.IsCompleted);
        Assert.True(_awaited.TryComplete(new SequenceRange(5, 9)));
        Assert.True(settled.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_tag_is_settled_once_also_after_its_answer()
    {
        _awaited.Add(new SequenceRange(5, 9));
        AssertRefuses(_awaited, new SequenceRange(9, 10));
        Assert.True(_awaited.TryComplete(new SequenceRange(5, 9)));
        AssertRefuses(_awaited, new SequenceRange(1, 5));
        Assert.True(_awaited.IsEmpty);
    }

    [Fact]
    public async Task Everybody_who_waits_fails_when_no_answer_will_come()
    {
        var answered = _awaited.Add(new SequenceRange(1, 1));
        var half = _awaited.Add(new SequenceRange(2, 4));
        var none = _awaited.Add(new SequenceRange(5, 5));
        Assert.True(_awaited.TryComplete(new SequenceRange(1, 1)));
        Assert.True(_awaited.TryComplete(new SequenceRange(3, 3)));
        _awaited.Fail(new TimeoutException("over"));
        await answered;
        await Assert.ThrowsAsync<TimeoutException>(() => half);
        await Assert.ThrowsAsync<TimeoutException>(() => none);
        Assert.True(_awaited.IsEmpty);
    }

    [Fact]
    public void Settlements_and_answers_in_any_order_and_size_agree_with_a_model()
    {
        for (var seed = 1; seed <= 200; seed++)
        {
            var random = new Random(seed);
            var awaited = new AwaitedSettlements();
            var unanswered = new SortedSet<ulong>();
            var settled = new HashSet<ulong>();
            var waiters = new List<(SequenceRange Tags, Task Task)>();
            for (var step = 0; step < 200; step++)
            {
                var first = (ulong)random.Next(1, 100);
                var tags = new SequenceRange(first, first + (ulong)random.Next(8));
                var each = Each(tags);
                if (random.Next(2) == 0)
                {
                    if (each.Any(settled.Contains))
                    {
                        AssertRefuses(awaited, tags);
                        continue;
                    }

                    waiters.Add((tags, awaited.Add(tags)));
                    settled.UnionWith(each);
                    unanswered.UnionWith(each);
                }
                else
                {
                    var known = each.All(settled.Contains);
                    Assert.Equal(known, awaited.TryComplete(tags));
                    if (known)
                    {
                        unanswered.ExceptWith(each);
                    }
                }

                Assert.Equal(unanswered.Count == 0, awaited.IsEmpty);
                Assert.All(waiters, waiter => Assert.Equal(!Each(waiter.Tags).Any(unanswered.Contains), waiter.Task.IsCompletedSuccessfully));
            }
        }
    }

    private static void AssertRefuses(AwaitedSettlements awaited, SequenceRange tags) =>
        Assert.Throws<InvalidOperationException>(() => { _ = awaited.Add(tags); });

    private static ulong[] Each(SequenceRange tags) => [.. Enumerable.Range(0, (int)tags.Count).Select(i => tags.First + (ulong)i)];
}
