namespace Broker.Actors.Runtime.Embedded;

/// <summary>Death watch, in both roles.</summary>
internal sealed partial class ActorCell
{
    private HashSet<EmbeddedRef>? _watching;
    private EmbeddedRef? _watcher; // the first of them: most actors have one, their parent
    private HashSet<EmbeddedRef>? _otherWatchers;

    /// <summary>Actors whose Terminated is in the mailbox. Unwatch takes it back by taking the actor out of here.</summary>
    private HashSet<ActorRef>? _deathsToTell;

    public void Watch(ActorRef actor)
    {
        ArgumentNullException.ThrowIfNull(actor);
        var target = Watchable(actor);
        if (target != SelfRef && _deathsToTell?.Contains(target) != true && (_watching ??= []).Add(target))
        {
            target.SendSystem(new SystemMessage.Watch(SelfRef));
        }
    }

    public void Unwatch(ActorRef actor)
    {
        ArgumentNullException.ThrowIfNull(actor);
        var target = Watchable(actor);
        _deathsToTell?.Remove(target);
        if (_watching?.Remove(target) == true)
        {
            target.SendSystem(new SystemMessage.Unwatch(SelfRef));
        }
    }

    private EmbeddedRef Watchable(ActorRef actor) => actor switch
    {
        EmbeddedRef target => target,
        { IsNobody: true } => EmbeddedSystem.DeadLetterRef,
        _ => throw new ArgumentException($"{actor} is of another engine and cannot be watched.", nameof(actor)),
    };

    private void OnWatch(EmbeddedRef watcher)
    {
        if (_watcher is null || _watcher == watcher)
        {
            _watcher = watcher;
        }
        else
        {
            (_otherWatchers ??= []).Add(watcher);
        }
    }

    private void OnUnwatch(EmbeddedRef watcher)
    {
        if (_watcher == watcher)
        {
            _watcher = null;
        }

        _otherWatchers?.Remove(watcher); // it may be there as well, if it has come when another one was the first
    }

    private void OnDeathNotice(EmbeddedRef dead)
    {
        if (_watching?.Remove(dead) == true)
        {
            (_deathsToTell ??= []).Add(dead);
            _mailbox.PostUnbounded(new Terminated(dead), EngineMark.Instance);
        }

        if (_life == Life.Restarting)
        {
            FinishRecreateUnlessWaiting();
        }
        else if (_life == Life.Terminating)
        {
            FinishTerminateUnlessWaiting();
        }
    }

    private void TellWatchers()
    {
        _otherWatchers?.Remove(_watcher!);
        _watcher?.SendSystem(new SystemMessage.DeathNotice(SelfRef));
        foreach (var watcher in _otherWatchers ?? [])
        {
            watcher.SendSystem(new SystemMessage.DeathNotice(SelfRef));
        }

        foreach (var target in _watching ?? [])
        {
            target.SendSystem(new SystemMessage.Unwatch(SelfRef));
        }

        _watcher = null;
        _otherWatchers = null;
        _watching = null;
        _deathsToTell = null;
    }
}
