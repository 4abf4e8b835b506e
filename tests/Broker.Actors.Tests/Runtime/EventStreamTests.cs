using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class EventStreamTests
{
    private readonly TestSystem _test = new();

    [Fact]
    public void What_is_told_to_dead_letters_is_published_with_its_sender()
    {
        var sender = _test.Start(new ActorScript());
        _test.System.DeadLetters.Tell("lost", sender);

        Assert.Equal(
            new DeadLetter("lost", sender, _test.System.DeadLetters, DeadLetterReason.NoReceiver),
            Assert.Single(_test.DeadLetters));
    }

    [Fact]
    public void Answer_to_a_message_without_sender_is_a_dead_letter()
    {
        var actor = _test.Start(new ActorScript { OnReceive = (self, _) => self.Its.Sender.Tell("answer", self.Its.Self) });
        _test.Tell(actor, "question");
        _test.Tell(actor, "question", ActorRef.NoSender);

        Assert.Equal(["answer", "answer"], _test.DeadLetters.Select(letter => letter.Message));
    }

    [Fact]
    public void Unhandled_message_is_published()
    {
        var actor = _test.Start(new ActorScript { OnReceive = (self, message) => self.NotKnown(message) });
        _test.Tell(actor, "what?");

        Assert.Equal(
            new UnhandledMessage("what?", _test.System.DeadLetters, actor), Assert.Single(_test.Unhandled));
    }

    [Fact]
    public void Dead_letters_told_to_an_actor_that_has_stopped_end_there()
    {
        var actor = _test.Start(new ActorScript());
        _test.System.Stop(actor);
        _test.Run();
        using var subscription = _test.System.EventStream.Subscribe<DeadLetter>(letter => actor.Tell(letter));
        actor.Tell("lost");

        Assert.Single(_test.DeadLetters);
    }

    [Fact]
    public void Subscription_ends_when_it_is_disposed()
    {
        var seen = new List<string>();
        var subscription = _test.System.EventStream.Subscribe<string>(seen.Add);
        _test.System.EventStream.Publish("one");
        subscription.Dispose();
        _test.System.EventStream.Publish("two");

        Assert.Equal(["one"], seen);
    }

    [Fact]
    public void Handler_that_throws_is_reported_and_others_still_get_the_event()
    {
        var seen = new List<string>();
        _test.System.EventStream.Subscribe<string>(_ => throw new InvalidOperationException("boom"));
        _test.System.EventStream.Subscribe<string>(seen.Add);
        _test.System.EventStream.Publish("one");

        Assert.Equal(["one"], seen);
        Assert.Equal("boom", Assert.Single(_test.Faults).Exception!.Message);
    }

    [Fact]
    public async Task Fault_hook_that_throws_harms_nothing()
    {
        await using var test = new TestSystem(options => options with
        {
            OnFault = _ => throw new InvalidOperationException("in the hook"),
        });
        var script = new ActorScript();
        var actor = test.Start(script);
        test.Tell(actor, new InvalidOperationException("boom"));
        test.Tell(actor, "alive");

        Assert.Equal("alive", script.Seen[^1]);
    }
}
