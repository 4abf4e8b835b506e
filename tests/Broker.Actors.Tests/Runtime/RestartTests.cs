using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class RestartTests
{
    private readonly TestSystem _test = new();

    [Fact]
    public void Restart_keeps_the_ref_and_the_mailbox_and_makes_a_new_instance()
    {
        var script = new ActorScript();
        var actor = _test.Start(script);
        actor.Tell("one");
        actor.Tell(new InvalidOperationException("boom"));
        actor.Tell("two");
        _test.Run();

        Assert.Equal(2, script.Instances);
        Assert.Equal(
            ["start", "one", script.Seen[2], "pre-restart", "stop", "post-restart", "start", "two"], script.Seen);
        var fault = Assert.Single(_test.Faults);
        Assert.Equal((ActorFaultKind.Failure, Directive.Restart), (fault.Kind, fault.Directive));
        Assert.Equal(1, _test.System.GetHierarchy(actor.Path.ToString())!.Restarts);
    }

    [Fact]
    public void Restart_waits_for_the_children_that_the_old_instance_stopped()
    {
        var child = new ActorScript();
        var parent = new ActorScript
        {
            OnStart = self => self.Its.ActorOf(child.Props(), "child"),
        };
        var actor = _test.Start(parent);
        _test.Tell(actor, new InvalidOperationException("boom"));

        // The name is unique: had the new instance not waited, its PreStart would have failed.
        Assert.Equal(["start", "stop", "start"], child.Seen);
        Assert.Equal(2, parent.Instances);
        Assert.Single(_test.Faults);
    }

    [Fact]
    public void Children_that_the_old_instance_kept_are_restarted_too()
    {
        var child = new ActorScript();
        var parent = new ActorScript
        {
            OnStart = self =>
            {
                if (self.Instance == 1)
                {
                    self.Its.ActorOf(child.Props(), "child");
                }
            },
            OnPreRestart = _ => { },
            OnReceive = (self, message) => self.Its.Child("child")!.Tell(message),
        };
        var actor = _test.Start(parent);
        _test.Tell(actor, new InvalidOperationException("boom"));
        _test.Tell(actor, "hello");

        Assert.Equal(["start", "pre-restart", "stop", "post-restart", "start", "hello"], child.Seen);
    }

    [Fact]
    public void Failure_in_a_new_instance_is_an_initialization_failure_and_stops_by_default()
    {
        var script = new ActorScript
        {
            OnConstruct = self =>
            {
                if (self.Instance == 2)
                {
                    throw new InvalidOperationException("second");
                }
            },
        };
        var actor = _test.Start(script);
        _test.Tell(actor, new InvalidOperationException("first"));

        Assert.Null(_test.System.GetHierarchy(actor.Path.ToString()));
        Assert.IsType<ActorInitializationException>(_test.Faults[^1].Exception);
        Assert.Equal(Directive.Stop, _test.Faults[^1].Directive);
    }

    [Fact]
    public void Failure_in_PreRestart_is_reported_and_the_restart_goes_on()
    {
        var script = new ActorScript { OnPreRestart = _ => throw new InvalidOperationException("again") };
        var actor = _test.Start(script);
        _test.Tell(actor, new InvalidOperationException("boom"));
        _test.Tell(actor, "alive");

        Assert.Equal("alive", script.Seen[^1]);
        Assert.Contains(_test.Faults, fault => fault.Kind == ActorFaultKind.Ignored);
    }
}
