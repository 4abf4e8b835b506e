using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class StopTests
{
    private readonly TestSystem _test = new();

    [Fact]
    public void Stop_lets_the_message_at_hand_finish_and_turns_the_rest_into_dead_letters()
    {
        var script = new ActorScript
        {
            OnReceive = (self, message) =>
            {
                if (message is "stop yourself")
                {
                    self.Its.Stop(self.Its.Self);
                }
            },
        };
        var actor = _test.Start(script);
        actor.Tell("stop yourself");
        actor.Tell("left over");
        _test.Run();
        _test.Tell(actor, "too late");

        Assert.Equal(["start", "stop yourself", "stop"], script.Seen);
        Assert.Equal(["left over", "too late"], _test.DeadLetters.Select(letter => letter.Message));
        Assert.All(_test.DeadLetters, letter => Assert.Equal(DeadLetterReason.NoReceiver, letter.Reason));
    }

    [Fact]
    public void PoisonPill_stops_after_the_messages_before_it()
    {
        var script = new ActorScript();
        var actor = _test.Start(script);
        actor.Tell("one");
        actor.Tell(PoisonPill.Instance);
        actor.Tell("two");
        _test.Run();

        Assert.Equal(["start", "one", "stop"], script.Seen);
    }

    [Fact]
    public void Children_stop_before_their_parent()
    {
        var order = new List<string>();
        var grandchild = new ActorScript { OnStop = _ => order.Add("grandchild") };
        var child = new ActorScript
        {
            OnStart = self => self.Its.ActorOf(grandchild.Props()),
            OnStop = _ => order.Add("child"),
        };
        var parent = new ActorScript
        {
            OnStart = self => self.Its.ActorOf(child.Props()),
            OnStop = _ => order.Add("parent"),
        };
        _test.System.Stop(_test.Start(parent));
        _test.Run();

        Assert.Equal(["grandchild", "child", "parent"], order);
    }

    [Fact]
    public void Failure_in_PostStop_is_reported_and_the_stop_goes_on()
    {
        var actor = _test.Start(new ActorScript { OnStop = _ => throw new InvalidOperationException("boom") });
        _test.System.Stop(actor);
        _test.Run();

        Assert.Null(_test.System.GetHierarchy(actor.Path.ToString()));
        Assert.Equal(ActorFaultKind.Ignored, Assert.Single(_test.Faults).Kind);
    }

    [Fact]
    public void Stopping_actor_starts_no_child()
    {
        Exception? seen = null;
        var parent = new ActorScript
        {
            OnStop = self => seen = Record.Exception(() => self.Its.ActorOf(new ActorScript().Props())),
        };
        _test.System.Stop(_test.Start(parent));
        _test.Run();

        Assert.IsType<InvalidOperationException>(seen);
    }
}
