using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class WatchTests
{
    private readonly TestSystem _test = new();
    private readonly ActorScript _watcherScript;
    private readonly ActorRef _watcher;

    public WatchTests()
    {
        _watcherScript = new ActorScript
        {
            OnReceive = (self, message) =>
            {
                switch (message)
                {
                    case ("watch", ActorRef target):
                        self.Its.Watch(target);
                        break;
                    case ("unwatch", ActorRef target):
                        self.Its.Unwatch(target);
                        break;
                    case ("not handled", ActorRef dead):
                        self.NotKnown(new Terminated(dead));
                        break;
                }
            },
        };
        _watcher = _test.Start(_watcherScript, "watcher");
    }

    [Fact]
    public void Watcher_is_told_once_when_the_actor_stops()
    {
        var target = _test.Start(new ActorScript());
        _test.Tell(_watcher, ("watch", target));
        _test.Tell(_watcher, ("watch", target));
        _test.System.Stop(target);
        _test.Run();

        Assert.Equal([new Terminated(target)], Deaths());
    }

    [Fact]
    public void Watching_an_actor_that_has_stopped_is_answered_at_once()
    {
        var target = _test.Start(new ActorScript());
        _test.System.Stop(target);
        _test.Run();
        _test.Tell(_watcher, ("watch", target));

        Assert.Equal([new Terminated(target)], Deaths());
    }

    [Fact]
    public void Watching_nobody_is_answered_at_once()
    {
        _test.Tell(_watcher, ("watch", _test.System.DeadLetters));

        Assert.Equal([new Terminated(_test.System.DeadLetters)], Deaths());
    }

    [Fact]
    public void Terminated_comes_after_the_last_message_of_the_dead()
    {
        var target = _test.Start(new ActorScript
        {
            OnReceive = (self, _) =>
            {
                self.Its.Stop(self.Its.Self);
                _watcher.Tell("last words", self.Its.Self);
            },
            OnStop = self => _watcher.Tell("from PostStop", self.Its.Self),
        });
        _test.Tell(_watcher, ("watch", target));
        _test.Tell(target, "stop");

        Assert.Equal(["last words", "from PostStop", new Terminated(target)], _watcherScript.Seen.TakeLast(3));
    }

    [Fact]
    public void Unwatch_takes_back_even_a_Terminated_that_is_in_the_mailbox()
    {
        var target = _test.Start(new ActorScript());
        _test.Tell(_watcher, ("watch", target));

        // The watcher's mailbox then holds: unwatch, Terminated.
        var blocker = new ActorScript { OnReceive = (self, _) => self.Its.Stop(target) };
        _watcher.Tell(("unwatch", target));
        _test.Start(blocker).Tell("go");
        _test.Run();
        _test.Tell(_watcher, "done");

        Assert.Empty(Deaths());
    }

    [Fact]
    public void Watch_survives_a_restart_of_the_watcher()
    {
        var target = _test.Start(new ActorScript());
        _test.Tell(_watcher, ("watch", target));
        _test.Tell(_watcher, new InvalidOperationException("boom"));
        _test.System.Stop(target);
        _test.Run();

        Assert.Single(Deaths());
    }

    [Fact]
    public void Restart_of_the_watched_is_not_its_end()
    {
        var target = _test.Start(new ActorScript());
        _test.Tell(_watcher, ("watch", target));
        _test.Tell(target, new InvalidOperationException("boom"));

        Assert.Empty(Deaths());
    }

    [Fact]
    public void Terminated_that_is_not_handled_fails_the_watcher()
    {
        var target = _test.Start(new ActorScript());
        _test.Tell(_watcher, ("not handled", target));

        Assert.IsType<DeathPactException>(Assert.Single(_test.Faults).Exception);
        Assert.Equal(2, _watcherScript.Instances);
    }

    [Fact]
    public void Terminated_told_by_somebody_else_is_an_ordinary_message_and_changes_no_watch()
    {
        var target = _test.Start(new ActorScript());
        _test.Tell(_watcher, ("watch", target));
        _test.Tell(_watcher, new Terminated(target));
        _test.System.Stop(target);
        _test.Run();

        Assert.Equal(2, Deaths().Count());
    }

    private IEnumerable<Terminated> Deaths() => _watcherScript.Seen.OfType<Terminated>();
}
