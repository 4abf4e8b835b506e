namespace Broker.Actors.Runtime.Embedded;

/// <summary>What the actor sees.</summary>
internal sealed partial class ActorCell : IActorContext
{
    private ActorTimers? _timers;
    private ReceiveTimeoutTimer? _receiveTimeout;
    private ChildrenContainer? _children;
    private object? _detail;

    public ActorRef Self => SelfRef;

    public ActorRef Sender => _sender is null || ReferenceEquals(_sender, ActorRef.NoSender) ? System.DeadLetters : _sender;

    public ActorRef Parent => (ActorRef?)_parent ?? System.DeadLetters;

    public ActorSystem System => EmbeddedSystem;

    public IReadOnlyCollection<ActorRef> Children => Array.ConvertAll(ChildRecords, ActorRef (record) => record.Ref);

    public ITimerScheduler Timers => _timers ??= new ActorTimers(_mailbox, EmbeddedSystem.TimeProvider);

    /// <summary>From any thread.</summary>
    public ChildRecord[] ChildRecords => Volatile.Read(ref _children)?.Snapshot() ?? [];

    public ActorRef? Child(string name) => _children?.Find(name)?.Ref;

    public ActorRef ActorOf(Props props, string? name = null) => StartChild(props, name);

    /// <summary>From any thread.</summary>
    public LocalActorRef StartChild(Props props, string? name)
    {
        ArgumentNullException.ThrowIfNull(props);
        if (name is not null)
        {
            ActorPath.ValidateName(name);
        }

        var children = LazyInitializer.EnsureInitialized(ref _children);
        var path = SelfRef.Path;
        var child = children.Add(
            path,
            name,
            final => new ActorCell(EmbeddedSystem, SelfRef, path.Child(final, EmbeddedSystem.NextUid()), props).SelfRef);
        child.SendSystem(new SystemMessage.Create());
        return child;
    }

    public void Stop(ActorRef actor)
    {
        ArgumentNullException.ThrowIfNull(actor);
        if (actor is not EmbeddedRef target)
        {
            return;
        }

        if (target is LocalActorRef local && _children?.Find(local) is { } record)
        {
            StopChild(record);
        }
        else
        {
            target.SendSystem(new SystemMessage.Terminate());
        }
    }

    public void SetReceiveTimeout(TimeSpan? timeout)
    {
        _receiveTimeout?.Stop();
        _receiveTimeout = null;
        if (timeout is { } value)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero, nameof(timeout));
            _receiveTimeout = new ReceiveTimeoutTimer(_mailbox, EmbeddedSystem.TimeProvider, value);
        }
    }

    public void PipeTo<T>(ValueTask<T> task, Func<T, object> success, Func<Exception, object> failure)
    {
        ArgumentNullException.ThrowIfNull(success);
        ArgumentNullException.ThrowIfNull(failure);
        _ = PipeAsync(task, success, failure);
    }

    public void Describe(Func<string>? detail) => Volatile.Write(ref _detail, detail);

    public void DescribeBy(object state) => Volatile.Write(ref _detail, state);

    /// <summary>From any thread.</summary>
    public string? ReadDetail()
    {
        try
        {
            var detail = Volatile.Read(ref _detail);
            return detail is Func<string> tell ? tell() : detail?.ToString();
        }
        catch (Exception error)
        {
            // It reads while the actor runs; a listing must not fail for that.
            return $"(no detail: {error.Message})";
        }
    }

    private async Task PipeAsync<T>(ValueTask<T> task, Func<T, object> success, Func<Exception, object> failure)
    {
        object message;
        try
        {
            message = success(await task);
        }
        catch (Exception error)
        {
            try
            {
                message = failure(error);
            }
            catch (Exception inMapper)
            {
                EmbeddedSystem.Report(ActorFaultKind.Ignored, this, inMapper);
                message = new Failure(error);
            }
        }

        _mailbox.PostUnbounded(message, null);
    }
}
