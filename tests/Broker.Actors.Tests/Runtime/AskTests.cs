using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class AskTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly TestSystem _test = new();

    [Fact]
    public async Task Answer_completes_the_ask()
    {
        var actor = _test.Start(Answering(message => $"{message}!"));
        var ask = actor.AskAsync<string>("hello", Second);
        _test.Run();

        Assert.Equal("hello!", await Wait(ask));
    }

    [Fact]
    public async Task Failure_faults_the_ask_with_its_exception()
    {
        var boom = new InvalidOperationException("boom");
        var actor = _test.Start(Answering(_ => new Failure(boom)));
        var ask = actor.AskAsync<string>("hello", Second);
        _test.Run();

        Assert.Same(boom, await Assert.ThrowsAsync<InvalidOperationException>(() => Wait(ask)));
    }

    [Fact]
    public async Task Failure_can_be_asked_for()
    {
        var actor = _test.Start(Answering(_ => new Failure(new InvalidOperationException("boom"))));
        var ask = actor.AskAsync<Failure>("hello", Second);
        _test.Run();

        Assert.Equal("boom", (await Wait(ask)).Exception.Message);
    }

    [Fact]
    public async Task Timeout_says_whom_and_what_it_asked()
    {
        var actor = _test.Start(new ActorScript(), "silent");
        var ask = actor.AskAsync<string>(new GetAnswer(), Second);
        _test.Advance(Second);

        var error = await Assert.ThrowsAsync<AskTimeoutException>(() => Wait(ask));
        Assert.Contains("/user/silent", error.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(GetAnswer), error.Message, StringComparison.Ordinal);
        Assert.Contains("00:00:01", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_after_the_timeout_is_a_dead_letter()
    {
        ActorRef? asker = null;
        var actor = _test.Start(new ActorScript { OnReceive = (self, _) => asker = self.Its.Sender });
        var ask = actor.AskAsync<string>("hello", Second);
        _test.Advance(Second);
        await Assert.ThrowsAsync<AskTimeoutException>(() => Wait(ask));
        asker!.Tell("late");

        Assert.Equal("late", Assert.Single(_test.DeadLetters).Message);
    }

    [Fact]
    public async Task Answer_of_another_type_faults_the_ask()
    {
        var ask = _test.Start(Answering(_ => 7)).AskAsync<string>("hello", Second);
        _test.Run();

        var error = await Assert.ThrowsAsync<InvalidCastException>(() => Wait(ask));
        Assert.Contains("Int32", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Asking_an_actor_that_has_stopped_fails_at_once()
    {
        var actor = _test.Start(new ActorScript());
        _test.System.Stop(actor);
        _test.Run();
        var ask = actor.AskAsync<string>("hello", Second);

        var error = await Assert.ThrowsAsync<AskUndeliveredException>(() => Wait(ask));
        Assert.Equal(DeadLetterReason.NoReceiver, error.Reason);
    }

    [Fact]
    public async Task Cancellation_ends_the_ask()
    {
        using var cancel = new CancellationTokenSource();
        var ask = _test.Start(new ActorScript()).AskAsync<string>("hello", Second, cancel.Token);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait(ask));
    }

    [Fact]
    public async Task Asker_can_be_watched_and_ends_with_its_ask()
    {
        var script = new ActorScript
        {
            OnReceive = (self, message) =>
            {
                if (message is "hello")
                {
                    self.Its.Watch(self.Its.Sender);
                }
            },
        };
        var ask = _test.Start(script).AskAsync<string>("hello", Second);
        _test.Advance(Second);
        await Assert.ThrowsAsync<AskTimeoutException>(() => Wait(ask));
        _test.Run();

        Assert.IsType<Terminated>(script.Seen[^1]);
    }

    [Fact]
    public async Task Nobody_cannot_be_asked() =>
        await Assert.ThrowsAsync<NotSupportedException>(() => ActorRef.NoSender.AskAsync<string>("hello", Second));

    private static ActorScript Answering(Func<object, object> answer) =>
        new() { OnReceive = (self, message) => self.Its.Sender.Tell(answer(message), self.Its.Self) };

    private static Task<T> Wait<T>(Task<T> ask) => ask.WaitAsync(TestSystem.Patience);

    private sealed record GetAnswer;
}
