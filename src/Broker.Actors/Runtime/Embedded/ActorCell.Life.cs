namespace Broker.Actors.Runtime.Embedded;

/// <summary>Start, failure, restart, stop of this actor.</summary>
internal sealed partial class ActorCell
{
    private int _suspended;
    private bool _failed;
    private Exception? _failure;
    private object? _failedMessage;
    private LocalActorRef? _escalatedFor;

    private void Start()
    {
        _life = Life.Running;
        TypeMetrics.CountStart();
        try
        {
            Instantiate();
            ((IActorHooks)_actor!).PreStart();
        }
        catch (Exception failure)
        {
            _actor = null;
            Fail(new ActorInitializationException(SelfRef, failure));
        }
    }

    private void Instantiate()
    {
        var actor = _props.Make()
            ?? throw new InvalidOperationException($"The factory of {TypeName} returned no actor.");
        ((IActorHooks)actor).Bind(this);
        _actor = actor;
        _strategy = null;
    }

    /// <summary>Suspends this actor and its children and leaves the decision to the parent.</summary>
    /// <param name="failure">What happened.</param>
    /// <param name="escalatedFor">The child whose failure this was; it is suspended already.</param>
    /// <param name="suspendedAlready">Children that are suspended since before.</param>
    private void Fail(Exception failure, LocalActorRef? escalatedFor = null, ChildRecord[]? suspendedAlready = null)
    {
        if (_life is Life.Terminating or Life.Terminated || _parent is null)
        {
            EmbeddedSystem.Report(ActorFaultKind.Ignored, this, failure);
            return;
        }

        if (_failed)
        {
            return;
        }

        _failed = true;
        _failure = failure;
        _escalatedFor = escalatedFor;
        _suspended++;
        foreach (var child in ChildRecords)
        {
            if (child.Ref != escalatedFor && suspendedAlready?.Contains(child) != true)
            {
                child.Ref.SendSystem(new SystemMessage.Suspend());
            }
        }

        _parent.SendSystem(new SystemMessage.Failed(SelfRef, failure));
    }

    private void Suspend()
    {
        _suspended++;
        foreach (var child in ChildRecords)
        {
            child.Ref.SendSystem(new SystemMessage.Suspend());
        }
    }

    private void Resume(bool clearFailure)
    {
        if (_life is Life.Running && _actor is null && clearFailure)
        {
            // There is nothing to go on with: it failed before it was made.
            Recreate(_failure!);
            return;
        }

        _suspended--;
        if (clearFailure)
        {
            _failed = false;
        }

        var escalatedFor = clearFailure ? _escalatedFor : null;
        foreach (var child in ChildRecords)
        {
            child.Ref.SendSystem(new SystemMessage.Resume(clearFailure: child.Ref == escalatedFor));
        }
    }

    private void Recreate(Exception cause)
    {
        switch (_life)
        {
            case Life.Terminating or Life.Terminated:
                return;
            case Life.Restarting:
                // Asked twice, by its supervisor and for its supervisor's own restart: one new instance answers both.
                _suspended--;
                return;
        }

        if (_actor is null)
        {
            StopAllChildren();
        }
        else
        {
            try
            {
                ((IActorHooks)_actor).PreRestart(cause, _failedMessage);
            }
            catch (Exception error)
            {
                EmbeddedSystem.Report(ActorFaultKind.Ignored, this, error);
            }
        }

        _actor = null;
        _failedMessage = null;
        _batchOpen = false;
        _failure = cause;
        CancelTimers();
        _life = Life.Restarting;
        FinishRecreateUnlessWaiting();
    }

    private void FinishRecreateUnlessWaiting()
    {
        if (_children?.AnyStopping() == true)
        {
            return;
        }

        var survivors = ChildRecords;
        var cause = _failure!;
        _life = Life.Running;
        _suspended--;
        _failed = false;
        _failure = null;
        Interlocked.Increment(ref _restarts);
        TypeMetrics.CountRestart();
        try
        {
            Instantiate();
            ((IActorHooks)_actor!).PostRestart(cause);
            ResumePendingRestarts();
            foreach (var child in survivors)
            {
                child.Ref.SendSystem(new SystemMessage.Recreate(cause));
            }
        }
        catch (Exception failure)
        {
            _actor = null;
            Fail(new ActorInitializationException(SelfRef, failure), suspendedAlready: survivors);
        }
    }

    private void Terminate()
    {
        if (_life is Life.Terminating or Life.Terminated)
        {
            return;
        }

        _life = Life.Terminating;
        CancelTimers();
        DropPendingRestarts();
        Interlocked.CompareExchange(ref _children, ChildrenContainer.ClosedEmpty, null)?.Close();
        StopAllChildren();
        FinishTerminateUnlessWaiting();
    }

    private void FinishTerminateUnlessWaiting()
    {
        if (_children?.Count > 0)
        {
            return;
        }

        _life = Life.Terminated;
        _sender = null;
        try
        {
            ((IActorHooks?)_actor)?.PostStop();
        }
        catch (Exception error)
        {
            EmbeddedSystem.Report(ActorFaultKind.Ignored, this, error);
        }

        _actor = null;
        _detail = null;
        CancelTimers();
        TypeMetrics.CountStop();
        _parent?.Cell._children?.Remove(SelfRef);
        _mailbox.Close(InvokeSystemWhenTerminated);
        TellWatchers();
        if (_parent is null)
        {
            EmbeddedSystem.OnTerminated();
        }
        else
        {
            _parent.SendSystem(new SystemMessage.DeathNotice(SelfRef));
        }
    }

    /// <summary>System messages that were queued when the cell terminated.</summary>
    private void InvokeSystemWhenTerminated(SystemMessage message)
    {
        if (message is SystemMessage.Watch watch)
        {
            OnWatch(watch.Watcher);
        }
        else if (message is SystemMessage.Unwatch unwatch)
        {
            OnUnwatch(unwatch.Watcher);
        }
    }

    private void CancelTimers()
    {
        _timers?.CancelAll();
        SetReceiveTimeout(null);
    }
}
