using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class BackoffTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly TestSystem _test = new();
    private readonly ActorScript _child = new();

    [Fact]
    public void Restart_waits_and_messages_wait_with_it()
    {
        var child = StartUnder(new OneForOneStrategy(backoff: new RestartBackoff(Second, Second * 8, jitter: 0)));
        _test.Tell(child, new InvalidOperationException("boom"));
        _test.Tell(child, "kept");
        _test.Advance(Second * 0.9);
        Assert.Equal(1, _child.Instances);
        Assert.DoesNotContain("kept", _child.Seen);

        _test.Advance(Second * 0.1);
        Assert.Equal(2, _child.Instances);
        Assert.Equal("kept", _child.Seen[^1]);
    }

    [Fact]
    public void Delay_doubles_up_to_its_maximum_and_starts_over_after_a_good_run()
    {
        var child = StartUnder(new OneForOneStrategy(backoff: new RestartBackoff(Second, Second * 4, jitter: 0)));
        var delays = new List<TimeSpan>();
        for (var i = 0; i < 5; i++)
        {
            delays.Add(MeasureRestart(child));
        }

        _test.Advance(Second * 4);
        delays.Add(MeasureRestart(child));

        Assert.Equal([1, 2, 4, 4, 4, 1], delays.Select(delay => delay.TotalSeconds));
    }

    [Fact]
    public void Jitter_lengthens_the_delay_by_its_share_at_most()
    {
        var backoff = new RestartBackoff(Second, Second * 4, jitter: 0.5);

        Assert.Equal(Second, backoff.Delay(1, 0));
        Assert.Equal(Second * 1.5, backoff.Delay(1, 1));
        Assert.Equal(Second * 4, backoff.Delay(1_000_000, 0));
    }

    [Fact]
    public void Child_that_is_stopped_while_it_waits_does_not_come_back()
    {
        var child = StartUnder(new OneForOneStrategy(backoff: new RestartBackoff(Second, Second)));
        _test.Tell(child, new InvalidOperationException("boom"));
        _test.System.Stop(child);
        _test.Run();
        _test.Advance(Second * 10);

        Assert.Equal(1, _child.Instances);
        Assert.Equal("stop", _child.Seen[^1]);
    }

    [Fact]
    public void Stopped_supervisor_leaves_no_timer_behind()
    {
        var child = StartUnder(new OneForOneStrategy(backoff: new RestartBackoff(Second, Second)));
        _test.Tell(child, new InvalidOperationException("boom"));
        Assert.Equal(1, _test.Time.ActiveTimers);
        _test.System.Stop(_parent!);
        _test.Run();

        Assert.Equal(0, _test.Time.ActiveTimers);
    }

    [Fact]
    public void Waiting_child_of_a_supervisor_that_restarts_and_keeps_it_still_works_afterwards()
    {
        var child = StartUnder(
            new OneForOneStrategy(backoff: new RestartBackoff(Second, Second, jitter: 0)), keepChildren: true);
        _test.Tell(child, new InvalidOperationException("boom"));
        _test.Tell(_parent!, new InvalidOperationException("the parent too"));
        _test.Advance(Second * 2);
        _test.Tell(child, "alive");

        Assert.Equal("alive", _child.Seen[^1]);
    }

    private ActorRef? _parent;

    private ActorRef StartUnder(SupervisorStrategy strategy, bool keepChildren = false)
    {
        ActorRef? child = null;
        _parent = _test.Start(new ActorScript
        {
            Strategy = strategy,
            OnStart = self => child ??= self.Its.ActorOf(_child.Props()),
            OnPreRestart = keepChildren ? _ => { } : null,
        });
        return child!;
    }

    private TimeSpan MeasureRestart(ActorRef child)
    {
        var (instances, waited) = (_child.Instances, TimeSpan.Zero);
        _test.Tell(child, new InvalidOperationException("boom"));
        while (_child.Instances == instances)
        {
            Assert.True(waited < Second * 60, "The child did not restart within 60 s of its own time.");
            waited += Second / 4;
            _test.Advance(Second / 4);
        }

        return waited;
    }
}
