using System.Diagnostics;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Machines.Consuming;
using Broker.Machines.Logs;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Queues;

/// <summary>
/// One queue, a sharded entity. It translates between messages and <see cref="QueueMachine"/>; publishers and consumers are numbered here, and watched, so that
/// the machine hears when one is gone.
/// </summary>
/// <remarks>
/// Dispatch and all answers happen once per batch of the mailbox, so a busy queue sends few large messages. What a durable queue has done in a batch is one record in
/// the log, and what follows from it, confirms and deliveries alike, leaves when that record is on the disk.
/// </remarks>
internal sealed partial class QueueActor : Actor, IQueueEffects
{
    private readonly NodeServices _node;
    private readonly string _name;
    private readonly QueueOutbox _outbox;
    private Dictionary<long, PendingBatch>? _batches; // made with the first, as is all that an idle queue does not need
    private Queue<(ActorRef Asker, QueueMessage Question)>? _later; // questions that wait for messages to be read
    private IQueueMachine? _machine; // from the first start on, which comes before everything else
    private LocalQueue? _registration;
    private long _accountedBytes;

    public QueueActor(string name, NodeServices node)
    {
        _name = name;
        _node = node;
        _outbox = new QueueOutbox(this);
    }

    /// <summary>A batch that its publisher has no answer for yet.</summary>
    private readonly record struct PendingBatch(PublishBatch Batch, long Publisher, bool Parked);

    private IQueueMachine Machine => _machine ?? throw new InvalidOperationException($"queue '{_name}' was not started");

    protected override void PostStop()
    {
        if (_registration is not null)
        {
            if (_node.Cluster is null || _deleting)
            {
                _node.Queues.Remove(_registration);
            }
            else
            {
                _node.Queues.Suspend(_registration); // another node goes on with it, or this one does
                if (_failure is null)
                {
                    GiveUpAll(new FrameFault(ErrorCode.Unavailable, $"queue '{EntityName.LocalOf(_name)}' is moving between nodes; try again"));
                }
            }

            _node.Memory.Add(-_accountedBytes);
            if (_journal is not null)
            {
                _node.Storage!.Keeper.Tell(new StoreMessage.CheckpointDone(_registration.Id), Self); // it may wait for one that does not come now
            }
        }
    }

    protected override void Receive(object message)
    {
        if (_failure is { } failure)
        {
            ReceiveFailed(message, failure);
            return;
        }

        TellTime();
        switch (message)
        {
            case QueueMessage.Enqueue m:
                var publisher = IdOfSender();
                var batchId = ++_lastId;
                (_batches ??= []).Add(batchId, new PendingBatch(m.Batch, publisher, Parked: false));
                Machine.HandleEnqueue(new PublisherId(publisher), batchId, m.Batch.Messages, m.Batch.Producer);
                break;
            case QueueMessage.Grant m:
                Machine.HandleGrant(new ConsumerId(IdOfSender()), m.Messages, m.Bytes);
                break;
            case QueueMessage.Settle m:
                HandleSettle(m);
                break;
            case QueueMessage.Subscribe m:
                HandleSubscribe(m);
                break;
            case QueueMessage.CancelSubscription:
                Machine.HandleCancel(new ConsumerId(IdOfSender()));
                _outbox.Add(Sender, new ConsumerSignal.CancelDone()); // behind the deliveries that were decided on
                break;
            case QueueMessage.Get m:
                HandleGet(Sender, m);
                break;
            case Terminated m:
                _deadLetters?.HandleGone(m.Actor, Context);
                HandleGone(m.Actor);
                break;
            default:
                ReceiveAdministration(message);
                break;
        }
    }

    protected override void AfterBatch()
    {
        if (_machine is null || _failure is not null)
        {
            return;
        }

        AskLater();
        _machine.HandleMemoryShort(_node.Memory.IsShort);
        _machine.Dispatch();
        var lastIndex = _journal is null ? 0 : Log(_journal);
        DrainEffects();
        KeepTimer(); // before anybody can see why
        _registration!.Status.Update(_machine);
        AccountForMemory();
        _outbox.Release(lastIndex, _journal?.CertainIndex ?? 0, Self);
        if (!_deleted)
        {
            _checkpoints?.AfterBatch(Context);
        }
    }

    private void ReceiveAdministration(object message)
    {
        switch (message)
        {
            case QueueMessage.Start m:
                StartOrUse(m);
                _outbox.Add(Sender, new QueueReply.Started(m.OperationId, Machine.ReadyCount, Machine.ConsumerCount));
                CatchUp();
                break;
            case QueueMessage.Purge:
                _outbox.Add(Sender, new QueueReply.Purged(Machine.HandlePurge()));
                break;
            case QueueMessage.Peek m:
                HandlePeek(Sender, m);
                break;
            case QueueMessage.Delete m:
                HandleDelete(m);
                break;
            case QueueMessage.Forget:
                HandleForget();
                break;
            default:
                ReceiveLife(message);
                break;
        }
    }

    private void StartOrUse(QueueMessage.Start message)
    {
        if (_machine is null)
        {
            var definition = _definition = message.Definition;
            _registration = new LocalQueue(definition, Self, new QueueStatus());
            _machine = definition.Durable ? StartDurable(definition) : Make(definition, ledger: null);
            _registration.Status.Update(_machine);
            _node.Queues.Add(_registration);
            _machine.HandleSettings(SettingsNow()); // what has changed before it was in the directory, nobody has told it
            Context.DescribeBy(_registration.Status);
        }
        else if (message.OperationId > 0)
        {
            HandleUsed();
        }
    }

