using Broker.Actors.Runtime;
using Broker.Machines.Ledgers;
using Broker.Machines.Logs;
using Broker.Machines.Queues;
using Broker.Machines.Topology;

namespace Broker.Actors.Queues;

/// <summary>What is made for a declaration, and questions about single messages, which may have to be read first.</summary>
internal sealed partial class QueueActor
{
    private IQueueMachine Make(QueueDefinition definition, QueueLedger? ledger) => definition.Arguments.Kind == QueueKind.Log
        ? new LogMachine(_node.Limits.Queue, ledger, SettingsNow(), Now)
        : new QueueMachine(_node.Limits.Queue, ledger, SettingsNow(), Now, Uptime);

    private void HandleGet(ActorRef asker, QueueMessage.Get message)
    {
        _isUnwanted = false;
        var id = new ConsumerId(IdOf(asker));
        if (Machine.CheckNext(message.MaxMessageBytes, id) is { } tooLarge)
        {
            _outbox.Add(asker, new QueueReply.Got(null, Machine.ReadyCount, tooLarge));
            return;
        }

        switch (Machine.HandleGet(id, message.NoAck, out var delivery))
        {
            case GetResult.Message:
                _outbox.Add(asker, new QueueReply.Got(delivery, Machine.ReadyCount));
                break;
            case GetResult.Empty:
                _outbox.Add(asker, new QueueReply.Got(null, Machine.ReadyCount));
                break;
            default:
                AskAgain(asker, message);
                break;
        }
    }

    private void HandlePeek(ActorRef asker, QueueMessage.Peek message)
    {
        if (Machine.TryPeek(message.Count, out var entries))
        {
            asker.Tell(new QueueReply.Peeked(entries), Self);
        }
        else
        {
            AskAgain(asker, message);
        }
    }

    private void AskAgain(ActorRef asker, QueueMessage question) => (_later ??= new Queue<(ActorRef, QueueMessage)>()).Enqueue((asker, question));

    /// <summary>Questions that waited for messages are asked again, whatever has happened: the messages may have been read, or have left. Some may have to wait again.</summary>
    private void AskLater()
    {
        for (var i = _later?.Count ?? 0; i > 0; i--)
        {
            var (asker, question) = _later!.Dequeue();
            switch (question)
            {
                case QueueMessage.Get m:
                    HandleGet(asker, m);
                    break;
                case QueueMessage.Peek m:
                    HandlePeek(asker, m);
                    break;
                default:
                    break;
            }
        }
    }
}
