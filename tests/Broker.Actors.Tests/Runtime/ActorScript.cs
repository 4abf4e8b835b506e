using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

/// <summary>
/// What an actor of a test does, and what was seen of it over all its instances. It notes <c>start</c>, each message, <c>batch</c> only if asked to,
/// <c>stop</c>, <c>pre-restart</c> and <c>post-restart</c>.
/// </summary>
public sealed class ActorScript
{
    public Action<ScriptedActor, object>? OnReceive { get; init; }

    public Action<ScriptedActor>? OnConstruct { get; init; }

    public Action<ScriptedActor>? OnStart { get; init; }

    public Action<ScriptedActor>? OnStop { get; init; }

    public Action<ScriptedActor>? OnBatch { get; init; }

    /// <summary>Replaces the default, which stops the children and calls PostStop.</summary>
    public Action<ScriptedActor>? OnPreRestart { get; init; }

    public SupervisorStrategy? Strategy { get; init; }

    public List<object> Seen { get; } = [];

    public int Instances { get; set; }

    public Props Props() => Broker.Actors.Runtime.Props.Create(() => new ScriptedActor(this));
}

public sealed class ScriptedActor : Actor
{
    private readonly ActorScript _script;

    public ScriptedActor(ActorScript script)
    {
        _script = script;
        Instance = ++script.Instances;
        script.OnConstruct?.Invoke(this);
    }

    public int Instance { get; }

    public IActorContext Its => Context;

    protected override SupervisorStrategy SupervisorStrategy => _script.Strategy ?? base.SupervisorStrategy;

    public void NotKnown(object message) => Unhandled(message);

    protected override void PreStart()
    {
        _script.Seen.Add("start");
        _script.OnStart?.Invoke(this);
    }

    protected override void Receive(object message)
    {
        _script.Seen.Add(message);
        if (message is Exception failure)
        {
            throw failure;
        }

        _script.OnReceive?.Invoke(this, message);
    }

    protected override void AfterBatch() => _script.OnBatch?.Invoke(this);

    protected override void PostStop()
    {
        _script.Seen.Add("stop");
        _script.OnStop?.Invoke(this);
    }

    protected override void PreRestart(Exception reason, object? message)
    {
        _script.Seen.Add("pre-restart");
        if (_script.OnPreRestart is { } replacement)
        {
            replacement(this);
        }
        else
        {
            base.PreRestart(reason, message);
        }
    }

    protected override void PostRestart(Exception reason)
    {
        _script.Seen.Add("post-restart");
        base.PostRestart(reason);
    }
}
