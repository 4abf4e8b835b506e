using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;

namespace Broker.Actors.Tests.Runtime;

/// <summary>An actor system on one thread and a clock of its own, with what it reports.</summary>
public sealed class TestSystem : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public TestSystem(
        Func<ActorSystemOptions, ActorSystemOptions>? configure = null, int? seed = null, string systemName = "test")
    {
        Dispatcher = new DeterministicDispatcher(seed);
        var options = new ActorSystemOptions
        {
            Dispatcher = Dispatcher,
            TimeProvider = Time,
            Seed = 1,
            OnFault = Faults.Add,
        };
        System = EmbeddedActorSystem.Create(systemName, configure?.Invoke(options) ?? options);
        System.EventStream.Subscribe<DeadLetter>(DeadLetters.Add);
        System.EventStream.Subscribe<UnhandledMessage>(Unhandled.Add);
        Run();
    }

    public ManualTimeProvider Time { get; } = new();

    public DeterministicDispatcher Dispatcher { get; }

    public EmbeddedActorSystem System { get; }

    public List<ActorFault> Faults { get; } = [];

    public List<DeadLetter> DeadLetters { get; } = [];

    public List<UnhandledMessage> Unhandled { get; } = [];

    public void Run() => Dispatcher.RunUntilIdle();

    public void Advance(TimeSpan by)
    {
        Time.Advance(by);
        Run();
    }

    /// <summary>Starts an actor made of functions and runs until it has started.</summary>
    public ActorRef Start(ActorScript script, string? name = null)
    {
        var actor = System.ActorOf(script.Props(), name);
        Run();
        return actor;
    }

    public void Tell(ActorRef actor, object message, ActorRef? sender = null)
    {
        actor.Tell(message, sender);
        Run();
    }

    public ValueTask DisposeAsync() => System.DisposeAsync();
}
