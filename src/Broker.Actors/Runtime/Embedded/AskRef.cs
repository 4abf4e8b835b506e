namespace Broker.Actors.Runtime.Embedded;

/// <summary>The sender of one ask: takes the first answer and is then gone.</summary>
internal sealed class AskRef : EmbeddedRef
{
    private readonly EmbeddedActorSystem _system;
    private readonly TaskCompletionSource<object> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private List<EmbeddedRef>? _watchers;

    private AskRef(EmbeddedActorSystem system)
    {
        _system = system;
        Path = system.NewTemporaryPath();
    }

    public override ActorPath Path { get; }

    public static async Task<object> AskAsync(
        EmbeddedActorSystem system, ActorRef target, object message, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var ask = new AskRef(system);
        target.Tell(message, ask);
        try
        {
            return await ask._answer.Task.WaitAsync(timeout, system.TimeProvider, cancellationToken);
        }
        catch (TimeoutException) when (!ask._answer.Task.IsCompleted)
        {
            throw new AskTimeoutException(target, message, timeout);
        }
        finally
        {
            ask.End();
        }
    }

    public override void Tell(object message, ActorRef? sender = null)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (!_answer.TrySetResult(message))
        {
            _system.DeadLetter(message, sender, this, DeadLetterReason.NoReceiver);
        }
    }

    /// <summary>The question became a dead letter: no need to wait.</summary>
    public void Undelivered(ActorRef target, object message, DeadLetterReason reason)
    {
        if (!_answer.Task.IsCompleted)
        {
            _answer.TrySetException(new AskUndeliveredException(target, message, reason));
        }
    }

    public override void SendSystem(SystemMessage message)
    {
        lock (_lock)
        {
            if (!_answer.Task.IsCompleted)
            {
                switch (message)
                {
                    case SystemMessage.Watch watch:
                        (_watchers ??= []).Add(watch.Watcher);
                        break;
                    case SystemMessage.Unwatch unwatch:
                        _watchers?.Remove(unwatch.Watcher);
                        break;
                }

                return;
            }
        }

        AnswerAsDead(message);
    }

    private void End()
    {
        _answer.TrySetCanceled();
        List<EmbeddedRef>? watchers;
        lock (_lock)
        {
            (watchers, _watchers) = (_watchers, null);
        }

        foreach (var watcher in watchers ?? [])
        {
            watcher.SendSystem(new SystemMessage.DeathNotice(this));
        }
    }
}
