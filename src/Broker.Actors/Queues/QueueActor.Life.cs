using Broker.Actors.Topology;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Queues;

/// <summary>What concerns time, behaviour that changes, and the queue's own end.</summary>
internal sealed partial class QueueActor
{
    private const long LongestTimerMs = 24 * 60 * 60 * 1000; // a longer one is started again
    private static readonly TimeSpan s_deletionRetry = TimeSpan.FromSeconds(5);
    private QueueDefinition? _definition; // from the first start on
    private DeadLetters? _deadLetters; // made when there is an exchange for them, or a first one
    private long _armed = long.MaxValue; // when the timer comes, by the clock that is never set
    private bool _knowsTime; // in this batch
    private bool _isUnwanted; // the machine has said so, and nobody has used the queue since

    private TimeProvider Clock => _node.Options.TimeProvider;

    private long Now => Clock.GetUtcNow().ToUnixTimeMilliseconds();

    private long Uptime => (long)Clock.GetElapsedTime(0).TotalMilliseconds;

    /// <summary>Once a batch: what comes together happens at one time.</summary>
    private void TellTime()
    {
        if (!_knowsTime && _machine is not null)
        {
            _knowsTime = true;
            _machine.HandleTime(Now, Uptime);
        }
    }

    /// <summary>A timer that comes too early does no harm, so it is only started anew when something is due before it.</summary>
    private void KeepTimer()
    {
        _knowsTime = false;
        var (deadline, timeout) = (Machine.NextDeadline, Machine.NextTimeout);
        if ((deadline ?? timeout) is null || _deleting)
        {
            return;
        }

        var uptime = Uptime;
        var delay = Math.Clamp(Math.Min(deadline - Now ?? long.MaxValue, timeout - uptime ?? long.MaxValue), 0, LongestTimerMs);
        if (uptime + delay < _armed)
        {
            _armed = uptime + delay;
            Context.Timers.StartSingle(QueueMessage.Due.Instance, QueueMessage.Due.Instance, TimeSpan.FromMilliseconds(delay));
        }
    }

    /// <summary>How the queue is to behave, and where its dead letters go: by its declaration and the policies for it.</summary>
    private QueueSettings SettingsNow()
    {
        var definition = _definition!;
        var (policy, operatorPolicy, _) = _node.Policies.For(definition.Name, definition.Arguments.Kind ?? QueueKind.Queue);
        var settings = QueueSettings.Of(definition, policy, operatorPolicy);
        if (settings.DeadLetters || _deadLetters is not null)
        {
            Letters.AimAt(definition.Arguments, policy);
        }

        return settings;
    }

    private DeadLetters Letters => _deadLetters ??= new DeadLetters(_node, _definition!, Self);

    private void HandleUsed()
    {
        _isUnwanted = false;
        Machine.HandleUsed();
    }

    private void HandleUnused()
    {
        _isUnwanted = true;
        AskForDeletion();
    }

    /// <summary>The topology asks back with a <see cref="QueueMessage.Delete"/>, which is refused if the queue was used meanwhile.</summary>
    private void AskForDeletion() =>
        _node.Topology.Tell(new TopologyRequest.DeleteQueue(_name, IfUnused: false, IfEmpty: false) { IfUnwanted = true }, Self);

    private FrameFault? RefusalOf(QueueMessage.Delete deletion) =>
        deletion.OnlyId != 0 && deletion.OnlyId != _registration!.Id ? OtherQueue
        : deletion.IfUnwanted && !_isUnwanted ? new FrameFault(ErrorCode.PreconditionFailed, "the queue was used meanwhile")
        : null;

    /// <summary>The answer to a deletion that is about a queue which had the name before.</summary>
    public static FrameFault OtherQueue => new(ErrorCode.PreconditionFailed, "another queue has that name now");

    private void HandleDeletionAnswered(TopologyReply reply)
    {
        if (reply.Fault is { Code: not ErrorCode.PreconditionFailed } && _isUnwanted && !_deleting)
        {
            Context.Timers.StartSingle(QueueMessage.DeleteAgain.Instance, QueueMessage.DeleteAgain.Instance, s_deletionRetry);
        }
    }

    private List<QueueConsumerInfo> ConsumersNow() => [.. Machine.Consumers.Select(InfoOf)];

    private QueueConsumerInfo InfoOf(ConsumerId consumer) =>
        new(TryFindPeer(consumer.Value, out var peer) ? peer.Path.ToString() : "", IsActive: Machine.ActiveConsumer is not { } active || active == consumer);

    private void ReceiveLife(object message)
    {
        switch (message)
        {
            case QueueMessage.Due:
                _armed = long.MaxValue; // the time was told, and the next timer is started after the batch
                break;
            case QueueMessage.Policies:
                Machine.HandleSettings(SettingsNow());
                break;
            case QueueMessage.Pause m:
                Machine.HandlePause(m.IsPaused);
                _outbox.Add(Sender, new QueueReply.Paused(Machine.IsPaused));
                break;
            case QueueMessage.PeekDelayed m:
                Sender.Tell(new QueueReply.Delayed([.. Machine.PeekDelayed(m.Count).Select(d => new DelayedEntry(d.Due, d.Entry))]), Self);
                break;
            case QueueMessage.ListConsumers:
                Sender.Tell(new QueueReply.Consumers(ConsumersNow()), Self);
                break;
            case QueueMessage.DeadLettered m:
                foreach (var sequence in m.Sequences)
                {
                    Machine.HandleDeadLettered(sequence);
                }

                break;
            case QueueMessage.DeleteAgain when _isUnwanted:
                AskForDeletion();
                break;
            case QueueMessage.DeleteAgain:
                break;
            case TopologyReply m:
                HandleDeletionAnswered(m);
                break;
            case PublisherSignal or DeadLetters.Retry:
                Letters.Handle(message, Context);
                break;
            default:
                ReceiveFromStore(message);
                break;
        }
    }
}
