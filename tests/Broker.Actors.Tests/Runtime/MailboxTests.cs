using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class MailboxTests
{
    private readonly TestSystem _test = new();

    [Fact]
    public void Message_to_a_full_mailbox_is_a_dead_letter_and_one_fault_is_reported()
    {
        var script = new ActorScript();
        var actor = Start(script, capacity: 3);
        TellMany(actor, 5);

        Assert.Equal([0, 1, 2], script.Seen.OfType<int>());
        Assert.Equal([3, 4], _test.DeadLetters.Select(letter => letter.Message));
        Assert.All(_test.DeadLetters, letter => Assert.Equal(DeadLetterReason.MailboxFull, letter.Reason));
        Assert.Equal(ActorFaultKind.MailboxOverflow, Assert.Single(_test.Faults).Kind);
    }

    [Fact]
    public void Mailbox_that_fills_up_again_is_reported_again()
    {
        var actor = Start(new ActorScript(), capacity: 3);
        TellMany(actor, 5);
        TellMany(actor, 5);

        Assert.Equal(2, _test.Faults.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(1_000)]
    [InlineData(5_000)]
    public void Capacity_is_exact_again_and_again(int capacity)
    {
        var script = new ActorScript();
        var actor = Start(script, capacity);
        for (var round = 1; round <= 3; round++)
        {
            TellMany(actor, capacity + 10);
            Assert.Equal(round * capacity, script.Seen.OfType<int>().Count());
            Assert.Equal(round * 10, _test.DeadLetters.Count);
        }
    }

    [Fact]
    public async Task Ask_to_a_full_mailbox_fails_at_once()
    {
        var actor = Start(new ActorScript(), capacity: 1);
        actor.Tell("fills it");
        var ask = actor.AskAsync<string>("hello", TimeSpan.FromSeconds(1));

        var error = await Assert.ThrowsAsync<AskUndeliveredException>(() => ask.WaitAsync(TestSystem.Patience));
        Assert.Equal(DeadLetterReason.MailboxFull, error.Reason);
    }

    [Fact]
    public void Stop_and_Terminated_get_past_a_full_mailbox()
    {
        var watched = _test.Start(new ActorScript());
        var script = new ActorScript { OnStart = self => self.Its.Watch(watched) };
        var actor = Start(script, capacity: 1);
        actor.Tell("fills it");
        _test.System.Stop(watched);
        _test.Run();
        Assert.Contains(new Terminated(watched), script.Seen);

        actor.Tell("fills it");
        _test.System.Stop(actor);
        _test.Run();
        Assert.Equal("stop", script.Seen[^1]);
    }

    [Fact]
    public void Null_is_refused_where_it_is_told()
    {
        var actor = _test.Start(new ActorScript());

        Assert.Throws<ArgumentNullException>(() => actor.Tell(null!));
    }

    private ActorRef Start(ActorScript script, int capacity)
    {
        var actor = _test.System.ActorOf(script.Props().WithMailbox(capacity));
        _test.Run();
        return actor;
    }

    private void TellMany(ActorRef actor, int count)
    {
        for (var i = 0; i < count; i++)
        {
            actor.Tell(i);
        }

        _test.Run();
    }
}
