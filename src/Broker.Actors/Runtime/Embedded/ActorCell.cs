using System.Diagnostics;

namespace Broker.Actors.Runtime.Embedded;

/// <summary>
/// The engine's side of one actor: holds the instance, gives it its turns and keeps its place in the tree, over all restarts.
/// </summary>
/// <remarks>
/// Everything runs in the cell's own turn (<see cref="Mailbox.Execute"/>), except what says "from any thread". The rules of failure, suspension and
/// restart are Akka's.
/// </remarks>
internal sealed partial class ActorCell
{
    private readonly Props _props;
    private readonly Mailbox _mailbox;
    private readonly LocalActorRef? _parent;
    private Actor? _actor;
    private Life _life = Life.New;
    private ActorRef? _sender;
    private bool _batchOpen;
    private long _processed;
    private int _restarts;

    public ActorCell(EmbeddedActorSystem system, LocalActorRef? parent, ActorPath path, Props props)
    {
        EmbeddedSystem = system;
        _parent = parent;
        _props = props;
        TypeMetrics = system.Metrics.ForType(props.TypeName);
        var options = system.Options;
        _mailbox = new Mailbox(
            this,
            props.MailboxCapacity ?? options.MailboxCapacity,
            props.Throughput ?? options.Throughput,
            options.Dispatcher);
        SelfRef = new LocalActorRef(path, _mailbox);
    }

    private enum Life
    {
        New,
        Running,

        /// <summary>The old instance is gone; children that it stopped are waited for.</summary>
        Restarting,

        /// <summary>Children are waited for.</summary>
        Terminating,
        Terminated,
    }

    public EmbeddedActorSystem EmbeddedSystem { get; }

    public LocalActorRef SelfRef { get; }

    public ActorTypeMetrics TypeMetrics { get; }

    public string TypeName => _props.TypeName;

    /// <summary>False while it is suspended, restarts or stops: then only system messages are taken.</summary>
    public bool TakesMessages => _suspended == 0 && _life == Life.Running;

    /// <summary>From any thread.</summary>
    public int MailboxCount => _mailbox.Count;

    /// <summary>From any thread.</summary>
    public long Processed => Volatile.Read(ref _processed);

    /// <summary>From any thread.</summary>
    public int Restarts => Volatile.Read(ref _restarts);

    public void CountProcessed(int messages)
    {
        if (messages > 0)
        {
            Volatile.Write(ref _processed, _processed + messages);
            TypeMetrics.CountProcessed(messages);
        }
    }

    /// <summary>From any thread.</summary>
    public void DeadLetter(object message, ActorRef? sender, DeadLetterReason reason) =>
        EmbeddedSystem.DeadLetter(message, sender, SelfRef, reason);

    public void Invoke(object entry, ActorRef? sender)
    {
        var message = entry;
        try
        {
            if (ReferenceEquals(sender, EngineMark.Instance))
            {
                if (!TryUnwrap(entry, out message, out sender))
                {
                    return;
                }
            }
            else if (entry is PoisonPill)
            {
                Stop(SelfRef);
                return;
            }

            _sender = sender;
            _batchOpen = true;
            ((IActorHooks)_actor!).Receive(message);
        }
        catch (Exception failure)
        {
            _failedMessage = message;
            Fail(failure);
        }
    }

    /// <summary>Lets the actor flush, if it has handled anything since the last time.</summary>
    public void EndBatch()
    {
        if (!_batchOpen || !TakesMessages)
        {
            return;
        }

        _batchOpen = false;
        _sender = null;
        _receiveTimeout?.Touch();
        try
        {
            ((IActorHooks)_actor!).AfterBatch();
        }
        catch (Exception failure)
        {
            Fail(failure);
        }
    }

    public void InvokeSystem(SystemMessage message)
    {
        switch (message)
        {
            case SystemMessage.Create:
                Start();
                break;
            case SystemMessage.Suspend:
                Suspend();
                break;
            case SystemMessage.Resume resume:
                Resume(resume.ClearFailure);
                break;
            case SystemMessage.Recreate recreate:
                Recreate(recreate.Cause);
                break;
            case SystemMessage.Terminate:
                Terminate();
                break;
            case SystemMessage.Failed failed:
                OnChildFailed(failed.Child, failed.Cause);
                break;
            case SystemMessage.BackoffElapsed elapsed:
                OnBackoffElapsed(elapsed.Restart);
                break;
            case SystemMessage.Watch watch:
                OnWatch(watch.Watcher);
                break;
            case SystemMessage.Unwatch unwatch:
                OnUnwatch(unwatch.Watcher);
                break;
            case SystemMessage.DeathNotice notice:
                OnDeathNotice(notice.Dead);
                break;
            default:
                throw new UnreachableException($"Unknown system message {message.GetType().Name}.");
        }
    }

    /// <summary>What the actor gets for an entry that the engine put into its mailbox. False: nothing any more.</summary>
    private bool TryUnwrap(object entry, out object message, out ActorRef? sender)
    {
        sender = SelfRef;
        message = entry;
        switch (entry)
        {
            case ActorTimer timer:
                message = _timers?.Take(timer)!;
                return message is not null;
            case Terminated terminated:
                sender = terminated.Actor;
                return _deathsToTell?.Remove(terminated.Actor) == true;
            case ReceiveTimeoutTimer timeout:
                if (_batchOpen)
                {
                    timeout.Touch();
                }

                message = ReceiveTimeout.Instance;
                return timeout.Take();
            default:
                throw new UnreachableException($"Unknown mailbox entry {entry.GetType().Name}.");
        }
    }
}