    private void HandleSubscribe(QueueMessage.Subscribe message)
    {
        FrameFault? fault = SubscribeArguments.TryParse(message.Arguments, Now, out var arguments, out var invalid)
            ? Machine.HandleSubscribe(
                new ConsumerId(IdOfSender()),
                new SubscribeTerms(message.Exclusive, message.NoAck, message.MaxMessageBytes, arguments.Priority) { Start = arguments.Start, Filter = arguments.Filter })
            : invalid;
        _isUnwanted &= fault is not null;
        _outbox.Add(Sender, new ConsumerSignal.Subscribed(fault));
    }

    private void HandleSettle(QueueMessage.Settle message)
    {
        var fault = Machine.HandleSettle(new ConsumerId(IdOfSender()), message.Ranges, message.Outcome, message.Reason);
        var answer = new ConsumerSignal.Settled(message.Ranges, fault);
        if (message.Certain)
        {
            _outbox.Add(Sender, answer);
        }
        else
        {
            Sender.Tell(answer, Self);
        }
    }

    private void HandleDelete(QueueMessage.Delete message)
    {
        var messages = Machine.ReadyCount;
        if (RefusalOf(message) is { } refusal)
        {
            _outbox.Add(Sender, new QueueReply.Refused(message.OperationId, refusal));
            return;
        }

        if (Machine.HandleDelete(message.IfUnused, message.IfEmpty) is { } fault)
        {
            _outbox.Add(Sender, new QueueReply.Refused(message.OperationId, fault));
            return;
        }

        DrainEffects();
        var (asker, parent) = (Sender, Context.Parent);
        _deletion = (asker, message.OperationId);
        _node.Queues.Remove(_registration!); // routed to no more from here on
        _deleting = true;
        _outbox.Add(() =>
        {
            parent.Tell(new Passivate(PoisonPill.Instance), Self); // first, so that a new declaration finds the shard waiting for this actor's end
            asker.Tell(new QueueReply.Deleted(message.OperationId, messages), Self);
        });
    }

    /// <summary>Most often its own deletion came first, and this is about an actor that was started by it.</summary>
    private void HandleForget()
    {
        if (_machine is null)
        {
            _node.Queues.Forget(_name);
            Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self);
        }
        else if (!_deleting)
        {
            HandleDelete(new QueueMessage.Delete(0, IfUnused: false, IfEmpty: false));
        }
    }

    private void DrainEffects()
    {
        while (Machine.TryTakeEffect(out var effect))
        {
            switch (effect)
            {
                case QueueEffect.Parked e:
                    HandleParked(e);
                    break;
                case QueueEffect.Load e:
                    Loads.Begin(e, Context);
                    break;
                default:
                    _outbox.Add(effect);
                    break;
            }
        }
    }

    void IQueueEffects.Perform(QueueEffect effect) => Perform(effect);

    private void Perform(QueueEffect effect)
    {
        switch (effect)
        {
            case QueueEffect.Accepted e:
                Answer(e.BatchId, fault: null);
                break;
            case QueueEffect.NotAccepted e:
                BatchRefusal[] refused = [.. e.Refused.Select(r => r with { Fault = r.Fault with { Reason = $"queue '{EntityName.LocalOf(_name)}': {r.Fault.Reason}" } })];
                Answer(e.BatchId, refused[0].Fault, refused);
                break;
            case QueueEffect.DeadLetter e:
                Letters.Begin(e.Message, Context);
                break;
            case QueueEffect.Unused:
                HandleUnused();
                break;
            case QueueEffect.Dropped e:
                Answer(e.BatchId, new FrameFault(ErrorCode.QueueDeleted, $"queue '{EntityName.LocalOf(_name)}' was deleted before it could take the message"));
                break;
            case QueueEffect.Deliver e:
                Tell(e.Consumer.Value, new ConsumerSignal.Deliver(e.Deliveries));
                break;
            case QueueEffect.ConsumerRefused e:
                Tell(e.Consumer.Value, new ConsumerSignal.Refused(e.Fault));
                break;
            case QueueEffect.ConsumerClosed e:
                Tell(e.Consumer.Value, new ConsumerSignal.QueueGone());
                break;
            default:
                throw new UnreachableException($"queue effect {effect}");
        }
    }

    private void HandleParked(QueueEffect.Parked effect)
    {
        if (_batches is not null && _batches.TryGetValue(effect.BatchId, out var parked))
        {
            _batches[effect.BatchId] = parked with { Parked = true };
            Tell(effect.Publisher.Value, new PublisherSignal.Parked(parked.Batch, effect.Reason));
        }
    }

    private void Answer(long batchId, FrameFault? fault, IReadOnlyList<BatchRefusal>? refused = null)
    {
        if (_batches is not null && _batches.Remove(batchId, out var pending))
        {
            Tell(pending.Publisher, new PublisherSignal.Answered(pending.Batch, fault, pending.Parked, refused));
        }
    }

    private void AccountForMemory()
    {
        var delta = Machine.LoadedBytes - _accountedBytes;
        if (delta != 0)
        {
            _accountedBytes += delta;
            _node.Memory.Add(delta);
        }
    }
}
