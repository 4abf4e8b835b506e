using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class PipeToTests
{
    private readonly TestSystem _test = new();
    private readonly ActorScript _script = new()
    {
        OnReceive = (self, message) => (message as Action<IActorContext>)?.Invoke(self.Its),
    };

    [Fact]
    public void Result_comes_as_a_message()
    {
        var source = new TaskCompletionSource<int>();
        Pipe(context => context.PipeTo(source.Task, value => $"got {value}", error => error.Message));
        Assert.DoesNotContain("got 7", _script.Seen);
        source.SetResult(7);
        _test.Run();

        Assert.Equal("got 7", _script.Seen[^1]);
    }

    [Fact]
    public void Result_that_is_there_already_comes_as_a_message_too()
    {
        Pipe(context => context.PipeTo(ValueTask.FromResult(7), value => $"got {value}", error => error.Message));

        Assert.Equal("got 7", _script.Seen[^1]);
    }

    [Fact]
    public void Failure_and_cancellation_come_as_messages()
    {
        Pipe(context => context.PipeTo(
            Task.FromException<int>(new InvalidOperationException("boom")), value => value, error => error.Message));
        Assert.Equal("boom", _script.Seen[^1]);
        Pipe(context => context.PipeTo(
            Task.FromCanceled(new CancellationToken(true)), () => "done", error => error.GetType().Name));
        Assert.Equal(nameof(TaskCanceledException), _script.Seen[^1]);
    }

    [Fact]
    public void Mapping_that_throws_goes_to_the_failure_mapping()
    {
        Pipe(context => context.PipeTo(
            ValueTask.CompletedTask, () => throw new InvalidOperationException("in the mapping"), error => error.Message));

        Assert.Equal("in the mapping", _script.Seen[^1]);
    }

    [Fact]
    public void Failure_mapping_that_throws_is_reported_and_the_actor_gets_a_Failure()
    {
        Pipe(context => context.PipeTo(
            Task.FromException<int>(new InvalidOperationException("boom")),
            value => value,
            _ => throw new InvalidOperationException("in the mapping")));

        Assert.Equal("boom", Assert.IsType<Failure>(_script.Seen[^1]).Exception.Message);
        Assert.Equal(ActorFaultKind.Ignored, Assert.Single(_test.Faults).Kind);
    }

    [Fact]
    public void Result_for_an_actor_that_has_stopped_is_a_dead_letter()
    {
        var source = new TaskCompletionSource<int>();
        var actor = Pipe(context => context.PipeTo(source.Task, value => $"got {value}", error => error.Message));
        _test.System.Stop(actor);
        _test.Run();
        source.SetResult(7);

        Assert.Equal("got 7", Assert.Single(_test.DeadLetters).Message);
    }

    private ActorRef Pipe(Action<IActorContext> action)
    {
        var actor = _test.Start(_script);
        _test.Tell(actor, action);
        return actor;
    }
}
