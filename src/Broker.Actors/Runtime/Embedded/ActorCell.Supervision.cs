namespace Broker.Actors.Runtime.Embedded;

/// <summary>This actor as the supervisor of its children.</summary>
internal sealed partial class ActorCell
{
    private SupervisorStrategy? _strategy;
    private HashSet<PendingRestart>? _pendingRestarts;

    private void OnChildFailed(LocalActorRef child, Exception cause)
    {
        if (_life is Life.Terminating or Life.Terminated || _children?.Find(child) is not { Stopping: false } record)
        {
            return;
        }

        SupervisorStrategy strategy;
        Directive directive;
        try
        {
            strategy = _strategy ??= ((IActorHooks?)_actor)?.SupervisorStrategy ?? SupervisorStrategy.Default;
            directive = strategy.Decider(cause);
        }
        catch (Exception failure)
        {
            EmbeddedSystem.Report(ActorFaultKind.Failure, child.Cell, cause, Directive.Escalate);
            Fail(failure, escalatedFor: child);
            return;
        }

        var now = EmbeddedSystem.Uptime;
        if (directive == Directive.Restart && !(record.History ??= new RestartHistory()).TryCount(strategy, now))
        {
            directive = Directive.Stop;
        }

        EmbeddedSystem.Report(ActorFaultKind.Failure, child.Cell, cause, directive);
        Carry(directive, strategy, record, cause, now);
    }

    private void Carry(Directive directive, SupervisorStrategy strategy, ChildRecord record, Exception cause, TimeSpan now)
    {
        switch (directive)
        {
            case Directive.Resume:
                record.Ref.SendSystem(new SystemMessage.Resume(clearFailure: true));
                break;
            case Directive.Restart:
                Restart(strategy, record, cause, now);
                break;
            case Directive.Stop:
                foreach (var child in Affected(strategy, record))
                {
                    StopChild(child);
                }

                break;
            case Directive.Escalate:
                Fail(cause, escalatedFor: record.Ref);
                break;
            default:
                Fail(new InvalidOperationException($"A decider answered {directive}.", cause), escalatedFor: record.Ref);
                break;
        }
    }

    private void Restart(SupervisorStrategy strategy, ChildRecord failed, Exception cause, TimeSpan now)
    {
        var children = Array.ConvertAll(Affected(strategy, failed), child => child.Ref);
        foreach (var child in children)
        {
            if (child != failed.Ref)
            {
                child.SendSystem(new SystemMessage.Suspend());
            }
        }

        var restart = new PendingRestart(SelfRef, children, cause);
        (_pendingRestarts ??= []).Add(restart);
        if (strategy.Backoff is { } backoff)
        {
            restart.Start(
                EmbeddedSystem.TimeProvider, failed.History!.NextDelay(backoff, now, EmbeddedSystem.NextJitter()));
        }
        else
        {
            OnBackoffElapsed(restart);
        }
    }

    private void OnBackoffElapsed(PendingRestart restart)
    {
        if (_pendingRestarts?.Remove(restart) != true)
        {
            return;
        }

        restart.Dispose();
        foreach (var child in restart.Children)
        {
            child.SendSystem(new SystemMessage.Recreate(restart.Cause));
        }
    }

    private ChildRecord[] Affected(SupervisorStrategy strategy, ChildRecord failed) =>
        strategy.AffectsAllChildren ? Array.FindAll(ChildRecords, child => !child.Stopping) : [failed];

    private void StopAllChildren()
    {
        foreach (var child in ChildRecords)
        {
            StopChild(child);
        }
    }

    private static void StopChild(ChildRecord child)
    {
        child.Stopping = true;
        child.Ref.SendSystem(new SystemMessage.Terminate());
    }

    /// <summary>
    /// For children that wait for their back-off while this actor has itself been restarted and restarts them: the suspension of their own failure
    /// is taken back, so that one restart sets them going.
    /// </summary>
    private void ResumePendingRestarts()
    {
        foreach (var child in (_pendingRestarts ?? []).SelectMany(restart => restart.Children))
        {
            child.SendSystem(new SystemMessage.Resume(clearFailure: true));
        }

        DropPendingRestarts();
    }

    private void DropPendingRestarts()
    {
        foreach (var restart in _pendingRestarts ?? [])
        {
            restart.Dispose();
        }

        _pendingRestarts = null;
    }
}
