using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;

namespace Broker.Actors.Tests.Runtime;

public sealed class TerminationTests
{
    [Fact]
    public async Task Terminate_stops_every_actor_children_first()
    {
        var order = new List<string>();
        var test = new TestSystem();
        var child = new ActorScript { OnStop = _ => order.Add("child") };
        test.Start(new ActorScript
        {
            OnStart = self => self.Its.ActorOf(child.Props()),
            OnStop = _ => order.Add("parent"),
        });
        Assert.False(test.System.WhenTerminated.IsCompleted);
        await test.System.TerminateAsync(TestSystem.Patience);

        Assert.True(test.System.WhenTerminated.IsCompletedSuccessfully);
        Assert.Equal(["child", "parent"], order);
        Assert.Empty(test.Faults);
    }

    [Fact]
    public async Task System_that_is_told_to_stop_before_it_has_started_stops()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var faults = new List<ActorFault>();
            var options = new ActorSystemOptions { Dispatcher = new DeterministicDispatcher(seed), OnFault = faults.Add };
            var system = EmbeddedActorSystem.Create("test", options);
            system.ActorOf(new ActorScript().Props());
            await system.TerminateAsync(TestSystem.Patience);
            Assert.True(system.WhenTerminated.IsCompletedSuccessfully);
            Assert.Empty(faults);
        }
    }

    [Fact]
    public async Task Terminate_is_idempotent_and_nothing_starts_afterwards()
    {
        var test = new TestSystem();
        var actor = test.Start(new ActorScript());
        await test.System.TerminateAsync(TestSystem.Patience);
        await test.System.TerminateAsync(TestSystem.Patience);

        Assert.Throws<InvalidOperationException>(() => test.System.ActorOf(new ActorScript().Props()));
        actor.Tell("late");
        Assert.Equal("late", Assert.Single(test.DeadLetters).Message);
    }

    [Fact]
    public async Task Timeout_names_the_actors_that_still_run()
    {
        using var release = new ManualResetEventSlim();
        await using var system = EmbeddedActorSystem.Create("test");
        var entered = new TaskCompletionSource();
        var stuck = system.ActorOf(
            new ActorScript
            {
                OnReceive = (_, _) =>
                {
                    entered.SetResult();
                    Assert.True(release.Wait(TestSystem.Patience), "The test did not release the stuck actor.");
                },
            }.Props(),
            "stuck");
        stuck.Tell("go");
        await entered.Task.WaitAsync(TestSystem.Patience);

        var error = await Assert.ThrowsAsync<TimeoutException>(() => system.TerminateAsync(TimeSpan.FromMilliseconds(50)));
        Assert.Contains("/user/stuck", error.Message, StringComparison.Ordinal);
        release.Set();
        await system.WhenTerminated.WaitAsync(TestSystem.Patience);
    }

    [Fact]
    public async Task Suspended_and_waiting_actors_stop_too()
    {
        var test = new TestSystem();
        var child = new ActorScript();
        ActorRef? actor = null;
        test.Start(new ActorScript
        {
            Strategy = new OneForOneStrategy(backoff: new RestartBackoff(TimeSpan.FromHours(1), TimeSpan.FromHours(1))),
            OnStart = self => actor = self.Its.ActorOf(child.Props()),
        });
        test.Tell(actor!, new InvalidOperationException("boom"));
        await test.System.TerminateAsync(TestSystem.Patience);

        Assert.Equal("stop", child.Seen[^1]);
        Assert.Equal(0, test.Time.ActiveTimers);
    }
}
