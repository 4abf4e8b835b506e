using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class TimerTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly TestSystem _test = new();
    private readonly ActorScript _script = new()
    {
        OnReceive = (self, message) => (message as Action<IActorContext>)?.Invoke(self.Its),
    };

    [Fact]
    public void Single_timer_fires_once_and_the_actor_is_its_sender()
    {
        ActorRef? sender = null;
        var actor = Start();
        Do(actor, context => context.Timers.StartSingle("key", (Action<IActorContext>)(its => sender = its.Sender), Second));
        _test.Advance(Second * 0.9);
        Assert.Null(sender);
        _test.Advance(Second * 10);

        Assert.Equal(actor, sender);
        Assert.Equal(0, _test.Time.ActiveTimers);
        Do(actor, context => Assert.False(context.Timers.IsActive("key")));
        Assert.Empty(_test.Faults);
    }

    [Fact]
    public void Single_timer_without_delay_fires_with_the_next_turn()
    {
        var actor = Start();
        Do(actor, context => context.Timers.StartSingle("key", "tick", TimeSpan.Zero));

        Assert.Equal(1, Ticks());
    }

    [Fact]
    public void Periodic_timer_fires_until_it_is_cancelled()
    {
        var actor = Start();
        Do(actor, context => context.Timers.StartPeriodic("key", "tick", Second));
        for (var i = 0; i < 3; i++)
        {
            _test.Advance(Second);
        }

        Assert.Equal(3, Ticks());
        Do(actor, context => context.Timers.Cancel("key"));
        _test.Advance(Second * 3);
        Assert.Equal(3, Ticks());
    }

    [Fact]
    public void Ticks_that_come_while_one_waits_are_merged()
    {
        var actor = Start();
        Do(actor, context => context.Timers.StartPeriodic("key", "tick", Second));
        _test.Time.Advance(Second * 100);
        _test.Run();

        Assert.Equal(1, Ticks());
    }

    [Fact]
    public void Starting_a_key_again_replaces_its_timer()
    {
        var actor = Start();
        Do(actor, context =>
        {
            context.Timers.StartSingle("key", "old", Second);
            context.Timers.StartSingle("key", "tick", Second * 2);
        });
        _test.Advance(Second * 3);

        Assert.Equal(1, Ticks());
        Assert.DoesNotContain("old", _script.Seen);
    }

    [Fact]
    public void Cancelled_timer_whose_message_is_in_the_mailbox_does_not_fire()
    {
        var actor = Start();
        Do(actor, context => context.Timers.StartSingle("key", "tick", Second));
        actor.Tell((Action<IActorContext>)(context => context.Timers.Cancel("key")));
        _test.Time.Advance(Second);
        _test.Run();

        Assert.Equal(0, Ticks());
    }

    [Fact]
    public void Timer_of_a_restarted_actor_does_not_fire()
    {
        var actor = Start();
        Do(actor, context => context.Timers.StartSingle("key", "tick", Second));
        actor.Tell(new InvalidOperationException("boom"));
        _test.Time.Advance(Second);
        _test.Run();
        _test.Advance(Second * 10);

        Assert.Equal(2, _script.Instances);
        Assert.Equal(0, Ticks());
    }

    [Fact]
    public void Timer_of_a_stopped_actor_does_not_fire_and_is_no_dead_letter()
    {
        var actor = Start();
        Do(actor, context => context.Timers.StartPeriodic("key", "tick", Second));
        _test.System.Stop(actor);
        _test.Time.Advance(Second);
        _test.Run();
        _test.Advance(Second * 10);

        Assert.Equal(0, Ticks());
        Assert.Empty(_test.DeadLetters);
        Assert.Equal(0, _test.Time.ActiveTimers);
    }

    [Fact]
    public void Timer_message_gets_into_a_full_mailbox()
    {
        var actor = _test.System.ActorOf(_script.Props().WithMailbox(1));
        _test.Run();
        Do(actor, context => context.Timers.StartSingle("key", "tick", Second));
        actor.Tell("fills the mailbox");
        _test.Advance(Second);

        Assert.Equal(1, Ticks());
        Assert.Empty(_test.DeadLetters);
    }

    private ActorRef Start() => _test.Start(_script);

    private void Do(ActorRef actor, Action<IActorContext> action) => _test.Tell(actor, action);

    private int Ticks() => _script.Seen.Count("tick".Equals);
}
