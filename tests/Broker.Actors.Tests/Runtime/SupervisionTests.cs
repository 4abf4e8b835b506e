using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class SupervisionTests
{
    private readonly TestSystem _test = new();
    private readonly ActorScript _first = new();
    private readonly ActorScript _second = new();

    [Fact]
    public void Resume_goes_on_with_the_same_instance()
    {
        var first = StartFamily(new OneForOneStrategy(_ => Directive.Resume)).First;
        _test.Tell(first, new InvalidOperationException("boom"));
        _test.Tell(first, "after");

        Assert.Equal(1, _first.Instances);
        Assert.Equal("after", _first.Seen[^1]);
        Assert.DoesNotContain("stop", _first.Seen);
    }

    [Fact]
    public void Stop_ends_the_child_alone()
    {
        var (_, first, second) = StartFamily(new OneForOneStrategy(_ => Directive.Stop));
        _test.Tell(first, new InvalidOperationException("boom"));
        _test.Tell(second, "after");

        Assert.Equal("stop", _first.Seen[^1]);
        Assert.Equal("after", _second.Seen[^1]);
    }

    [Fact]
    public void Escalate_fails_the_parent_with_the_same_exception()
    {
        var (parent, first, _) = StartFamily(new OneForOneStrategy(_ => Directive.Escalate));
        var boom = new InvalidOperationException("boom");
        _test.Tell(first, boom);

        Assert.Equal(
            [(first.Path, Directive.Escalate), (parent.Path, Directive.Restart)],
            _test.Faults.Select(fault => (fault.Path, fault.Directive!.Value)));
        Assert.All(_test.Faults, fault => Assert.Same(boom, fault.Exception));
        Assert.Equal(2, _first.Instances);
        Assert.Equal(2, _second.Instances);
    }

    [Fact]
    public void Escalated_failure_that_the_grandparent_resumes_resumes_the_child_and_its_siblings()
    {
        ActorRef? first = null;
        ActorRef? second = null;
        var parent = new ActorScript
        {
            Strategy = new OneForOneStrategy(_ => Directive.Escalate),
            OnStart = self =>
            {
                first = self.Its.ActorOf(_first.Props());
                second = self.Its.ActorOf(_second.Props());
            },
        };
        var grandparent = new ActorScript
        {
            Strategy = new OneForOneStrategy(_ => Directive.Resume),
            OnStart = self => self.Its.ActorOf(parent.Props()),
        };
        _test.Start(grandparent);
        for (var round = 0; round < 2; round++)
        {
            _test.Tell(first!, new InvalidOperationException("boom"));
            _test.Tell(first!, "first");
            _test.Tell(second!, "second");
            Assert.Equal("first", _first.Seen[^1]);
            Assert.Equal("second", _second.Seen[^1]);
        }

        Assert.Equal((1, 1, 1), (parent.Instances, _first.Instances, _second.Instances));
    }

    [Fact]
    public void Failure_of_a_top_level_actor_restarts_it_and_the_system_goes_on()
    {
        var script = new ActorScript();
        var actor = _test.Start(script);
        _test.Tell(actor, new InvalidOperationException("boom"));

        Assert.False(_test.System.WhenTerminated.IsCompleted);
        Assert.Equal(2, script.Instances);
    }

    [Fact]
    public void AllForOne_restarts_the_siblings_and_keeps_their_mailboxes()
    {
        var (_, first, second) = StartFamily(new AllForOneStrategy());
        first.Tell(new InvalidOperationException("boom"));
        second.Tell("kept");
        _test.Run();

        Assert.Equal(2, _first.Instances);
        Assert.Equal(2, _second.Instances);
        _test.Tell(second, "after");
        Assert.Equal(["kept", "after"], _second.Seen.OfType<string>().Where(seen => seen is "kept" or "after"));
    }

    [Fact]
    public void AllForOne_stops_the_siblings()
    {
        var (parent, first, _) = StartFamily(new AllForOneStrategy(_ => Directive.Stop));
        _test.Tell(first, new InvalidOperationException("boom"));

        Assert.Equal(0, _test.System.GetHierarchy(parent.Path.ToString())!.ChildCount);
    }

    [Fact]
    public void More_restarts_than_permitted_within_the_window_stop_the_child()
    {
        var (_, first, second) = StartFamily(new OneForOneStrategy(maxRestarts: 2, window: TimeSpan.FromMinutes(1)));
        for (var i = 0; i < 3; i++)
        {
            _test.Tell(first, new InvalidOperationException("boom"));
        }

        Assert.Equal([Directive.Restart, Directive.Restart, Directive.Stop], _test.Faults.Select(fault => fault.Directive!.Value));
        Assert.Equal("stop", _first.Seen[^1]);
        _test.Tell(second, new InvalidOperationException("each child is counted for itself"));
        Assert.Equal(2, _second.Instances);
    }

    [Fact]
    public void Restarts_of_a_past_window_are_forgotten()
    {
        var first = StartFamily(new OneForOneStrategy(maxRestarts: 1, window: TimeSpan.FromMinutes(1))).First;
        for (var i = 0; i < 3; i++)
        {
            _test.Tell(first, new InvalidOperationException("boom"));
            _test.Advance(TimeSpan.FromMinutes(2));
        }

        Assert.Equal(4, _first.Instances);
    }

    [Fact]
    public void Decider_that_throws_fails_the_supervisor()
    {
        var (parent, first, _) = StartFamily(
            new OneForOneStrategy(_ => throw new InvalidOperationException("in the decider")));
        _test.Tell(first, new InvalidOperationException("boom"));

        Assert.Equal(parent.Path, _test.Faults[^1].Path);
        Assert.Equal("in the decider", _test.Faults[^1].Exception!.Message);
    }

    [Fact]
    public void Failed_constructor_and_failed_PreStart_stop_by_default()
    {
        var inConstructor = _test.Start(new ActorScript { OnConstruct = _ => throw new InvalidOperationException("one") });
        var inPreStart = _test.Start(new ActorScript { OnStart = _ => throw new InvalidOperationException("two") });

        Assert.Null(_test.System.GetHierarchy(inConstructor.Path.ToString()));
        Assert.Null(_test.System.GetHierarchy(inPreStart.Path.ToString()));
        Assert.All(_test.Faults, fault => Assert.IsType<ActorInitializationException>(fault.Exception));
    }

    [Fact]
    public void Failed_constructor_is_tried_again_if_the_supervisor_says_restart_or_resume()
    {
        foreach (var directive in new[] { Directive.Restart, Directive.Resume })
        {
            var child = new ActorScript
            {
                OnConstruct = self =>
                {
                    if (self.Instance < 3)
                    {
                        throw new InvalidOperationException("not yet");
                    }
                },
            };
            ActorRef? actor = null;
            _test.Start(new ActorScript
            {
                Strategy = new OneForOneStrategy(_ => directive),
                OnStart = self =>
                {
                    actor = self.Its.ActorOf(child.Props());
                    actor.Tell("waited");
                },
            });

            Assert.Equal(3, child.Instances);
            Assert.Equal("waited", child.Seen[^1]);
        }
    }

    [Fact]
    public void Context_in_the_constructor_is_an_error_that_says_so()
    {
        _test.Start(new ActorScript { OnConstruct = self => _ = self.Its });

        Assert.Contains("PreStart", Assert.Single(_test.Faults).Exception!.Message, StringComparison.Ordinal);
    }

    private (ActorRef Parent, ActorRef First, ActorRef Second) StartFamily(SupervisorStrategy strategy)
    {
        ActorRef? first = null;
        ActorRef? second = null;
        var parent = _test.Start(new ActorScript
        {
            Strategy = strategy,
            OnStart = self =>
            {
                first = self.Its.ActorOf(_first.Props(), "first");
                second = self.Its.ActorOf(_second.Props(), "second");
            },
        });
        return (parent, first!, second!);
    }
}
